"""Contracts of all losses: shape, gradient, weights, missing values, what is valid, response."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import differences, float64
from scipy import stats

from jaxneuro import losses
from jaxneuro.losses import Loss, as_loss, weighted_mean

ALPHA = 0.7
COUNTS = ("poisson", "poisson_softplus", "negative_binomial")
REAL = ("squared_error", "half_squared_error", *COUNTS, "bernoulli", "gamma")
LABELS = ("cross_entropy", "squared_hinge")
ALL = (*REAL, *LABELS)
MADE = {name: getattr(losses, name) for name in ALL}
MADE["negative_binomial"] = losses.negative_binomial(ALPHA)
SAMPLES, CLASSES = 6, 3


def examples(name: str, outputs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(prediction, y) that the loss takes."""
    rng = np.random.default_rng(4)
    if name in LABELS:
        return rng.standard_normal((SAMPLES, CLASSES)), rng.integers(0, CLASSES, SAMPLES)
    shape = (SAMPLES,) if outputs is None else (SAMPLES, outputs)
    y = {"bernoulli": rng.integers(0, 2, shape), "gamma": rng.gamma(2.0, 1.0, shape)}
    y |= dict.fromkeys(COUNTS, rng.poisson(2.0, shape))
    return rng.standard_normal(shape), y.get(name, rng.standard_normal(shape)).astype(float)


def test_every_loss_is_listed() -> None:
    found = set()
    for name, value in vars(losses).items():
        makes = getattr(value, "__annotations__", {}).get("return") is Loss and name != "as_loss"
        if isinstance(value, Loss) or makes:
            found.add(name)
    assert found == set(ALL) == set(MADE)


@pytest.mark.parametrize("name", ALL)
def test_elementwise_shape_and_response_shape(name: str) -> None:
    loss = MADE[name]
    for outputs in (None, 2) if name in REAL else (None,):
        prediction, y = (jnp.asarray(a) for a in examples(name, outputs))
        assert loss(prediction, y).shape == y.shape
        assert loss.response(prediction).shape == prediction.shape


@pytest.mark.parametrize("name", ALL)
def test_value_is_the_formula(name: str) -> None:
    p, y = examples(name)
    soft = np.log1p(np.exp(p)) + 1e-6
    shares = np.exp(p) / np.exp(p).sum(axis=-1, keepdims=True)
    chance = 1 / (1 + np.exp(-p))
    margin = np.where(y[:, None] == np.arange(CLASSES), 1, -1) if name in LABELS else 1.0
    doubled = 1 / (1 + np.exp(-2 * p))
    formulas = {
        "squared_error": lambda: (p - y) ** 2,
        "half_squared_error": lambda: (p - y) ** 2 / 2,
        "poisson": lambda: np.exp(p) - y * p,
        "poisson_softplus": lambda: soft - y * np.log(soft),
        "negative_binomial": lambda: (y + 1 / ALPHA) * np.log(1 + ALPHA * np.exp(p)) - y * p,
        "gamma": lambda: y / np.exp(p) - np.log(y / np.exp(p)) - 1,
        "bernoulli": lambda: -y * np.log(chance) - (1 - y) * np.log(1 - chance),
        "cross_entropy": lambda: -np.log(shares[np.arange(SAMPLES), y]),
        "squared_hinge": lambda: (np.maximum(1 - margin * p, 0) ** 2).sum(axis=1),
    }
    means = dict.fromkeys(("poisson", "negative_binomial", "gamma"), np.exp(p))
    means |= {"poisson_softplus": soft, "bernoulli": chance, "cross_entropy": shares}
    means |= {"squared_hinge": doubled / doubled.sum(axis=-1, keepdims=True)}
    loss = MADE[name]
    with float64():
        np.testing.assert_allclose(loss(jnp.asarray(p), jnp.asarray(y)), formulas[name](), 1e-12)
        np.testing.assert_allclose(loss.response(jnp.asarray(p)), means.get(name, p), 1e-12)


