"""A fit's bits depend on nothing but the fit: not on neighbours, order, devices, interruptions."""

import signal
import warnings
from dataclasses import replace

import jax
import numpy as np
import pytest
from helpers import (
    LANES,
    PAIRS,
    POISSON,
    STRENGTHS,
    TARGETS,
    assert_close,
    assert_same_bits,
    counts,
    leaves,
    problem,
    python,
    targets_and_grid,
)

from jaxneuro import Status, Warned, axes, fit_many
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.results import Results

GRID = len(STRENGTHS)
every_pair = pytest.mark.parametrize("name", PAIRS)


@pytest.fixture(scope="module")
def whole():
    """All fits of a pair, undisturbed."""
    inputs, kept = problem(), {}

    def run(name: str):
        if name not in kept:
            kept[name] = fit_many(PAIRS[name], inputs, targets_and_grid(), lanes=LANES)
        return kept[name]

    return run


@every_pair
def test_the_pairs_do_something(whole, name):
    fits = whole(name)
    assert not np.isin(fits.status, [Status.BAD_DATA, Status.DIVERGED, Status.RUNNING]).any()
    kernels = [leaf for key, leaf in leaves(fits).items() if "kernel" in key]
    assert all(len(np.unique(leaf, axis=0)) >= TARGETS * GRID * 2 // 3 for leaf in kernels)


@every_pair
def test_rows_in_another_order(whole, name):
    expected = whole(name)
    order = np.random.default_rng(1).permutation(len(expected))
    fits = fit_many(
        PAIRS[name], problem(), targets_and_grid(), rows=expected.rows[order], lanes=LANES
    )
    assert_same_bits(fits, expected, rows=order)


@every_pair
def test_some_of_the_rows(whole, name):
    expected = whole(name)
    some = np.array([5, 0, 17, 22])
    fits = fit_many(
        PAIRS[name], problem(), targets_and_grid(), rows=expected.rows[some], lanes=LANES
    )
    assert_same_bits(fits, expected, rows=some)
    alone = fit_many(
        PAIRS[name], problem(), targets_and_grid(), rows=expected.rows[17:18], lanes=LANES
    )
    assert_same_bits(alone, expected, rows=slice(17, 18))


@every_pair
def test_ill_neighbours(whole, name):
    """Every second target is spoilt; the others, and those spoilt, fare as they would alone."""
    _, y = counts()
    y[:, 1] = np.nan
    y[::3, 3] = np.nan
    y[1, 5] = np.inf  # a fitted sample
    counted = "poisson" in name  # which take no other units
    y[:, 7] = 1e11 if counted else 1e30
    with pytest.warns(UserWarning, match="1 of 8 targets will end as bad_data"):
        warnings.filterwarnings("ignore", "y holds values beyond float32")
        fits = fit_many(PAIRS[name], problem(y), targets_and_grid(), lanes=LANES)
    # Parameters for the raw y are in double precision where any is beyond float32: same numbers.
    fits = replace(fits, params=jax.tree.map(np.float32, fits.params))
    sound = [0, 2, 4, 6]
    rows = [target * GRID + i for target in sound for i in range(GRID)]
    assert_same_bits(fits, whole(name), rows, rows)

    assert (fits.status[1] == Status.BAD_DATA).all() and (fits.steps[1] == 0).all()
    assert (fits.status[5] == Status.BAD_DATA).all() and (fits.steps[5] == 0).all()
    assert np.isin(fits.status[3], [Status.BAD_DATA, Status.DIVERGED], invert=True).all()
    assert np.isfinite(fits.loss[3]).all() and (fits.loss[3] != whole(name).loss[3]).all()


def test_a_value_in_a_sample_that_nobody_uses_is_no_matter():
    """Infinite, impossible for the loss or missing: the same bits, and no warning."""
    _, y = counts()
    unused = np.array([1, 3, 4, 6])
    weight = problem().weight.at[unused].set(0)
    expected = fit_many(
        POISSON, problem(y)._replace(weight=weight), targets_and_grid(), lanes=LANES
    )
    y[unused] = np.array([np.inf, -np.inf, -1.5, np.nan])[:, None]
    fits = fit_many(POISSON, problem(y)._replace(weight=weight), targets_and_grid(), lanes=LANES)
    assert_same_bits(fits, expected)
    assert not np.isin(fits.status, [Status.BAD_DATA, Status.DIVERGED]).any()


def test_silent_neighbours(whole):
    _, y = counts()
    y[:, ::2] = 0
    fits = fit_many(POISSON, problem(y), targets_and_grid(), lanes=LANES)
    rows = [target * GRID + i for target in (1, 3, 5, 7) for i in range(GRID)]
    assert_same_bits(fits, whole("poisson, lbfgs"), rows, rows)
    assert (fits.warning[::2] == Warned.CONSTANT_TARGET).all()
    assert np.isfinite(fits.loss).all()


@pytest.mark.parametrize("name", ["mlp, adam", "mlp, minibatches"])
def test_exploding_neighbours(whole, name):
    """Two of three penalties are so large that gradient descent runs away."""
    grid = axes.grid(strength=[STRENGTHS[0], 1e30, np.float32(3e38)])
    fits = fit_many(PAIRS[name], problem(), [axes.targets(TARGETS), grid], lanes=LANES)
    rows = np.arange(0, TARGETS * GRID, GRID)
    assert_same_bits(fits, whole(name), rows, rows)
    assert (fits.status[:, 2] == Status.DIVERGED).all()


@every_pair
def test_how_often_the_host_looks_changes_nothing(whole, name, monkeypatch):
    monkeypatch.setattr(Pace, "stepped", lambda self, *_: setattr(self, "steps", 3))
    fits = fit_many(PAIRS[name], problem(), targets_and_grid(), lanes=LANES)
    assert_same_bits(fits, whole(name))


@pytest.mark.parametrize("where", ["add", "show"])
@every_pair
def test_interrupted_and_resumed(whole, name, where, monkeypatch, tmp_path):
    def run():
        return fit_many(PAIRS[name], problem(), targets_and_grid(), lanes=LANES, out=tmp_path)

    original = getattr(Results, where)

    def interrupt(self, *arguments):
        if self.done.sum() >= 7:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("jaxneuro.engine.results._CHUNK_SECONDS", 0.0)
        patched.setattr(Results, where, interrupt)
        run()
    assert list(tmp_path.glob("chunk-*.npz"))

    fitted = []
    with monkeypatch.context() as patched:
        add = Results.add
        patched.setattr(Results, "add", lambda self, fits, found: (
            fitted.extend(fits), add(self, fits, found)
        )[1])  # fmt: skip
        fits = run()
    assert 0 < len(fitted) < len(fits)
    assert len(set(fitted)) == len(fitted)
    assert 0 < fits.useful <= 1
    assert_same_bits(fits, whole(name))


_KILLED = """
import os, signal, sys
from helpers import LANES, PAIRS, problem, targets_and_grid
from jaxneuro import fit_many
from jaxneuro.engine import results, store

results._CHUNK_SECONDS, synced, sync = 0.0, [], os.fsync

def kill(file):
    synced.append(file)
    if len(synced) == 7:  # each write syncs a file and its folder: manifest, two chunks, then this
        os.kill(os.getpid(), signal.SIGKILL)
    sync(file)

store.os.fsync = kill
fit_many(PAIRS[sys.argv[1]], problem(), targets_and_grid(), lanes=LANES, out=sys.argv[2])
"""


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what is killed runs on CPUs")
def test_killed_in_the_midst_of_a_save_and_resumed(whole, tmp_path):
    name = "mlp, minibatches"
    ended = python(_KILLED, name, tmp_path, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(list(tmp_path.glob("chunk-*.npz"))) == 2
    assert len(list(tmp_path.glob(".*.part"))) == 1
    fits = fit_many(PAIRS[name], problem(), targets_and_grid(), lanes="auto", out=tmp_path)
    assert fits.lanes == LANES
    assert_same_bits(fits, whole(name))


_DEVICES = """
import sys
import flax.linen as nn, jax, jax.numpy as jnp, numpy as np, optax
from helpers import LANES, PAIRS, leaves, problem, targets_and_grid
from jaxneuro import Axis, Stop, fit_many, losses, make_fit, models, penalties

for case in sys.argv[2:]:
    name, devices = case.split(":")
    fits = fit_many(
        PAIRS[name], problem(), targets_and_grid(), lanes=LANES,
        devices=jax.devices()[:int(devices)],
    )
    assert fits.lanes == LANES * int(devices)
    np.savez(f"{sys.argv[1]}/{case}.npz", **leaves(fits))

def factor(inputs, index):
    lower = jnp.linalg.cholesky(4.0 * jnp.eye(3))
    return inputs._replace(weight=inputs.weight * lower[index, index])

class Turned(nn.Module):
    @nn.compact
    def __call__(self, x):
        turn = nn.initializers.orthogonal()
        hidden = nn.tanh(nn.Dense(4, name="hidden", kernel_init=turn)(x))
        return nn.Dense(1, name="readout", kernel_init=turn)(hidden)[:, 0]

def factor(inputs, index):
    lower = jnp.linalg.cholesky(4.0 * jnp.eye(3))
    return inputs._replace(weight=inputs.weight * lower[index, index])

def descent(model):
    ridge = penalties.ridge("strength")
    return make_fit(model, losses.half_squared_error, optax.sgd(0.01), ridge, Stop(max_steps=5))

def run(model, devices):
    every = [*targets_and_grid(), Axis("factor", 3, factor)]
    devices = jax.devices()[:devices]
    return leaves(fit_many(descent(model), problem(), every, lanes=LANES, devices=devices))

# Decompositions at the start alone, of a model and of an axis.
turned = models.from_linen(Turned())
one, two = run(turned, 1), run(turned, 2)
for name in one:
    assert one[name].tobytes() == two[name].tobytes(), name

def decomposed(params, x):
    prediction = models.linear().apply(params, x)
    bias = params["readout"]["bias"]
    return prediction + jnp.linalg.cholesky((1 + bias**2) * jnp.eye(3))[0, 0]

try:  # which could hang
    run(models.linear()._replace(apply=decomposed), 2)
except ValueError as error:
    assert "LAPACK" in str(error)
else:
    raise AssertionError("a decomposition at each step on two devices")
"""


@pytest.mark.slow
def test_two_and_four_devices(whole, tmp_path):
    cases = ["poisson, lbfgs:2", "mlp, minibatches:4"]
    flags = "--xla_force_host_platform_device_count=4"
    python(_DEVICES, tmp_path, *cases, XLA_FLAGS=flags)
    for case in cases:
        expected = leaves(whole(case.split(":")[0]))
        with np.load(tmp_path / f"{case}.npz") as found:
            assert sorted(found) == sorted(expected)
            for key in found:
                assert found[key].tobytes() == expected[key].tobytes(), key


@pytest.mark.parametrize(
    ("name", "lanes", "rtol", "steps"),
    [
        ("poisson, lbfgs", 1, 1e-3, 3),
        ("poisson, lbfgs", 2, 1e-3, 3),
        ("poisson, lbfgs", 8, 1e-3, 3),
        ("mlp, minibatches", 1, 1e-4, 0),
        ("lasso, proximal", 8, 1e-3, 3),
    ],
)
def test_another_number_of_lanes_agrees_to_rounding(whole, name, lanes, rtol, steps):
    fits = fit_many(PAIRS[name], problem(), targets_and_grid(), lanes=lanes)
    assert fits.lanes == lanes * len(jax.local_devices())
    assert_close(fits, whole(name), rtol, steps)
