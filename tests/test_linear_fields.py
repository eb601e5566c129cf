"""Receptive fields of linear models: what they are, and what their bands hold."""

from typing import Any

import numpy as np
import pytest

import jaxneuro
from jaxneuro import encoding, features, losses, models, optimizers

SAMPLES, FEATURES, NEURONS = 400, 6, 20
PROGRESS: dict[str, Any] = {"progress": False}

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, counts y, and the weights (neuron, feature) of their log-rate."""
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(SAMPLES, FEATURES)), 0.3 * rng.normal(size=(NEURONS, FEATURES))
    return x, rng.poisson(np.exp(x @ weights.T - 0.3)), weights


@pytest.mark.slow
def test_bands_hold_the_truth_where_nothing_shrinks_it(recording):
    x, y, weights = recording
    found = encoding.linear_fields(encoding.poisson_glm(), x, y, {"l2": 1e-5}, **PROGRESS)
    assert found.field.shape == (NEURONS, FEATURES) and found.at is None
    inside = (found.low <= weights) & (weights <= found.high)
    assert 0.90 < inside.mean() < 0.985
    shrunk = encoding.linear_fields(
        encoding.poisson_glm(), x, y, {"l2": np.full(NEURONS, 1.0)}, **PROGRESS
    )
    assert (np.abs(shrunk.field) < np.abs(found.field)).mean() > 0.9
    assert ((shrunk.low <= weights) & (weights <= shrunk.high)).mean() < 0.5


def test_each_neuron_has_its_own_strength_and_shape(recording):
    x, y, _ = recording
    strengths = np.geomspace(1e-3, 1, 4)
    found = encoding.linear_fields(
        encoding.linear(), x, y[:, :4], {"l2": strengths}, shape=(2, 3), resamples=3, **PROGRESS
    )
    assert found.field.shape == found.low.shape == (4, 2, 3)
    for i, strength in enumerate(strengths):
        inputs = jaxneuro.make_inputs(x, y[:, i], hyper={"l2": strength})
        alone = jaxneuro.fit_many(encoding.linear(), inputs).params["readout"]["kernel"][:, 0]
        np.testing.assert_allclose(found.field[i].ravel(), alone, rtol=1e-3, atol=1e-5)


def test_each_neuron_sees_its_own_features(recording):
    x, y, _ = recording
    seen = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 0, 1]], bool)
    found = encoding.linear_fields(
        encoding.linear(), x, y[:, :2], {"l2": 0.1}, features=seen, resamples=3, **PROGRESS
    )
    for part in (found.field, found.low, found.high):
        assert (part[~seen] == 0).all() and (part[seen] != 0).all()
    alone = encoding.linear_fields(
        encoding.linear(), x[:, seen[1]], y[:, 1:2], {"l2": 0.1}, resamples=3, **PROGRESS
    )
    np.testing.assert_allclose(found.field[1, seen[1]], alone.field[0], rtol=1e-3, atol=1e-5)


def test_weights_of_a_basis_go_back_to_curves():
    rng = np.random.default_rng(1)
    base = features.raised_cosine(3, name="flash").filters(15)
    base = base + features.b_spline(5, name="speed", bounds=(-3, 3))
    signals = rng.normal(size=800), np.clip(rng.normal(size=800), -3, 3)
    x = base.evaluate(*signals)
    weights = rng.normal(size=(2, base.size))
    y = x @ weights.T + 0.5 * rng.normal(size=(800, 2))
    found = encoding.linear_fields(
        encoding.linear(), x, y, {"l2": 1e-5}, basis=base, length=4, resamples=100, **PROGRESS
    )
    truth = base.curves(weights)
    assert found.field.keys() == truth.keys() == found.at.keys()
    flash = truth["flash"].values
    np.testing.assert_array_equal(found.at["flash"][0], truth["flash"].at[0])
    assert np.mean((found.low["flash"] <= flash) & (flash <= found.high["flash"])) > 0.8
    np.testing.assert_allclose(found.field["flash"], flash, atol=0.3)


def test_what_has_no_single_projection_is_refused(recording):
    x, y, _ = recording
    with pytest.raises(ValueError, match=r"32 units.*most_exciting"):
        encoding.linear_fields(encoding.mlp(), x, y)
    fit = jaxneuro.make_fit(models.cnn(2), losses.half_squared_error, optimizers.lbfgs())
    with pytest.raises(ValueError, match="no dense first layer"):
        encoding.linear_fields(fit, x, y)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"y": np.ones(SAMPLES)}, r"y has shape \(400,\)"),
        ({"shape": (4, 2)}, "shape is of 8 features, and x has 6"),
        ({"basis": features.raised_cosine(4, name="a").filters(9)}, "basis is of 4 features"),
        ({"hyper": {"l2": [1.0, 2.0]}}, "l2 has shape"),
        ({"hyper": {"l2": np.inf}}, "l2 has shape"),
    ],
)
def test_bad_input_is_named(recording, changed, words):
    x, y, _ = recording
    with pytest.raises(ValueError, match=words):
        encoding.linear_fields(encoding.linear(), **{"x": x, "y": y, **changed})