@pytest.mark.parametrize("name", ALL)
def test_gradient_is_the_finite_difference(name: str) -> None:
    loss = MADE[name]
    prediction, y = examples(name)
    weight = np.array([1, 0, 2, 0.5, 1, 3.0])
    with float64():

        def value(p):
            return weighted_mean(loss(p, jnp.asarray(y)), jnp.asarray(weight))

        found = jax.grad(value)(jnp.asarray(prediction))
        np.testing.assert_allclose(found, differences(value, prediction), atol=1e-8)
        assert np.all(np.asarray(found)[1] == 0)


@pytest.mark.parametrize("name", ALL)
def test_a_sample_twice_is_weight_two(name: str) -> None:
    loss = MADE[name]
    prediction, y = examples(name)
    with float64():
        twice = weighted_mean(loss(prediction, y), jnp.asarray([1.0, 2, 1, 1, 1, 1]))
        rows = [0, 1, 1, 2, 3, 4, 5]
        written_out = weighted_mean(loss(prediction[rows], y[rows]), jnp.ones(7))
        assert float(twice) == pytest.approx(float(written_out), rel=1e-14)
        dropped = weighted_mean(loss(prediction, y), jnp.asarray([1.0, 0, 1, 1, 1, 1]))
        rows = [0, 2, 3, 4, 5]
        left = weighted_mean(loss(prediction[rows], y[rows]), jnp.ones(5))
        assert float(dropped) == pytest.approx(float(left), rel=1e-14)
        assert abs(float(twice) - float(dropped)) > 1e-6


def test_weighted_mean_averages_outputs_evenly_and_knows_no_nan_of_weight_zero() -> None:
    values = jnp.asarray([[1.0, 3.0], [np.nan, np.inf], [5.0, 7.0]])
    weight = jnp.asarray([1.0, 0.0, 3.0])
    assert float(weighted_mean(values, weight)) == pytest.approx((2 + 3 * 6) / 4)
    slope = jax.grad(lambda v: weighted_mean(v, weight))(values)
    np.testing.assert_allclose(slope, [[1 / 8, 1 / 8], [0, 0], [3 / 8, 3 / 8]])
    assert float(weighted_mean(values[:1], jnp.zeros(1))) == 0


def test_a_missing_value_is_left_out_of_its_output_alone() -> None:
    prediction = jnp.asarray([[1.0, 2.0], [3.0, np.inf], [5.0, 0.0], [np.nan, np.nan]])
    y = jnp.asarray([[0.0, np.nan], [1.0, np.nan], [np.nan, 1.0], [0.0, 0.0]])
    weight = jnp.asarray([1.0, 3.0, 2.0, 0.0])

    def value(p):
        return losses.mean_loss(losses.squared_error, p, y, weight)

    assert float(value(prediction)) == pytest.approx(((1 + 3 * 4) / 4 + 1) / 2)
    slope = jax.grad(value)(prediction)
    np.testing.assert_allclose(slope, [[1 / 4, 0], [3 / 2, 0], [0, -1], [0, 0]])
    # An output without any value is no part of the mean over outputs.
    none = y.at[:, 1].set(np.nan)
    assert float(losses.mean_loss(losses.squared_error, prediction, none, weight)) == 13 / 4


@pytest.mark.parametrize("name", REAL)
def test_values_left_out_reach_neither_the_mean_nor_its_slope(name: str) -> None:
    prediction, y = examples(name, 2)
    y[0, 1], weight = np.nan, np.array([1, 0, 2, 0, 1, 3.0])
    y[3] = np.inf
    with float64():
        given = (jnp.asarray(y), jnp.asarray(weight))
        value, slope = jax.value_and_grad(lambda p: losses.mean_loss(MADE[name], p, *given))(
            jnp.asarray(prediction)
        )
    slope = np.asarray(slope)
    assert np.isfinite(value) and np.isfinite(slope).all()
    there = (weight > 0)[:, None] & ~np.isnan(y)
    np.testing.assert_array_equal(slope != 0, there)


