"""Rows run by processes of others: Dask and the standard library, and processes that are killed."""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import optax
import pytest
from helpers import LANES, PAIRS, POISSON, assert_same_bits, problem, targets_and_grid

from jaxneuro import Stop, axes, fit_many, losses, make_fit, models, penalties
from jaxneuro.engine.results import Results
from jaxneuro.types import Status

pytestmark = pytest.mark.slow


def run(executor=None, fit=POISSON, every=None, **options):
    every = targets_and_grid() if every is None else every
    return fit_many(fit, problem(), every, lanes=LANES, executor=executor, **options)


def own_fit():
    """With functions that no other process can import."""
    return make_fit(
        models.linear(), losses.poisson, lambda hyper: optax.adam(hyper["learning_rate"]),
        penalties.ridge("strength", where=lambda path, leaf: leaf.ndim > 1), Stop(max_steps=30),
    )  # fmt: skip


def many():
    """More fits, so that some are left when a worker is killed."""
    return [axes.targets(8), axes.grid(strength=np.geomspace(0.01, 1, 40))]


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def kill_after(monkeypatch, blocks, processes):
    """Kills one of the processes as the client takes so many blocks' results."""
    add, taken = Results.add, []

    def adding(self, fits, found):
        add(self, fits, found)
        taken.append(fits)
        if len(taken) == blocks:
            os.kill(processes[0], signal.SIGKILL)

    monkeypatch.setattr(Results, "add", adding)
    return taken


@pytest.mark.parametrize("name", ["poisson, lbfgs", "mlp, minibatches"])
def test_a_pool_of_processes(pool, name, tmp_path):
    alone = run(fit=PAIRS[name])
    assert_same_bits(run(pool, PAIRS[name]), alone)
    assert_same_bits(run(pool, PAIRS[name], out=tmp_path), alone)


def test_functions_that_no_other_process_can_import(pool):
    pytest.importorskip("cloudpickle")
    fit = own_fit()
    assert_same_bits(run(pool, fit), run(fit=fit))


def test_a_process_of_a_pool_is_killed(monkeypatch, tmp_path):
    alone = run(every=many())
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        run(pool)
        kill_after(monkeypatch, 3, list(pool._processes))
        with pytest.warns(UserWarning, match=r"fits are lost \(BrokenProcessPool.*give a new exec"):
            found = run(pool, every=many(), out=tmp_path)
    monkeypatch.undo()
    sound = found.status.ravel() != Status.LOST
    assert 0 < sound.sum() < len(found)
    assert_same_bits(found, alone, sound, sound)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert_same_bits(run(pool, every=many(), out=tmp_path), alone)


def test_dask(client, tmp_path):
    fit, executor = own_fit(), client.get_executor()
    assert_same_bits(run(executor, fit), run(fit=fit))
    assert_same_bits(run(client, out=tmp_path), run())  # a client has `submit` as well


def test_a_dask_worker_is_killed(client, monkeypatch, tmp_path):
    alone, executor = run(every=many()), client.get_executor()
    run(executor)
    taken = kill_after(monkeypatch, 5, list(client.run(os.getpid).values()))
    found = run(executor, every=many(), out=tmp_path)
    assert_same_bits(found, alone)
    taken = np.concatenate(taken)
    assert len(taken) == len(np.unique(taken)) == len(alone)  # each block once
