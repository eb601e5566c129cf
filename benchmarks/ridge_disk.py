"""Ridge regression of targets on disk: seconds a target and memory as their number grows."""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import closed_form, splits

_FOLDS, _PENALTIES = 3, 20


def run(quick: bool) -> list[dict[str, Any]]:
    """5000 samples × 200 features → 10 000 and 100 000 targets of a memory map (2 GB), 3 folds,
    20 penalties, kernels to another one; each in a process of its own."""
    samples, features, most = (200, 10, 10_000) if quick else (5000, 200, 100_000)
    work = f"{samples}×{features}, {_FOLDS} folds, {_PENALTIES} penalties, y in a memory map"
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), samples, features, most)
        for targets in (most // 10, most):
            program = "from benchmarks.ridge_disk import measure; measure()"
            command = [sys.executable, "-c", program, folder, str(targets)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            each = found["seconds"] / targets
            records.append({
                "case": "ridge_disk",
                "work": work,
                "implementation": f"{targets} targets",
                "ratio": each / (records[0]["seconds_per_fit"] if records else each),
                "fits": targets * _FOLDS * _PENALTIES,
                "fits_per_second": targets * _FOLDS * _PENALTIES / found["seconds"],
                "seconds_per_fit": each,
                "quality_name": "mean of the least held-out errors",
                **found,
            })  # fmt: skip
    return records


def _write(folder: Path, samples: int, features: int, targets: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, features), np.float32)
    kernel = rng.standard_normal((features, targets), np.float32) * features**-0.5
    np.save(folder / "x.npy", x)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (samples, targets))
    for first in range(0, samples, 100):
        at = slice(first, first + 100)
        y[at] = x[at] @ kernel
        y[at] += rng.standard_normal(y[at].shape, np.float32)


def measure() -> None:
    """Prints what so many targets of the files in a folder take."""
    folder, targets = Path(sys.argv[1]), int(sys.argv[2])
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy", mmap_mode="r")[:, :targets]
    path, shape = folder / f"kernel{targets}.npy", (x.shape[1], targets)
    kernel = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    folds, penalties = splits.k_fold(len(x), _FOLDS), np.logspace(-3, 2, _PENALTIES)
    begun = time.perf_counter()
    closed_form.ridge_search(x, y, folds, penalties, out=kernel)  # compiles
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    found = closed_form.ridge_search(x, y, folds, penalties, out=kernel)
    seconds = time.perf_counter() - begun
    told = {
        "seconds": seconds,
        "compile_seconds": max(0.0, first - seconds),
        "peak_memory_bytes": _peak(),
        "quality": float(found.errors.min(axis=0).mean()),
    }
    print(json.dumps(told))


def _peak() -> int | None:
    """Bytes; getrusage tells those of the process that started this one, where they were more."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else None