CONSTANTS = [name for name in ALL if name not in LABELS]


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_constant_is_the_best_and_the_curvature_is_there(name: str) -> None:
    loss = MADE[name]
    _, y = examples(name)
    with float64():

        def value(p):
            return loss(jnp.full(SAMPLES, p), jnp.asarray(y)).mean()

        mean = jnp.asarray(y.mean())
        best = loss.constant(mean)
        assert abs(float(jax.grad(value)(best))) < 1e-6
        curvature = float(jax.grad(jax.grad(value))(best))
        assert float(loss.curvature(mean)) == pytest.approx(curvature, rel=1e-5)


def test_the_constant_of_classes_is_the_logarithm_of_their_shares() -> None:
    shares = jnp.asarray([0.2, 0.5, 0.3])
    found = losses.cross_entropy.constant(shares)
    np.testing.assert_allclose(losses.cross_entropy.response(found), shares, rtol=1e-6)
    bends = jax.hessian(lambda z: losses.cross_entropy(z[None], jnp.asarray([1]))[0])(found)
    np.testing.assert_allclose(losses.cross_entropy.curvature(shares), np.diag(bends), rtol=1e-5)


def test_the_constant_of_margins_is_the_best() -> None:
    share, hinge = jnp.asarray([0.2, 0.5, 0.3]), losses.squared_hinge

    def value(scores):
        return (share * hinge(jnp.tile(scores, (3, 1)), jnp.arange(3))).sum()

    best = hinge.constant(share)
    np.testing.assert_allclose(jax.grad(value)(best), 0, atol=1e-6)
    bends = np.diag(jax.hessian(value)(best))
    np.testing.assert_allclose(np.broadcast_to(hinge.curvature(share), 3), bends, rtol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_only_squared_errors_take_y_in_other_units(name: str) -> None:
    loss = MADE[name]
    assert loss.equivariant == ("squared_error" in name)
    if loss.equivariant:
        prediction, y = examples(name)
        with float64():
            moved = loss(3 * prediction + 7, 3 * y + 7)
            np.testing.assert_allclose(moved, 9 * loss(prediction, y), rtol=1e-9)


GOOD = {name: [-1.5, 0.0, 1e9] for name in ("squared_error", "half_squared_error")}
GOOD |= {name: [0, 1, 7.0] for name in (*COUNTS, *LABELS)}
GOOD |= {"bernoulli": [0, 0.25, 1], "gamma": [1e-30, 1, 1e9]}
BAD = {name: [np.nan, np.inf, -np.inf] for name in ALL}
for _name in (*COUNTS, *LABELS):
    BAD[_name] = [*BAD[_name], -1, 0.5]
BAD["bernoulli"] = [*BAD["bernoulli"], -0.1, 1.1]
BAD["gamma"] = [*BAD["gamma"], 0, -1]


@pytest.mark.parametrize("name", ALL)
def test_valid_values(name: str) -> None:
    valid = MADE[name].valid
    assert np.asarray(valid(jnp.asarray(GOOD[name]))).all()
    assert not np.asarray(valid(jnp.asarray(BAD[name]))).any()
    assert np.asarray(valid(jnp.asarray([1, 1] if name == "gamma" else [0, 1]))).all()  # integers


@pytest.mark.parametrize("name", ALL)
def test_finite_far_from_the_data(name: str) -> None:
    # Deep models meet such outputs on the way; only exp itself may overflow.
    loss = MADE[name]
    prediction, y = examples(name)
    for size in (-80.0, 80.0):
        far = jnp.asarray(size * np.sign(prediction) * np.ones_like(prediction), jnp.float32)
        slope = jax.grad(lambda p: loss(p, y).sum())(far)
        assert np.isfinite(loss(far, y)).all() and np.isfinite(slope).all()


@pytest.mark.parametrize("phi", [0.4, 1.0])
@pytest.mark.parametrize("name", [name for name in ALL if name != "squared_hinge"])
def test_elementwise_and_normaliser_are_the_likelihood_of_scipy(name: str, phi: float) -> None:
    """elementwise / φ + normaliser = -log p(y), of the distribution with that mean and φ."""
    loss, (p, y) = MADE[name], examples(name)
    if loss.dispersion is not None:
        phi = loss.dispersion
    with float64():
        mean = np.asarray(loss.response(jnp.asarray(p)))
        whole = loss(jnp.asarray(p), jnp.asarray(y)) / phi
        whole = whole + loss.normaliser(jnp.asarray(y), jnp.asarray(phi))
    share = 1 / (1 + ALPHA * mean)
    theirs = {
        "squared_error": lambda: stats.norm(mean, np.sqrt(phi / 2)).logpdf(y),
        "half_squared_error": lambda: stats.norm(mean, np.sqrt(phi)).logpdf(y),
        "poisson": lambda: stats.poisson(mean).logpmf(y),
        "poisson_softplus": lambda: stats.poisson(mean).logpmf(y),
        "negative_binomial": lambda: stats.nbinom(1 / ALPHA, share).logpmf(y),
        "gamma": lambda: stats.gamma(1 / phi, scale=mean * phi).logpdf(y),
        "bernoulli": lambda: stats.bernoulli(mean).logpmf(y.astype(int)),
        "cross_entropy": lambda: np.log(mean[np.arange(SAMPLES), y]),
    }
    np.testing.assert_allclose(-np.asarray(whole), theirs[name](), rtol=1e-9)


def test_moments_of_the_negative_binomial_and_of_gamma() -> None:
    """Of log-links, curvature = μ²/(Var y / φ): variance as the docstrings say."""
    mean, phi = np.array([0.1, 2.0, 30.0]), 0.4
    variance = {
        "negative_binomial": stats.nbinom(1 / ALPHA, 1 / (1 + ALPHA * mean)).var(),
        "gamma": stats.gamma(1 / phi, scale=mean * phi).var() / phi,
    }
    for name, wanted in variance.items():
        found = mean**2 / MADE[name].curvature(jnp.asarray(mean))
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_negative_binomial_of_hardly_any_dispersion_is_poisson() -> None:
    p, y = (jnp.asarray(a) for a in examples("poisson"))
    with float64():
        near = losses.negative_binomial(1e-7)
        np.testing.assert_allclose(near(p, y), losses.poisson(p, y), atol=1e-5)
        slopes = (jax.grad(lambda q, loss=loss: loss(q, y).sum())(p)
                  for loss in (near, losses.poisson))  # fmt: skip
        np.testing.assert_allclose(*slopes, atol=1e-5)


def test_negative_binomials_of_equal_dispersion_are_equal() -> None:
    one, two = losses.negative_binomial(1), losses.negative_binomial(np.float32(1))
    assert one == two and hash(one) == hash(two) and pickle.loads(pickle.dumps(one)) == one
    assert len({one, two, losses.negative_binomial(0.5), losses.poisson}) == 3


@pytest.mark.parametrize(
    ("dispersion", "error"),
    [(0, ValueError), (-1.0, ValueError), (np.nan, ValueError), (np.inf, ValueError),
     ("alpha", TypeError), (True, TypeError), (np.ones(2), TypeError), (None, TypeError)],
)  # fmt: skip
def test_a_dispersion_is_a_number_above_0(dispersion, error) -> None:
    with pytest.raises(error, match=r"^negative_binomial: dispersion is .*above 0"):
        losses.negative_binomial(dispersion)


def test_a_maker_of_losses_must_be_called() -> None:
    with pytest.raises(TypeError, match=r"negative_binomial, which makes losses: call it"):
        as_loss(losses.negative_binomial)  # type: ignore


def test_any_elementwise_function_is_a_loss() -> None:
    made = as_loss(lambda prediction, y: jnp.abs(prediction - y))
    prediction, y = jnp.asarray([1.0, 2.0]), jnp.asarray([0.0, 4.0])
    np.testing.assert_array_equal(made(prediction, y), [1, 2])
    np.testing.assert_array_equal(made.response(prediction), prediction)
    assert as_loss(losses.poisson) is losses.poisson
