"""Medians of interleaved repeats, and the machine's own peak for comparison."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp


def interleaved(runs: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each function, run in turn `repeats` times. Each must end blocked."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_gflops(size: int = 1024) -> float:
    """GFLOP/s of a large float32 matrix product on the default device, best of ten."""
    product = jax.jit(lambda a: a @ a)
    a = jnp.ones((size, size), jnp.float32) / size
    product(a).block_until_ready()
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        product(a).block_until_ready()
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 / best * 1e-9
