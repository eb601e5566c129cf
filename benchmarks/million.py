"""A million small fits: seconds a fit and memory beside ten thousand of them."""

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

import jaxneuro as jn

_NEURONS = 100


def run(quick: bool) -> list[dict[str, Any]]:
    """10 000, 100 000 and 1 000 000 Poisson GLMs, T = 200, 4 features, of which scores are kept;
    each number in a process of its own, compilation not counted."""
    records: list[dict[str, Any]] = []
    for fits in (200, 400) if quick else (10_000, 100_000, 1_000_000):
        program = f"from benchmarks.million import measure; measure({fits})"
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True,
                              text=True)  # fmt: skip
        found = json.loads(done.stdout)
        each = found["seconds"] / fits
        records.append({
            "case": "million",
            "work": "Poisson GLMs, T=200, 4 features, keep='scores'",
            "implementation": f"{fits} fits",
            "compile_seconds": 0.0,
            "ratio": each / (records[0]["seconds_per_fit"] if records else each),
            "fits": fits,
            "fits_per_second": fits / found["seconds"],
            "seconds_per_fit": each,
            "quality_name": "MB at most",
            **found,
        })  # fmt: skip
    return records


def measure(fits: int) -> None:
    """Prints what so many take here."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    y = rng.poisson(np.exp(x @ rng.normal(0, 0.3, (4, _NEURONS)))).astype(np.float32)
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge(),
        scores={"deviance": jn.metrics.explained_deviance_poisson},
    )  # fmt: skip

    strengths = np.logspace(-4, 0, fits // _NEURONS)
    axes = [*jn.axes.grid(l2=strengths.tolist()), jn.axes.targets(_NEURONS)]

    def many(rows: Any = None) -> jn.Fits:
        return jn.fit_many(fit, jn.make_inputs(x, y), axes, rows=rows, keep="scores", lanes=64)

    many(np.argwhere(np.ones((min(len(strengths), 10), _NEURONS))))
    time.sleep(1)  # until the last program is compiled, in the background
    begun = time.perf_counter()
    found = many()
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({
        "seconds": seconds,
        "peak_memory_bytes": peak,
        "quality": peak * 1e-6,
        "useful": found.useful,
    }))  # fmt: skip
