"""Tuning curves and coupling filters put into spikes are found again, all neurons at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxneuro import (
    Axis,
    Inputs,
    Status,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
)
from jaxneuro import features as f
from jaxneuro.engine import lane
from jaxneuro.engine.rows import flatten_axes
from jaxneuro.types import Array

GLM = make_fit(models.linear(), losses.poisson, optimizers.lbfgs(), penalties.ridge())


def targets_with(kept: np.ndarray) -> Axis:
    """Each target sees its own row of features."""
    return Axis("target", len(kept), Partial(_take, jnp.asarray(kept, jnp.float32)))


def _take(kept: Array, inputs: Inputs, index: Array) -> Inputs:
    return inputs._replace(y=inputs.y[:, index], features=kept[index])


def fitted(design: np.ndarray, counts: np.ndarray, over: Sequence[Axis], l2: float):
    fits = fit_many(GLM, make_inputs(design, counts, hyper={"l2": l2}), list(over), lanes=8)
    assert set(fits.status.ravel()) <= {Status.CONVERGED, Status.PLATEAU}
    return fits.params["readout"]["kernel"][..., 0]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.slow
def test_tuning_to_position_and_direction() -> None:
    rng = np.random.default_rng(0)
    samples, neurons = 20_000, 6
    position = rng.uniform(0, 100, samples)
    direction = rng.uniform(-np.pi, np.pi, samples)
    centre, preferred = np.linspace(15, 85, neurons), np.linspace(-3, 2, neurons)

    def place(x):
        return 2 * np.exp(-0.5 * ((x[..., None] - centre) / 12) ** 2)

    def heading(angle):
        return 0.6 * np.cos(angle[..., None] - preferred)

    counts = rng.poisson(np.exp(place(position) + heading(direction) - 2))
    train = np.arange(samples) < 15_000
    basis = (
        f.b_spline(12, name="position") + f.fourier(2, bounds=(0, 2 * np.pi), name="direction")
    ).bounded(position, direction, fitted=train)
    held_out = basis.evaluate(position, direction)[~train]
    design = basis.evaluate(position[train], direction[train])
    weights = fitted(design, counts[train], [axes.targets(neurons)], 1e-5)
    curves = basis.curves(weights, at={"position": np.linspace(2, 98, 97)})
    (grid,), found = curves["position"]
    assert found.shape == (neurons, 97)
    for k in range(neurons):
        assert correlation(found[k], place(grid)[:, k]) > 0.97
    (grid,), found = curves["direction"]
    np.testing.assert_allclose(found, heading(grid).T, atol=0.15)
    assert np.isnan(held_out).any(axis=1).mean() < 0.01  # beyond what was seen in training


def population(samples: int, dt: float):
    """Counts of four neurons that couple in a ring, and their true filters (to, from, lag)."""
    lags = dt * np.arange(1, 41)
    own = -4 * np.exp(-lags / 0.004)
    forth = 0.7 * (lags / 0.008) * np.exp(1 - lags / 0.008)
    filters = np.zeros((4, 4, 40))
    for k in range(4):
        filters[k, k], filters[k, k - 1] = own, forth
    latest_last = filters[:, :, ::-1].transpose(2, 1, 0).reshape(160, 4)
    rng, counts = np.random.default_rng(1), np.zeros((samples + 40, 4))
    for t in range(40, samples + 40):
        counts[t] = rng.poisson(30 * dt * np.exp(counts[t - 40 : t].ravel() @ latest_last))
    return counts[40:], filters


@pytest.mark.slow
def test_history_and_coupling_filters() -> None:
    counts, true = population(40_000, 0.001)
    history = f.raised_cosine(8, stretch=10, name="counts").filters(0.04, dt=0.001, channels=4)
    design = history.evaluate(counts, dtype=np.float32)
    allowed = np.eye(4) + np.roll(np.eye(4), -1, axis=1)  # each from itself and the one before
    kept = f.couplings(history, allowed)
    weights = fitted(design, counts, [targets_with(kept)], 1e-5)
    assert not weights[~kept].any()
    (lags,), found = history.curves(weights)
    assert found.shape == (4, 4, 40) and lags[0] == 0.001
    for to in range(4):
        assert correlation(found[to, to - 1], true[to, to - 1]) > 0.95
        assert correlation(found[to, to], true[to, to]) > 0.95
    # The same inputs by what axes there are: rows (i, i) of targets and ablations.
    inputs = make_inputs(design, counts)
    one, two = axes.targets(4), axes.ablations(kept)
    for i in range(4):
        made = two.select(one.select(inputs, i), i)
        mine = targets_with(kept).select(inputs, i)
        np.testing.assert_array_equal(made.features, mine.features)
        np.testing.assert_array_equal(made.y, mine.y)


def test_no_neuron_has_a_design_of_its_own() -> None:
    """`x` is one array that all lanes share, whatever each target's mask."""
    history = f.raised_cosine(8, name="counts").filters(20, channels=50)
    kept = f.couplings(history, np.random.default_rng(0).random((50, 50)) < 0.3)
    counts = np.random.default_rng(1).poisson(0.5, (64, 50))
    inputs = make_inputs(history.evaluate(counts), counts, hyper={"l2": 1e-3})
    selects = lane.selects_of(flatten_axes([targets_with(kept)]))
    one = lane.make_lane(GLM, inputs, selects, 1)
    own = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(one.own))
    assert own < inputs.x.size / 10
