"""Several processes of JAX on loopback: each runs its share of the rows."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import LANES, POISSON, assert_same_bits, leaves, problem, targets_and_grid

from jaxneuro import fit_many
from jaxneuro.engine import processes
from jaxneuro.engine.store import Store, StoreError

CHILD = """
import os, signal, sys, time
from pathlib import Path
import jax, numpy as np

rank, port, folder, gather, killed = sys.argv[1:]
rank, folder, killed = int(rank), Path(folder), int(killed)
jax.distributed.initialize(f"localhost:{port}", 2, rank, heartbeat_timeout_seconds=10)
from helpers import LANES, POISSON, leaves, problem, targets_and_grid
from jaxneuro import fit_many
from jaxneuro.engine import results
from jaxneuro.engine.results import Results

results._CHUNK_SECONDS, add, added = 0.0, Results.add, []

def adding(self, fits, found):
    if rank == killed and added:
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    added.append(fits)
    add(self, fits, found)

Results.add = adding
out = folder / "out" if (folder / "out").exists() else None
try:
    fits = fit_many(
        POISSON, problem(), targets_and_grid(), lanes=LANES if rank == 0 else 2 * LANES, out=out,
        gather=gather == "gather",
    )
except RuntimeError as error:
    (folder / f"{rank}.txt").write_text(str(error))
else:
    told = {"lanes": fits.lanes, "rows": fits.rows, "useful": fits.useful, **leaves(fits)}
    np.savez(folder / f"{rank}.npz", **told)
if killed >= 0:
    while not (folder / "killed").exists():
        time.sleep(0.01)  # the first process is who the others speak to
    os._exit(0)  # JAX waits for the others as it ends: for the dead as well
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def two(folder: Path, gather: str, killed: int = -1) -> list[tuple[int, str]]:
    """How two processes end, and what they complain of."""
    tests, port = Path(__file__).parent, free_port()
    path = os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    run = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, (rank, port, folder, gather, killed))],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=200) for process in run]
    return [(process.returncode, text[1]) for process, text in zip(run, told, strict=True)]


@pytest.fixture(scope="module")
def alone():
    return fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)


@pytest.mark.slow
@pytest.mark.parametrize("stored", [False, True])
def test_each_runs_its_share_and_has_all(tmp_path, alone, stored):
    out = tmp_path / "out"
    if stored:
        out.mkdir()
    for code, told in two(tmp_path, "gather"):
        assert code == 0, told
    for rank in range(2):
        with np.load(tmp_path / f"{rank}.npz") as found:
            assert found["lanes"] == LANES and 0 < found["useful"] <= 1  # the first's, for both
            for name, leaf in leaves(alone).items():
                np.testing.assert_array_equal(found[name], leaf, err_msg=name, strict=True)
    if stored:
        assert {p.suffix for p in out.iterdir()} == {".npz", ".json"}
        assert_same_bits(fit_many(POISSON, problem(), targets_and_grid(), out=out), alone)


@pytest.mark.slow
def test_each_has_its_share(tmp_path, alone):
    for code, told in two(tmp_path, "none"):
        assert code == 0, told
    for rank, part in enumerate([slice(None, 12), slice(12, None)]):
        with np.load(tmp_path / f"{rank}.npz") as found:
            np.testing.assert_array_equal(found["rows"], alone.rows[part])
            for name, leaf in leaves(alone, part).items():
                np.testing.assert_array_equal(found[name], leaf, err_msg=name, strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("gather", ["gather", "none"])
def test_one_is_killed(tmp_path, alone, gather):
    out = tmp_path / "out"
    out.mkdir()
    (code, told), (killed, _) = two(tmp_path, gather, killed=1)
    assert code == 0 and killed == -signal.SIGKILL, told
    chunks = [np.load(path)["fit"] for path in out.glob("chunk-*.npz")]
    done = np.concatenate(chunks)
    assert set(range(12)) <= set(done) and 12 < len(done) < 24  # the other's share is whole
    if gather == "gather":
        said = (tmp_path / "0.txt").read_text()
        assert "another process is gone. This one has run its share, and they are safe" in said
    again = fit_many(POISSON, problem(), targets_and_grid(), out=out)
    assert again.lanes == LANES
    assert_same_bits(again, alone)


def test_shares_are_all_rows_each_once(monkeypatch):
    order = np.random.default_rng(0).permutation(23)
    monkeypatch.setattr("jax.process_count", lambda: 4)
    parts = []
    for rank in range(4):
        monkeypatch.setattr("jax.process_index", lambda rank=rank: rank)
        parts.append(processes.share(order))
    np.testing.assert_array_equal(np.concatenate(parts), order)
    assert {len(part) for part in parts} == {5, 6}


def test_a_folder_is_one_runs_of_several_processes(tmp_path):
    run = {"fit": "poisson"}
    one, other = Store(tmp_path, run, 0), Store(tmp_path, run, 1)
    for share in (1, None):
        with pytest.raises(StoreError, match="in use by"):
            Store(tmp_path, run, share)
    one.append({"fit": np.array([0])})
    other.append({"fit": np.array([5])})
    one.close()
    with pytest.raises(StoreError, match="in use by"):
        Store(tmp_path, run)
    other.close()
    alone = Store(tmp_path, run)
    assert len([*alone.chunks()]) == 2
    with pytest.raises(StoreError, match="in use by"):
        Store(tmp_path, run, 1)
    alone.close()
    assert not [*tmp_path.glob(".lock*")]
