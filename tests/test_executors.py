"""Rows run by others: blocks, workers that die, a folder of what they need. Threads are the workers
here; tests/test_executors_processes.py has processes."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import (
    LANES,
    PAIRS,
    POISSON,
    TARGETS,
    assert_same_bits,
    leaves,
    problem,
    targets_and_grid,
)

from jaxneuro import Interrupted, axes, fit_many, splits
from jaxneuro.crossval import search
from jaxneuro.engine import executors, here, lanes, shipping
from jaxneuro.inputs import stack_subjects
from jaxneuro.types import Axis, Status

pytestmark = pytest.mark.usefixtures("hasty")


def run(executor=None, fit=POISSON, **options):
    options = {"lanes": LANES, **options}
    return fit_many(fit, problem(), targets_and_grid(), executor=executor, **options)


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def alone():
    return run()


class Failing:
    """An executor that runs a call as its result is asked for; of the blocks, those of these
    numbers end with an exception so many times."""

    def __init__(self, failures: dict[int, int], error: BaseException | None = None):
        self.failures, self.error = dict(failures), error or RuntimeError("killed")
        self.calls, self.blocks = [], {}

    def submit(self, *call):
        self.calls.append(call)
        future = Future()
        if call[1] is lanes._work:
            number = self.blocks.setdefault(call[-1][0].tobytes(), len(self.blocks))
            if self.failures.get(number, 0) > 0:
                self.failures[number] -= 1
                future.set_exception(self.error)
                return future
        future.set_result(call[0](*call[1:]))
        return future


def test_same_bits_as_alone(threads, alone):
    found = run(threads)
    assert_same_bits(found, alone)
    assert found.lanes == LANES and 0 < found.useful <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_same_bits_as_alone_of_all_pairs(threads, name):
    assert_same_bits(run(threads, PAIRS[name]), run(fit=PAIRS[name]))


@pytest.mark.slow
def test_lanes_are_those_of_the_plan(threads):
    found, expected = run(threads, lanes="auto"), run(lanes="auto")
    assert found.lanes == expected.lanes // len(jax.local_devices())
    assert_same_bits(found, expected)


def test_outer_axes_rows_and_keep(threads):
    stacked = stack_subjects([problem(seed=seed) for seed in (0, 1)])
    stacked = stacked._replace(hyper={"strength": np.float32(0.1)})
    every = [axes.subjects(2), axes.targets(TARGETS)]
    rows = np.random.default_rng(0).permutation(2 * TARGETS)[:11]
    rows = np.stack([rows % 2, rows // 2], axis=1)
    options = {"rows": rows, "lanes": LANES, "keep": "scores"}
    expected = fit_many(POISSON, stacked, every, **options)
    found = fit_many(POISSON, stacked, every, executor=threads, **options)
    assert found.params is None
    assert_same_bits(found, expected)


def test_a_search(threads):
    nested = splits.nested(splits.k_fold(97, 2), lambda train: splits.k_fold(len(train), 2, seed=1))
    arguments = (
        POISSON, problem()._replace(held_out=jnp.zeros(97)), axes.targets(TARGETS), nested,
        axes.grid(strength=[0.1, 3.0]),
    )  # fmt: skip
    one, other = search(*arguments), search(*arguments, executor=threads)
    assert_same_bits(one.inner, other.inner)
    assert_same_bits(one.fits, other.fits)


def test_what_is_stored_is_resumed_by_anybody(threads, alone, tmp_path, monkeypatch):
    assert_same_bits(run(threads, out=tmp_path), alone)
    assert {p.suffix for p in tmp_path.iterdir()} == {".npz", ".json"}  # what was shipped is gone
    monkeypatch.setattr(here, "run_group", None)
    assert_same_bits(run(out=tmp_path), alone)
    assert_same_bits(run(threads, out=tmp_path), alone)


def test_progress_is_told(threads, capfd):
    run(threads, progress=True)
    assert "24/24 fits" in capfd.readouterr().err


def test_ctrl_c_keeps_what_there_is(alone, tmp_path):
    with pytest.raises(Interrupted, match=r"after 8 of 24 fits; they are safe in"):
        run(Failing({2: 1}, KeyboardInterrupt()), out=tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".npz", ".json"}
    executor = Failing({})
    assert_same_bits(run(executor, out=tmp_path), alone)
    assert sum(len(call[-1][0]) for call in executor.calls[1:]) == 16


def test_what_a_dead_client_shipped_is_removed(threads, alone, tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    name = executors._new_folder(tmp_path).name
    (tmp_path / name / "0.npy").write_bytes(b"inputs")
    gone = name.replace(f".{os.getpid()}.part", f".{dead.pid}.part")
    (tmp_path / name).rename(tmp_path / gone)
    assert_same_bits(run(threads, out=tmp_path), alone)
    assert {p.suffix for p in tmp_path.iterdir()} == {".npz", ".json"}


def test_a_block_whose_worker_dies_is_submitted_again(alone):
    executor = Failing({1: 2, 4: 1})
    assert_same_bits(run(executor), alone)
    assert len(executor.calls) == 1 + 6 + 3
    told = {repr(call[2:-1]) + str(call[-1]) for call in executor.calls}
    assert len(told) == len(executor.calls)  # no engine can take one for another


def test_a_block_that_dies_three_times_is_lost_alone(alone, tmp_path):
    with pytest.warns(UserWarning, match=r"4 of 24 fits are lost \(RuntimeError: killed\).*again"):
        found = run(Failing({1: 3}), out=tmp_path)
    gone = found.status.ravel() == Status.LOST
    assert found.statuses()["lost"] == gone.sum() == LANES
    for name, leaf in leaves(found, gone).items():
        assert np.isnan(leaf).all() if leaf.dtype.kind == "f" else "f" not in leaf.dtype.kind, name
    assert_same_bits(found, alone, ~gone, ~gone)
    assert "lost" in found.table()["status"]
    executor = Failing({})
    assert_same_bits(run(executor, out=tmp_path), alone)
    assert sum(len(call[-1][0]) for call in executor.calls[1:]) == LANES


@pytest.mark.parametrize("at", ["result", "submit"])
def test_a_broken_pool_loses_its_blocks_and_says_what_to_do(alone, at):
    error = BrokenProcessPool("a process terminated abruptly")

    class Broken(Failing):
        def submit(self, *call):
            if at == "submit" and len(self.calls) == 3:
                raise error
            return super().submit(*call)

    broken = Broken(dict.fromkeys([2, 3, 4, 5], 9) if at == "result" else {}, error)
    with pytest.warns(UserWarning, match=r"16 of 24 fits are lost \(BrokenProcessPool.*give a new"):
        found = run(broken)
    sound = found.status.ravel() != Status.LOST
    assert sound.sum() == 8
    assert_same_bits(found, alone, sound, sound)
    assert len(broken.calls) == (7 if at == "result" else 3)  # none of them once more


class Odd(Exception):
    """Cannot be pickled and read again."""

    def __init__(self, one, two):
        super().__init__(one + two)


def test_what_a_worker_raises_comes_back_as_words(threads, monkeypatch):
    def fail(*_):
        raise Odd("out of ", "luck")

    monkeypatch.setattr(here, "run_group", fail)
    with pytest.warns(UserWarning, match=r"24 of 24 fits are lost \(Odd: out of luck\)"):
        found = run(threads)
    assert (found.status == Status.LOST).all()


def test_no_worker_that_can_work_is_an_error_beforehand(threads, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="must have submit"):
        run(7)
    with pytest.raises(ValueError, match=r'JAX stands still in a fork.*get_context\("spawn"\)'):
        run(ProcessPoolExecutor(1, multiprocessing.get_context("fork")))
    with pytest.raises(ValueError, match="executor: goes without devices"):
        run(threads, devices=jax.devices())

    class Elsewhere(Failing):
        def submit(self, there, function, folder, *rest):
            return super().submit(there, function, "/not/seen/here", *rest)

    with pytest.raises(RuntimeError, match=r"sees no folder /not/seen/here; give out=FOLDER"):
        run(Elsewhere({}))
    versions = iter([{"jax": "1"}, {"jax": "2"}])
    monkeypatch.setattr(executors, "_versions", lambda: next(versions))
    with pytest.raises(RuntimeError, match=r"has {'jax': '1'} and a worker {'jax': '2'}; install"):
        run(threads, out=tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_workers_of_another_kind_are_told(monkeypatch, alone):
    work = lanes._work
    monkeypatch.setattr(lanes, "_work", lambda *a: work(*a)._replace(kind="TPU v9"))
    with pytest.warns(UserWarning, match=r"different kinds.*'TPU v9'.*agree to rounding"):
        found = run(Failing({}))
    assert_same_bits(found, alone)


def test_a_worker_reads_its_inputs_once(monkeypatch, threads):
    read, unpacked = [], lanes._unpacked
    monkeypatch.setattr(lanes, "_unpacked", lambda given: read.append(1) or unpacked(given))
    run(threads)
    assert len(read) == 1


@pytest.mark.parametrize(("fits", "wave"), [(1, 8), (24, 4), (64, 1), (1000, 8), (100_000, 16)])
def test_blocks_are_whole_waves_of_all_rows(fits, wave):
    order = np.random.default_rng(0).permutation(fits)
    blocks = executors._blocks(order, wave)
    np.testing.assert_array_equal(np.concatenate(blocks), order)
    assert all(len(block) % wave == 0 for block in blocks[:-1])
    assert len(blocks) >= min(16, -(-fits // wave)) and len(blocks) <= 128


def shift(amount):
    return Axis("shift", 2, lambda inputs, i: inputs._replace(y=inputs.y + i * amount))


def test_what_is_shipped_arrives(tmp_path):
    rng = np.random.default_rng(0)
    big = rng.normal(size=(100, 101)).astype(np.float32)
    key = jax.random.key(5)
    sent = {
        "numpy": big, "again": big, "jax": jnp.asarray(big), "small": np.arange(3),
        "columns": np.asfortranarray(big), "half": jnp.asarray(big, jnp.bfloat16), "key": key,
        "keys": jax.random.split(key, 3), "names": np.array(["a", None]), "scalar": jnp.asarray(2),
        "axis": shift(jnp.asarray(big[:, 0])),
    }  # fmt: skip
    shipping.ship(sent, tmp_path)
    assert len([*tmp_path.glob("*.npy")]) == 4  # what is the same array is one file
    got = shipping.arrived(str(tmp_path), lambda what: what)
    assert got is shipping.arrived(str(tmp_path), lambda what: None)
    assert got["numpy"] is got["again"] and isinstance(got["numpy"], np.memmap)
    for name in ("numpy", "jax", "small", "columns", "half", "names", "scalar"):
        assert isinstance(got[name], jax.Array) == isinstance(sent[name], jax.Array), name
        np.testing.assert_array_equal(got[name], sent[name], strict=True)
    for name in ("key", "keys"):
        one, other = map(jax.random.key_data, (got[name], sent[name]))
        np.testing.assert_array_equal(one, other, strict=True)
    inputs = problem()._replace(y=jnp.zeros(100))
    np.testing.assert_array_equal(got["axis"].select(inputs, 1).y, big[:, 0])


def test_closures_without_cloudpickle(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cloudpickle", None)
    shipping.ship(POISSON, tmp_path)
    assert shipping.arrived(str(tmp_path), lambda what: what) == POISSON
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[cluster\]"'):
        shipping.ship(shift(1.0), tmp_path)
