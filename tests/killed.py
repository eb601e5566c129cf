"""Runs whose workers and client are killed at random: `python tests/killed.py [RUNS [KILLS]]`.

Each run is a client process with two workers of Dask that fits into a folder; a worker or the
client is killed, the client is started again where it died, and at the end all bits must be those
of a run that nobody disturbed. `tests/test_killed.py` does a little of it.
"""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import jaxneuro as jn

_FITS = 20_000
_PATIENCE = 240  # seconds


def fits(executor: Any = None, out: Any = None) -> jn.Fits:
    """Poisson GLMs by gradient descent that is slow to converge."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 12)).astype(np.float32)
    y = rng.poisson(np.exp(x @ rng.normal(0, 0.1, (12, 100)))).astype(np.float32)
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge(),
        jn.Stop(max_steps=400, gradient=1e-7, plateau=0),
    )  # fmt: skip
    axes = [jn.axes.targets(100), *jn.axes.grid(l2=np.logspace(-4, 0, _FITS // 100).tolist())]
    return jn.fit_many(fit, jn.make_inputs(x, y), axes, lanes=16, executor=executor, out=out)


def checksum(found: jn.Fits) -> str:
    """Of parameters, statuses and steps."""
    layer = found.params["readout"]
    arrays = (layer["kernel"], layer["bias"], found.status, found.steps)
    bits = (np.ascontiguousarray(a).tobytes() for a in arrays)
    return hashlib.sha256(b"".join(bits)).hexdigest()


def client(folder: str) -> None:
    """Says who its workers are, fits, and says what came of it."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as own,
    ):
        print("workers", *dict(own.run(os.getpid)).values(), flush=True)
        print("done", checksum(fits(own.get_executor(), folder)), flush=True)


def disturbed(folder: Path, kills: int, chance: random.Random) -> tuple[str, dict[str, int]]:
    """The checksum of a run that was disturbed until it was done, and who was killed how often."""
    killed = {"worker": 0, "client": 0}
    for _ in range(3 * kills + 10):
        command = [sys.executable, __file__, "client", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, start_new_session=True)  # fmt: skip
        assert process.stdout is not None
        workers = [int(word) for word in process.stdout.readline().split()[1:]]
        alive = bool(workers)
        while alive and sum(killed.values()) < kills:
            time.sleep(chance.uniform(0.2, 5))
            if process.poll() is not None:
                break
            if chance.random() < 0.5:
                os.killpg(process.pid, signal.SIGKILL)  # its workers have nobody to talk to
                killed["client"] += 1
                alive = False
            else:
                killed["worker"] += _kill(chance.choice(_workers(process.pid) or workers))
        try:
            said, _ = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:  # Dask may give up a worker that dies as it starts
            os.killpg(process.pid, signal.SIGKILL)
            killed["client"] += 1
            said = ""
        if "done" in said:
            return said.split("done")[1].split()[0], killed
    raise RuntimeError(f"it does not come to an end: {killed}")


def _workers(client: int) -> list[int]:
    """The workers that a client has now: those that died were replaced."""
    import psutil  # Dask brings it

    found = []
    for process in psutil.Process(client).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have gone meanwhile
            found += [process.pid] * ("spawn_main" in " ".join(process.cmdline()))
    return found


def _kill(process: int) -> int:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def main(runs: int = 20, kills: int = 10) -> None:
    """Prints a line for each run; stops at the first that ends with other bits."""
    expected = checksum(fits())
    total = {"worker": 0, "client": 0}
    for run in range(runs):
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found, killed = disturbed(Path(folder) / "run", kills, random.Random(run))
        total = {who: total[who] + killed[who] for who in total}
        seconds = time.perf_counter() - begun
        print(f"run {run}: {killed}, {seconds:.0f} s, same bits: {found == expected}", flush=True)
        assert found == expected
    print(f"{runs} runs, killed {total}: the same bits as undisturbed")


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
