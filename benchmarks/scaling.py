"""Seconds and memory as the number of fits grows; the same bits on any number of devices."""

import functools
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

import jaxneuro as jn

_TIMES = {1: 25, 10: 9, 100: 3, 1000: 1}  # how often so many times the fits are run


def run(quick: bool) -> list[dict[str, Any]]:
    """100, 1 000, 10 000 and 100 000 Poisson GLMs, T = 4000, 20 features, 8 lanes a device."""
    base = 10 if quick else 100
    factors = [*_TIMES][: 2 if quick else 4]
    found = {factor: _fits(base * factor) for factor in factors[:2]}  # compiles ...
    time.sleep(1)  # ... in the background too
    seconds: dict[int, list[float]] = {factor: [] for factor in factors}
    for number in range(max(_TIMES.values())):  # in turn: a machine's speed changes with time
        for factor in factors:
            if number < _TIMES[factor]:
                begun = time.perf_counter()
                found[factor] = _fits(base * factor)
                seconds[factor].append(time.perf_counter() - begun)
    records = []
    for factor in factors:
        fits, second = base * factor, statistics.median(seconds[factor])
        first = records[0]["seconds_per_fit"] if records else second / fits
        records.append({
            "case": "scaling",
            "work": "Poisson GLMs, T=4000, 20 features",
            "implementation": f"{fits} fits",
            "seconds": second,
            "compile_seconds": 0.0,
            "ratio": second / fits / first,
            "fits": fits,
            "fits_per_second": fits / second,
            "seconds_per_fit": second / fits,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "quality": float(found[factor].gradient_norm.max()),
            "quality_name": "largest gradient norm",
        })  # fmt: skip
    return records + _devices(2 if quick else 8)


@functools.cache
def _recording() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 20)).astype(np.float32)
    y = rng.poisson(np.exp(x @ rng.normal(0, 0.1, (20, 100)))).astype(np.float32)
    return x, y


def _fits(count: int) -> jn.Fits:
    x, y = _recording()
    strengths = np.logspace(-4, 0, max(1, count // 100)).tolist()
    axes = [jn.axes.targets(range(min(count, 100))), *jn.axes.grid(l2=strengths)]
    return jn.fit_many(_FIT, jn.make_inputs(x, y), axes, lanes=8)


_FIT = jn.make_fit(
    jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge()
)


def _devices(most: int) -> list[dict[str, Any]]:
    """The same fits in processes of 1, 2, 4, 8 virtual devices, and the checksum of their bits."""
    records, sums = [], []
    for devices in (d for d in (1, 2, 4, 8) if d <= most):
        environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"}
        program = "from benchmarks.scaling import print_sum; print_sum()"
        done = subprocess.run([sys.executable, "-c", program], env=environment, check=True,
                              capture_output=True, text=True)  # fmt: skip
        seconds, checksum = done.stdout.split()
        sums.append(checksum)
        records.append({
            "case": "scaling",
            "work": "1 000 fits on virtual devices: the same bits",
            "implementation": f"{devices} devices",
            "seconds": float(seconds),
            "compile_seconds": 0.0,
            "ratio": float(seconds) / (records[0]["seconds"] if records else float(seconds)),
            "fits": 1000,
            "fits_per_second": 1000 / float(seconds),
            "quality": float(checksum != sums[0]),
            "quality_name": "bits differ from one device's (0: no)",
        })  # fmt: skip
    return records


def print_sum() -> None:
    """Seconds of 1 000 fits here, and sha256 of their parameters."""
    _fits(1000)
    begun = time.perf_counter()
    found = _fits(1000)
    seconds = time.perf_counter() - begun
    layer = found.params["readout"]
    bits = b"".join(np.ascontiguousarray(layer[name]).tobytes() for name in ("kernel", "bias"))
    print(seconds, hashlib.sha256(bits).hexdigest())
