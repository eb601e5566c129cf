"""Minibatches of samples that lie in a file: what reading them costs, remembered by the system and
forgotten."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optax

import jaxneuro as jn
from jaxneuro.models import files

_BATCH, _NEURONS = 256, 8


def run(quick: bool) -> list[dict[str, Any]]:
    """20 000 of the 200 000 rows of a file (1.6 GB) of 2048 numbers each: 8 MLPs, 20 steps of 256
    rows each, and their scores."""
    if not hasattr(os, "posix_fadvise"):
        return []
    rows, steps = (400, 2) if quick else (20_000, 20)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        _write(path, 10 * rows)
        places = np.arange(0, 10 * rows, 10)
        x = np.load(path, mmap_mode="r")[places]
        y = np.random.default_rng(0).normal(size=(rows, _NEURONS)).astype(np.float32)
        mlp = jn.models.mlp((32,))
        of_file = jn.models.of_file(mlp, path)
        stop = jn.Stop(max_steps=steps, gradient=0, plateau=0)

        def fits(model: jn.Model, x: Any) -> Callable[[], float]:
            fit = jn.make_fit(
                model, jn.losses.squared_error, optax.sgd(1e-3), stop=stop, batch=_BATCH
            )

            def run() -> float:
                targets = [jn.axes.targets(_NEURONS)]
                found = jn.fit_many(fit, jn.make_inputs(x, y), targets, lanes=4)
                return float(found.loss.mean())

            return run

        def by_numpy() -> float:
            """The rows alone, each of them once, a step's after the other."""
            array, rng = np.load(path, mmap_mode="r"), np.random.default_rng(0)
            parts = np.array_split(rng.permutation(places), max(1, rows // _BATCH))
            return float(np.mean([array[np.sort(part)].mean() for part in parts]))

        of_rows = fits(of_file, {"row": places})
        cases = {
            "array in memory": (fits(mlp, x), False),
            "of the file, which the system remembers": (of_rows, False),
            "of the file, forgotten": (of_rows, True),
            "numpy reads the rows once, forgotten": (by_numpy, True),
        }
        seconds = _clocked(cases, path, 1 if quick else 5)
    first = next(iter(seconds.values()))[0]
    return [
        {
            "case": "file_rows",
            "work": f"{_NEURONS} MLPs of {rows} rows of 2048 numbers, {steps} steps of {_BATCH}",
            "implementation": name,
            "seconds": second,
            "compile_seconds": 0.0,
            "ratio": second / first,
            "fits": _NEURONS,
            "fits_per_second": _NEURONS / second,
            "quality": quality,
            "quality_name": "mean loss at the end; numpy: mean of the rows",
        }
        for name, (second, quality) in seconds.items()
    ]


def _clocked(
    cases: dict[str, tuple[Callable[[], float], bool]], path: Path, repeats: int
) -> dict[str, tuple[float, float]]:
    """Median seconds of each, in turn, and what it found; compiled before."""
    for work, _ in cases.values():
        work()
    clocked: dict[str, list[float]] = {name: [] for name in cases}
    found: dict[str, float] = {}
    for _ in range(repeats):
        for name, (work, forgets) in cases.items():
            if forgets:
                _forget(path)
            begun = time.perf_counter()
            found[name] = work()
            clocked[name].append(time.perf_counter() - begun)
    return {name: (statistics.median(seconds), found[name]) for name, seconds in clocked.items()}


def _write(path: Path, rows: int) -> None:
    array = np.lib.format.open_memmap(path, "w+", np.float32, (rows, 2048))
    rng = np.random.default_rng(0)
    for first in range(0, rows, 10_000):
        array[first : first + 10_000] = rng.standard_normal(array[first : first + 10_000].shape)
    array.flush()


def _forget(path: Path) -> None:
    """The system drops what it has read of the file; and so does the model."""
    files._opened.cache_clear()
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
