"""The most exciting input: of linear models their weights, of others the neuron's own field."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import jaxneuro
from jaxneuro import axes, encoding, losses, metrics, models, optimizers, penalties

SIZE = 10
PROGRESS: dict[str, Any] = {"progress": False}

pytestmark = pytest.mark.usefixtures("hasty")


def _gabor(angle: float, phase: float, x: float = 0, y: float = 0) -> np.ndarray:
    across, up = np.meshgrid(*[np.arange(SIZE) - SIZE / 2 + 0.5] * 2)
    along = (across - x) * np.cos(angle) + (up - y) * np.sin(angle)
    made = np.exp(-((across - x) ** 2 + (up - y) ** 2) / 8) * np.cos(1.1 * along + phase)
    return made / np.linalg.norm(made)


FIELDS = np.stack([_gabor(0, 0), _gabor(1, 0.5, 1), _gabor(2, 1.5, 0, -1)])


def _images(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise images, and the responses of rectified Gabor neurons."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, SIZE, SIZE))
    drive = np.einsum("sij,nij->sn", x, FIELDS)
    return x, 2 * np.maximum(drive - 0.3, 0) + 0.3 * rng.normal(size=drive.shape)


def _similar(found: np.ndarray) -> np.ndarray:
    flat = found.reshape(len(FIELDS), -1)
    return np.array(
        [np.corrcoef(a, b.ravel())[0, 1] for a, b in zip(flat, FIELDS, strict=True)]
    )  # fmt: skip


@pytest.fixture(scope="module")
def linear() -> jaxneuro.Fits:
    rng = np.random.default_rng(1)
    x, weights = rng.normal(size=(300, 2, 3)), rng.normal(size=(6, 4))
    y = rng.poisson(np.exp(0.3 * x.reshape(300, 6) @ weights))
    inputs = jaxneuro.make_inputs(x, y, hyper={"l2": 0.01})
    return jaxneuro.fit_many(encoding.poisson_glm(), inputs, [axes.targets(4)])


def _weights(fits: jaxneuro.Fits) -> np.ndarray:
    return fits.params["readout"]["kernel"][..., 0]


def test_of_a_linear_model_it_is_the_weights(linear):
    found = encoding.most_exciting(linear, (2, 3), 2.0, centre=0.5, starts=3, **PROGRESS)
    unit = _weights(linear) / np.linalg.norm(_weights(linear), axis=1, keepdims=True)
    np.testing.assert_allclose(found.input, 0.5 + 2 * unit.reshape(4, 2, 3), atol=1e-3)
    assert found.input.shape == (4, 2, 3) and found.inputs.shape == (4, 3, 2, 3)
    own = linear.predict(found.input)[np.arange(4), np.arange(4)]
    np.testing.assert_allclose(found.response, own, rtol=1e-4)
    np.testing.assert_array_equal(found.agreeing, 1)
    assert (found.response[:, None] >= found.responses).all()
    again = encoding.most_exciting(linear, (2, 3), 2.0, centre=0.5, starts=3, **PROGRESS)
    np.testing.assert_array_equal(again.input, found.input)
    assert again.fits.compile_seconds < 0.1 * found.fits.compile_seconds


def test_limits_hold(linear):
    found = encoding.most_exciting(linear, (2, 3), 2.0, low=-1, high=0.8, starts=4, **PROGRESS)
    assert found.input.min() >= -1 and found.input.max() <= np.float32(0.8)
    assert (np.linalg.norm(found.input.reshape(4, 6), axis=1) <= 2.001).all()
    for own, weights in zip(found.input.reshape(4, 6), _weights(linear), strict=True):
        # The best of the ball within the box is clip(scale · w), of the largest norm allowed.
        every = np.clip(np.geomspace(0.1, 1e3, 20000)[:, None] * weights, -1, 0.8)
        inside = every[np.linalg.norm(every, axis=1) <= 2]
        assert own @ weights >= 0.98 * (inside @ weights).max()


def test_a_fit_that_diverged_changes_no_other(linear):
    broken = jax.tree.map(np.copy, linear.params)
    broken["readout"]["kernel"][1] = np.nan
    found = encoding.most_exciting(
        replace(linear, params=broken), (2, 3), 1.0, starts=2, **PROGRESS
    )
    whole = encoding.most_exciting(linear, (2, 3), 1.0, starts=2, **PROGRESS)
    rest = [0, 2, 3]
    np.testing.assert_array_equal(found.input[rest], whole.input[rest])
    assert np.isnan(found.response[1])


@pytest.mark.slow
def test_a_network_of_a_gabor_neuron_has_its_field():
    x, y = _images(1000)
    fit = jaxneuro.make_fit(
        models.mlp((6,)), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(),
        jaxneuro.Stop(max_steps=40), standardise=True, relative=True,
    )  # fmt: skip
    inputs = jaxneuro.make_inputs(x, y, hyper={"l2": 0.1})
    fits = jaxneuro.fit_many(fit, inputs, [axes.targets(3), axes.seeds(2)])
    found = encoding.most_exciting(fits, (SIZE, SIZE), 4.0, starts=3, **PROGRESS)
    assert found.input.shape == (3, 2, SIZE, SIZE) and found.agreeing.shape == (3, 2)
    assert (_similar(found.input[:, 0]) > 0.95).all() and (_similar(found.input[:, 1]) > 0.95).all()


@pytest.mark.slow
def test_a_convolutional_core_of_several_neurons_has_theirs():
    x, y = _images(3000)
    fit = jaxneuro.make_fit(
        models.cnn(3, channels=(8,), hidden=(32,)), losses.half_squared_error,
        optimizers.lbfgs(), penalties.ridge(1e-2), jaxneuro.Stop(max_steps=80),
        scores={"correlation": metrics.correlation},
    )  # fmt: skip
    held_out = np.arange(len(x)) >= 2500
    fits = jaxneuro.fit_many(fit, jaxneuro.make_inputs(x, y, held_out=held_out))
    assert (fits.scores["correlation"] > 0.85).all()
    found = encoding.most_exciting(fits, (SIZE, SIZE), 4.0, starts=6, **PROGRESS)
    assert found.input.shape == (3, SIZE, SIZE)
    assert (_similar(found.input) > 0.9).all()
    at_truth = fits.predict(4 * FIELDS)[np.arange(3), np.arange(3)]
    assert (found.response >= at_truth).all()  # the best of the model, if not of the neuron


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"norm": 0.0}, "norm is 0"),
        ({"norm": np.nan}, "norm is nan"),
        ({"low": 1.0}, "low is 1.0"),
        ({"high": -1.0}, "high -1.0"),
        ({"shape": (5,)}, r"shape is \(5,\)"),
    ],
)
def test_bad_input_is_named(linear, changed, words):
    given = {"shape": (2, 3), "norm": 1.0, **changed}
    with pytest.raises(ValueError, match=words):
        encoding.most_exciting(linear, **given)


def test_what_has_no_model_or_parameters_is_refused(linear):
    with pytest.raises(ValueError, match="not kept"):
        encoding.most_exciting(replace(linear, params=None), (2, 3), 1.0)
    fit = linear.fit._replace(loss=losses.cross_entropy)
    with pytest.raises(ValueError, match="classifiers"):
        encoding.most_exciting(replace(linear, fit=fit), (2, 3), 1.0)
