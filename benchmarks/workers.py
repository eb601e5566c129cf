"""The same fits by one and by two workers of Dask, processes with a core each."""

import hashlib
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find


def run(quick: bool) -> list[dict[str, Any]]:
    """20 000 Poisson GLMs, T = 2000, 20 features; what the workers compiled before."""
    distributed = find("distributed")
    if distributed is None:
        return []
    records: list[dict[str, Any]] = []
    first = ""
    for count in (1, 2):
        found, second = _by_workers(distributed, count, quick)
        bits = _checksum(found)
        first = first or bits
        records.append({
            "case": "workers",
            "work": f"{found.loss.size} Poisson GLMs, T=2000, 20 features, a core for each worker",
            "implementation": f"{count} of Dask's workers",
            "seconds": second,
            "compile_seconds": 0.0,
            "ratio": second / (records[0]["seconds"] if records else second),
            "fits": found.loss.size,
            "fits_per_second": found.loss.size / second,
            "quality": float(bits != first),
            "quality_name": "bits differ from one worker's (0: no)",
        })  # fmt: skip
    return records


def _by_workers(distributed: Any, count: int, quick: bool) -> tuple[jn.Fits, float]:
    """The fits, and the median of their seconds."""
    with (
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            env={"JAX_NUM_CPU_DEVICES": "1"},  # of a worker
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        for core, worker in enumerate(client.scheduler_info()["workers"]):
            client.run(_to_one_core, core, workers=[worker])
        executor = client.get_executor()
        found, seconds = _fits(executor, 200 if quick else 2000), []
        for _ in range(1 if quick else 3):
            begun = time.perf_counter()
            found = _fits(executor, 400 if quick else 20_000)
            seconds.append(time.perf_counter() - begun)
        return found, statistics.median(seconds)


def _to_one_core(core: int) -> None:
    """Of all threads that there are; those to come inherit it. Not everywhere can be asked."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cores[core % len(cores)]})


def _fits(executor: Any, count: int) -> jn.Fits:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 20)).astype(np.float32)
    y = rng.poisson(np.exp(x @ rng.normal(0, 0.1, (20, 100)))).astype(np.float32)
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge()
    )
    axes = [jn.axes.targets(100), *jn.axes.grid(l2=np.logspace(-4, 0, count // 100).tolist())]
    return jn.fit_many(fit, jn.make_inputs(x, y), axes, lanes=32, executor=executor)


def _checksum(found: jn.Fits) -> str:
    layer = found.params["readout"]
    bits = b"".join(np.ascontiguousarray(layer[name]).tobytes() for name in ("kernel", "bias"))
    return hashlib.sha256(bits).hexdigest()
