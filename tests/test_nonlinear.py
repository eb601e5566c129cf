"""The linear-nonlinear neuron: its function, what it recovers, and when it is the GLM."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro
from jaxneuro import axes, encoding, models
from jaxneuro.models.nonlinear import _ramps
from jaxneuro.selection import protocol

SAMPLES, FEATURES = 2400, 6
RATES = {
    "threshold": lambda u: 1.5 * np.maximum(u - 0.5, 0) + 0.02,
    "saturating": lambda u: 2 / (1 + np.exp(-4 * (u - 0.5))),
    "exponential": lambda u: np.exp(0.7 * u - 0.5),
}
NAMES = list(RATES)

pytestmark = [
    pytest.mark.usefixtures("hasty"),
    pytest.mark.filterwarnings("ignore::jaxneuro.selection.search.EdgeOfGrid"),
]


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x of correlated features, y of one neuron for each nonlinearity, and their projections."""
    rng = np.random.default_rng(0)
    apart = np.abs(np.subtract.outer(np.arange(FEATURES), np.arange(FEATURES)))
    mixing = np.linalg.cholesky(np.exp(-apart / 2))
    x = 3 + 0.1 * rng.normal(size=(SAMPLES, FEATURES)) @ mixing.T
    drive = (x - 3) @ rng.normal(size=(FEATURES, len(RATES)))
    drive /= drive.std(axis=0)
    rates = np.stack([rate(drive[:, i]) for i, rate in enumerate(RATES.values())], axis=1)
    return x, rng.poisson(rates).astype(float), drive


@pytest.fixture(scope="module")
def found(recording):
    x, y, _ = recording
    splits = protocol(SAMPLES, test=np.arange(SAMPLES) > 1600, folds=2)
    grid = axes.grid(l2=[1e-2])
    fits = {"glm": encoding.poisson_glm(), "ln": encoding.linear_nonlinear()}
    return {
        name: encoding.encode(fit, x, y, splits, grid, score="deviance", progress=False)
        for name, fit in fits.items()
    }


def test_the_spline_bends_once_in_each_segment():
    u = np.linspace(-5, 5, 2001)
    slope = np.gradient(_ramps(u, np), u, axis=1)
    assert np.abs(slope[:, u == 0]).max() < 0.01
    np.testing.assert_allclose(np.sort(np.unique(np.round(slope[:, [5, -5]], 6))), [-1, 0, 1])
    bent = np.gradient(slope, u, axis=1)[:, 10:-10]
    assert ((bent > -1e-6).all() and (bent.sum(axis=0) < 1.02).all())  # fmt: skip
    middle = np.abs(u[10:-10]) < 3.9
    np.testing.assert_allclose(bent.sum(axis=0)[middle], 1, atol=0.02)


def test_the_host_says_what_the_model_computes():
    model, rng = models.linear_nonlinear(), np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(50, 2, 3)), jnp.float32)
    params = model.init(jax.random.key(0), x)
    np.testing.assert_array_equal(model.apply(params, x), np.zeros(50))
    params = jax.tree.map(lambda a: rng.normal(size=a.shape).astype(np.float32), params)
    projection = params["projection"]
    u = x.reshape(50, -1) @ projection["kernel"][:, 0] + projection["bias"]
    made = encoding.nonlinearity(params, u)
    np.testing.assert_allclose(model.apply(params, x), made, rtol=1e-4, atol=1e-4)
    many = jax.tree.map(lambda a: np.stack([a, a]), params)
    np.testing.assert_array_equal(encoding.nonlinearity(many, u), [made, made])


@pytest.mark.slow
def test_it_beats_the_glm_where_rates_are_not_exponential(found):
    bits = {name: f.fits.scores["bits_per_spike"].ravel() for name, f in found.items()}
    gain = dict(zip(NAMES, bits["ln"] - bits["glm"], strict=True))
    assert gain["threshold"] > 0.15 and gain["saturating"] > 0.15
    assert abs(gain["exponential"]) < 0.02


def test_the_nonlinearity_is_recovered(found, recording):
    _, _, drive = recording
    params = jax.tree.map(lambda a: a[:, 0], found["ln"].fits.params)
    kernel = params["projection"]["kernel"][..., 0]
    x = recording[0]
    for i, rate in enumerate(RATES.values()):
        u = x @ kernel[i] + params["projection"]["bias"][i]
        assert np.corrcoef(u, drive[:, i])[0, 1] > 0.97
        own = jax.tree.map(lambda a, i=i: a[i], params)
        made, truth = np.exp(encoding.nonlinearity(own, u)), rate(drive[:, i])
        seen = np.abs(drive[:, i]) < 2
        assert np.sqrt(np.mean(np.square(made - truth)[seen])) < 0.2 * truth[seen].std() + 0.1


def test_a_strong_penalty_leaves_the_glm(recording):
    x, y, _ = recording
    inputs = jaxneuro.make_inputs(x[:500], y[:500, 2], hyper={"l2": 10.0})
    both = [jaxneuro.fit_many(f(), inputs) for f in
            (encoding.poisson_glm, encoding.linear_nonlinear)]  # fmt: skip
    glm, ln = (f.predict(x[:500]) for f in both)
    np.testing.assert_allclose(glm, ln, rtol=0.02)


def test_a_response_in_other_units_is_fitted_alike(recording):
    x, _, drive = recording
    y = np.tanh(drive[:, 0]) * 1000 + 5e4
    fit = jaxneuro.make_fit(
        models.linear_nonlinear(), jaxneuro.losses.half_squared_error,
        jaxneuro.optimizers.lbfgs(), stop=jaxneuro.Stop(max_steps=200), standardise=True,
    )  # fmt: skip
    made = jaxneuro.fit_many(fit, jaxneuro.make_inputs(x, y)).predict(x)
    assert np.corrcoef(made, y)[0, 1] ** 2 > 0.995
    assert abs(made.mean() - y.mean()) < 5
