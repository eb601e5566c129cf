"""Scores of angles, places and populations: by hand, with weights, with missing values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.metrics.circular import circular_error
from jaxneuro.metrics.population import population_bits_per_spike
from jaxneuro.metrics.positions import median_distance


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


SCORES = {
    "circular": circular_error,
    "median": median_distance,
    "population": population_bits_per_spike,
}


def drawn(name, seed: int = 0, shape=(41, 3)):
    rng = np.random.default_rng(seed)
    if name == "population":
        rate = rng.uniform(0.1, 3, shape)
        return rng.poisson(rate).astype(float), rate
    return rng.normal(0, 3, shape), rng.normal(0, 3, shape)


def test_angles_the_shorter_way_round() -> None:
    y = np.array([0.1, np.pi - 0.1, 0.0, 7.0])
    prediction = np.array([-0.1, -np.pi + 0.1, np.pi, 7.0 - 6 * np.pi])
    found = [circular_error(y[i : i + 1], prediction[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(found, [0.2, 0.2, np.pi, 0], atol=1e-5)
    np.testing.assert_allclose(circular_error(y, prediction), (0.4 + np.pi) / 4, rtol=1e-6)
    y, prediction = drawn("circular")
    expected = np.abs(np.angle(np.exp(1j * (y - prediction)))).mean(axis=0)
    np.testing.assert_allclose(circular_error(y, prediction), expected, rtol=1e-5)


def test_the_median_distance() -> None:
    y, prediction = drawn("median", shape=(41, 2))
    for count in (40, 41):
        weight = np.arange(41) < count
        expected = np.median(np.linalg.norm(y - prediction, axis=1)[:count])
        np.testing.assert_allclose(median_distance(y, prediction, weight), expected, rtol=1e-6)
    np.testing.assert_allclose(median_distance(y * 1e-30, prediction * 1e-30) * 1e30, expected,
                               rtol=1e-5)  # fmt: skip
    alone = np.median(np.abs(y - prediction)[:, 0])
    np.testing.assert_allclose(median_distance(y[:, 0], prediction[:, 0]), alone, rtol=1e-6)


def test_population_bits_are_those_of_the_benchmark() -> None:
    y, rate = drawn("population")
    y[:, 2] = 0  # silent
    mean = np.broadcast_to(y.mean(axis=0), y.shape)

    def minus_log_likelihood(rates):  # nlb_tools: without the factorial, which cancels
        return np.sum(rates - y * np.log(np.where(y > 0, rates, 1)))

    expected = (minus_log_likelihood(mean) - minus_log_likelihood(rate)) / y.sum() / np.log(2)
    np.testing.assert_allclose(population_bits_per_spike(y, rate), expected, rtol=1e-5)
    one = jn.metrics.bits_per_spike(y[:, 0], rate[:, 0])
    np.testing.assert_allclose(population_bits_per_spike(y[:, 0], rate[:, 0]), one, rtol=1e-5)
    assert abs(population_bits_per_spike(y, mean)) < 1e-6
    rate[np.argmax(y[:, 0]), 0] = 0
    assert population_bits_per_spike(y, rate) == -np.inf
    assert np.isnan(population_bits_per_spike(-y, rate))


@pytest.mark.parametrize("name", SCORES)
def test_keep_to_the_contract(name) -> None:
    metric = SCORES[name]
    y, prediction = drawn(name)
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    repeated = [np.repeat(a, weight.astype(int), axis=0) for a in (y, prediction)]
    expected = metric(*repeated)
    np.testing.assert_allclose(metric(y, prediction, weight), expected, rtol=1e-5)
    out = weight == 0
    spoilt = np.where(out[:, None], np.nan, prediction)
    np.testing.assert_allclose(metric(y, spoilt, weight), expected, rtol=1e-5)
    missing = np.where(out[:, None], np.nan, y)
    np.testing.assert_allclose(metric(missing, prediction), metric(y, prediction, ~out), rtol=1e-5)
    assert np.isnan(metric(y, np.where(weight[:, None] > 0, np.nan, prediction))).all()
    assert np.isnan(metric(y, prediction, np.zeros(len(y)))).all()
    jitted = jax.jit(jax.vmap(metric, (None, None, 0)))(
        jnp.asarray(y), jnp.asarray(prediction), jnp.stack([weight, np.ones(len(y))])
    )
    np.testing.assert_allclose(jitted[0], expected, rtol=1e-5)
    with pytest.raises(ValueError, match="must both be"):
        metric(y, prediction[:, :1])
    assert jn.metrics.as_score(metric).higher_is_better == (name == "population")


@pytest.mark.slow
def test_are_scores_of_fits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = x @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(60, 2))
    fit = jn.make_fit(
        jn.models.linear(2), jn.losses.squared_error, jn.optimizers.lbfgs(),
        stop=jn.Stop(max_steps=20), scores={"distance": median_distance},
    )  # fmt: skip
    fits = jn.fit_many(fit, jn.make_inputs(x, y, held_out=np.arange(60) % 3 == 0))
    held = np.arange(60) % 3 == 0
    expected = np.median(np.linalg.norm(y[held] - fits.predict(x)[held], axis=1))
    np.testing.assert_allclose(fits.scores["distance"], expected, rtol=1e-4)
