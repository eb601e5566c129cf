"""Every metric runs through one contract; each is compared with scikit-learn or its formula."""

import functools
import pickle
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics as sk
from scipy.special import xlogy

from jaxneuro import metrics
from jaxneuro.metrics import Score, as_score
from jaxneuro.types import Closed

try:
    from jax import enable_x64  # jax >= 0.8
except ImportError:
    from jax.experimental import enable_x64  # pyright: ignore[reportAttributeAccessIssue]

Array = np.ndarray
SAMPLES, CLASSES, OUTPUTS = 60, 4, 3


class Case(NamedTuple):
    metric: Callable
    draw: Callable[[tuple[int, ...]], tuple[Array, Array]]  # shape -> y, prediction
    per_target: bool = True

    @property
    def score(self) -> Callable:
        """The metric compiled, once for each shape; `test_jit_equals_eager` closes the gap."""
        return jax.jit(self.metric)


def continuous(shape):
    rng = np.random.default_rng(0)
    y = rng.normal(size=shape)
    return y, 0.7 * y + rng.normal(size=shape)


def counts(shape):
    rng = np.random.default_rng(0)
    rate = rng.gamma(2.0, size=shape)
    return rng.poisson(rate).astype(float), rate * rng.uniform(0.7, 1.4, size=shape)


def binary(shape):
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.05, 0.95, size=shape)
    return (rng.random(shape) < probability).astype(float), probability


def tied(shape):
    y, probability = binary(shape)
    return y, np.round(probability * 8)


def classes(shape):
    rng = np.random.default_rng(0)
    y = rng.choice(CLASSES, p=[0.5, 0.3, 0.15, 0.05], size=shape[:1])
    return y, rng.normal(size=(shape[0], CLASSES)) + 2 * np.eye(CLASSES)[y]


CASES = {
    "r2": Case(metrics.r2, continuous),
    "correlation": Case(metrics.correlation, continuous),
    "mean_squared_error": Case(metrics.mean_squared_error, continuous),
    "poisson_deviance": Case(metrics.poisson_deviance, counts),
    "explained_deviance_poisson": Case(metrics.explained_deviance_poisson, counts),
    "pseudo_r2": Case(metrics.pseudo_r2, counts),
    "bits_per_spike": Case(metrics.bits_per_spike, counts),
    "explained_deviance_bernoulli": Case(metrics.explained_deviance_bernoulli, binary),
    "auc": Case(metrics.auc, tied),
    "accuracy": Case(metrics.accuracy, classes, per_target=False),
    "balanced_accuracy": Case(metrics.balanced_accuracy, classes, per_target=False),
    "confusion_matrix": Case(metrics.confusion_matrix, classes, per_target=False),
}
PER_TARGET = {name: case for name, case in CASES.items() if case.per_target}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_per_target = pytest.mark.parametrize("case", PER_TARGET.values(), ids=PER_TARGET.keys())


@pytest.fixture(params=["float32", "float64"], autouse=True)
def close(request) -> Iterator[Callable]:
    """Runs each test in both precisions, without rank promotion; gives its `assert_allclose`."""
    double = request.param == "float64"
    rtol, atol = (1e-10, 1e-10) if double else (3e-5, 3e-6)
    with enable_x64(double), jax.numpy_rank_promotion("raise"):
        yield lambda actual, desired: np.testing.assert_allclose(actual, desired, rtol, atol)


def weights(whole=False) -> Array:
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, SAMPLES).astype(float)
    return weight if whole else weight * rng.uniform(0.5, 1.5, SAMPLES)


def there() -> Array:
    """Bool (sample, output): other places are missing in each output, and other numbers of them."""
    return np.random.default_rng(3).random((SAMPLES, OUTPUTS)) > [0.05, 0.3, 0.6]


def test_every_metric_is_in_the_contract():
    assert set(CASES) == set(metrics.__all__) - {"Score", "as_score"}


# The contract.


@every
def test_zero_weight_removes(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    kept = weight > 0
    close(case.score(y, prediction, weight), case.score(y[kept], prediction[kept], weight[kept]))


@every
@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, -7.5, 1e30])
def test_garbage_under_zero_weight_has_no_influence(case, garbage, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    expected = case.score(y, prediction, weight)
    dirty = [np.array(a, float) for a in (y, prediction)]
    for a in dirty:
        a[weight == 0] = garbage
    for values in ((dirty[0], prediction), (y, dirty[1]), dirty):
        np.testing.assert_array_equal(case.score(*values, weight), expected)


@every
def test_integer_weight_repeats(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights(whole=True)
    repeats = weight.astype(int)
    expected = case.score(np.repeat(y, repeats, axis=0), np.repeat(prediction, repeats, axis=0))
    close(case.score(y, prediction, weight), expected)
    close(case.score(y, prediction, repeats), expected)


@every
def test_no_weight_is_ones_and_scale_is_free(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = case.score(y, prediction)
    assert np.isfinite(expected).all()
    close(case.score(y, prediction, np.ones(SAMPLES)), expected)
    scale = 5.0 if case.metric is metrics.confusion_matrix else 1.0
    close(case.score(y, prediction, np.full(SAMPLES, 5.0)), scale * np.asarray(expected))


@every
def test_jit_equals_eager(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    close(case.score(y, prediction, weight), case.metric(y, prediction, weight))


@every
def test_order_of_samples_is_free(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight, order = weights(), np.random.default_rng(2).permutation(SAMPLES)
    expected = case.score(y, prediction, weight)
    close(case.score(y[order], prediction[order], weight[order]), expected)


@every
def test_vmap_over_fits_equals_loop(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    predictions = np.stack([prediction, np.roll(prediction, 1, axis=0)])
    folds = np.stack([weights(), np.roll(weights(), 5)])
    batched = jax.vmap(case.score, in_axes=(None, 0, 0))(y, predictions, folds)
    close(batched, [case.score(y, p, w) for p, w in zip(predictions, folds, strict=True)])


@every_per_target
def test_targets_equal_loop_and_vmap(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    together = case.score(y, prediction, weight)
    assert together.shape == (OUTPUTS,)
    assert case.score(y[:, 0], prediction[:, 0], weight).shape == ()
    close(together, [case.score(y[:, k], prediction[:, k], weight) for k in range(OUTPUTS)])
    close(together, jax.vmap(case.score, in_axes=(1, 1, None))(y, prediction, weight))


@every_per_target
def test_targets_do_not_touch_each_other(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = np.asarray(case.score(y, prediction))
    prediction[3, 1] = np.nan
    actual = np.asarray(case.score(y, prediction))
    np.testing.assert_array_equal(actual[[0, 2]], expected[[0, 2]])
    assert np.isnan(actual[1])


@every
def test_nan_in_a_scored_prediction_is_nan(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    prediction[5] = np.nan
    assert np.isnan(case.score(y, prediction)).all()


@every
def test_nan_in_y_is_missing(case, close):
    """As if its weight were 0, whatever is predicted there."""
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    y, weight, gone = np.array(y, float), weights(), np.arange(SAMPLES) % 7 == 2
    y[gone] = np.nan
    prediction[gone] = np.nan
    close(case.score(y, prediction), case.score(y[~gone], prediction[~gone]))
    close(case.score(y, prediction, weight), case.score(y[~gone], prediction[~gone], weight[~gone]))
    nothing = case.score(np.full_like(y, np.nan), prediction)
    desired = 0.0 if case.metric is metrics.confusion_matrix else np.nan
    np.testing.assert_array_equal(nothing, np.full(nothing.shape, desired))


@every_per_target
def test_missing_values_are_each_targets_own(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight, here = weights(), there()
    kept = [here[:, k] for k in range(OUTPUTS)]
    expected = [case.metric(y[at, k], prediction[at, k], weight[at]) for k, at in enumerate(kept)]
    missing = np.where(here, y, np.nan)
    close(case.score(missing, prediction, weight), expected)
    close(case.score(missing, np.where(here, prediction, np.nan), weight), expected)


@every_per_target
def test_weights_are_each_targets_own(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()[:, None] * there() * np.arange(1.0, OUTPUTS + 1)
    expected = [
        case.metric(y[:, k], prediction[:, k], np.ascontiguousarray(weight[:, k]))
        for k in range(OUTPUTS)
    ]
    close(case.score(y, prediction, weight), expected)
    garbage = np.where(weight > 0, y, 1e30), np.where(weight > 0, prediction, np.inf)
    close(case.score(*garbage, weight), expected)


@every_per_target
def test_an_output_without_values_is_nan_alone(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = np.asarray(case.score(y, prediction))
    y[:, 1] = np.nan
    found = np.asarray(case.score(y, prediction))
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    assert np.isnan(found[1])


@every
@pytest.mark.parametrize("samples", [SAMPLES, 0])
def test_no_samples(case, samples):
    y, prediction = (a[:samples] for a in case.draw((SAMPLES, OUTPUTS)))
    score = case.score(y, prediction, np.zeros(samples))
    desired = 0.0 if case.metric is metrics.confusion_matrix else np.nan
    np.testing.assert_array_equal(score, np.full(score.shape, desired))


@every
def test_dtype(case):
    """At least float32, whatever comes in; float64 only where float64 came in."""
    y, prediction = map(jnp.asarray, case.draw((SAMPLES, OUTPUTS)))
    for dtype in (jnp.float16, jnp.float32):
        low = jax.eval_shape(case.metric, y.astype(jnp.int32), prediction.astype(dtype))
        assert low.dtype == jnp.float32
    assert jax.eval_shape(case.metric, y, prediction).dtype == prediction.dtype


@every
def test_shapes_are_checked(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    with pytest.raises(ValueError, match=r"y .*prediction .*sample.*got"):
        case.metric(y[:-1], prediction)
    own = r" or \(sample, output\) = \(60, 3\)" if case.per_target else ""
    for shape in ((SAMPLES - 1,), (SAMPLES, 1), (SAMPLES, CLASSES)):
        told = rf"weight must be \(sample,\) = \(60,\){own}; got \({shape[0]},"
        with pytest.raises(ValueError, match=told):
            case.metric(y, prediction, np.ones(shape))
    with pytest.raises(ValueError, match=r"y .*prediction .*sample.*got"):
        case.metric(y[None], prediction[None])
    if case.per_target:
        with pytest.raises(ValueError, match=r"got \(60, 1\) and \(60,\)"):
            case.metric(y[:, :1], prediction[:, 0])


# Oracles.


def test_continuous_against_sklearn(close):
    (y, prediction), weight = continuous((SAMPLES, OUTPUTS)), weights()
    options = {"sample_weight": weight, "multioutput": "raw_values"}
    close(metrics.r2(y, prediction, weight), sk.r2_score(y, prediction, **options))
    close(
        metrics.mean_squared_error(y, prediction, weight),
        sk.mean_squared_error(y, prediction, **options),
    )


def test_continuous_with_missing_values_against_sklearn(close):
    (y, prediction), here = continuous((SAMPLES, OUTPUTS)), there()
    missing = np.where(here, y, np.nan)
    for metric, oracle in (
        (metrics.r2, sk.r2_score),
        (metrics.mean_squared_error, sk.mean_squared_error),
        (metrics.correlation, lambda a, b: np.corrcoef(a, b)[0, 1]),
    ):
        desired = [oracle(y[at, k], prediction[at, k]) for k, at in enumerate(here.T)]
        close(metric(missing, prediction), desired)


def test_counts_with_missing_values_against_sklearn(close):
    (y, rate), here = counts((SAMPLES, OUTPUTS)), there()
    missing = np.where(here, y, np.nan)
    deviance = [sk.mean_poisson_deviance(y[at, k], rate[at, k]) for k, at in enumerate(here.T)]
    close(metrics.poisson_deviance(missing, rate), deviance)
    explained = [sk.d2_tweedie_score(y[at, k], rate[at, k], power=1) for k, at in enumerate(here.T)]
    close(metrics.explained_deviance_poisson(missing, rate), explained)


def test_auc_with_missing_values_against_sklearn(close):
    (y, score), here = tied((SAMPLES, OUTPUTS)), there()
    desired = [sk.roc_auc_score(y[at, k], score[at, k]) for k, at in enumerate(here.T)]
    close(metrics.auc(np.where(here, y, np.nan), score), desired)


def test_missing_labels_against_sklearn(close):
    (y, scores), here = classes((SAMPLES,)), there()[:, 1]
    missing, guess = np.where(here, y, np.nan), scores.argmax(1)
    close(metrics.accuracy(missing, scores), sk.accuracy_score(y[here], guess[here]))
    confusion = sk.confusion_matrix(y[here], guess[here], labels=range(CLASSES))
    close(metrics.confusion_matrix(missing, scores), confusion)


def test_correlation_against_numpy(close):
    (y, prediction), weight = continuous((SAMPLES,)), weights()
    covariance = np.cov(y, prediction, aweights=weight)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    close(metrics.correlation(y, prediction, weight), expected)
    close(metrics.correlation(y, -3 * y + 2), -1)


def test_poisson_against_sklearn(close):
    (y, rate), weight = counts((SAMPLES,)), weights()
    deviance = sk.mean_poisson_deviance(y, rate, sample_weight=weight)
    close(metrics.poisson_deviance(y, rate, weight), deviance)
    explained = sk.d2_tweedie_score(y, rate, power=1, sample_weight=weight)
    close(metrics.explained_deviance_poisson(y, rate, weight), explained)
    assert metrics.pseudo_r2 is metrics.explained_deviance_poisson


def test_bits_per_spike_is_a_difference_of_log_likelihoods(close):
    (y, rate), weight = counts((SAMPLES,)), weights()

    def log_likelihood(rate):
        return np.sum(weight * (xlogy(y, rate) - rate))

    mean = np.full(SAMPLES, np.average(y, weights=weight))
    gain = log_likelihood(rate) - log_likelihood(mean)
    close(metrics.bits_per_spike(y, rate, weight), gain / np.sum(weight * y) / np.log(2))
    close(metrics.bits_per_spike(y, mean, weight), 0.0)


def test_bits_per_spike_of_the_true_rate_is_single_spike_information(close):
    """A neuron that fires at twice its mean rate half of the time tells one bit a spike."""
    rate = np.tile([0.0, 2.0], SAMPLES)
    close(metrics.bits_per_spike(rate, rate), 1.0)


def test_bernoulli_against_sklearn(close):
    (y, probability), weight = binary((SAMPLES,)), weights()
    null = np.full(SAMPLES, np.average(y, weights=weight))
    model, null = (sk.log_loss(y, p, sample_weight=weight) for p in (probability, null))
    close(metrics.explained_deviance_bernoulli(y, probability, weight), 1 - model / null)


def test_bernoulli_of_fractions_reaches_one(close):
    _, fraction = binary((SAMPLES,))
    close(metrics.explained_deviance_bernoulli(fraction, fraction), 1.0)


@pytest.mark.parametrize("draw", [binary, tied])
def test_auc_against_sklearn(draw, close):
    (y, score), weight = draw((SAMPLES,)), weights()
    close(metrics.auc(y, score, weight), sk.roc_auc_score(y, score, sample_weight=weight))


def test_auc_is_the_probability_of_a_right_order(close):
    (y, score), weight = tied((SAMPLES,)), weights()
    positive, negative = y == 1, y == 0
    difference = score[positive][:, None] - score[negative]
    pairs = weight[positive][:, None] * weight[negative]
    close(
        metrics.auc(y, score, weight), np.sum(pairs * (np.sign(difference) + 1) / 2) / pairs.sum()
    )


def test_classification_against_sklearn(close):
    (y, scores), weight = classes((SAMPLES,)), weights()
    guess = scores.argmax(1)
    accuracy = sk.accuracy_score(y, guess, sample_weight=weight)
    close(metrics.accuracy(y, scores, weight), accuracy)
    balanced = sk.balanced_accuracy_score(y, guess, sample_weight=weight)
    close(metrics.balanced_accuracy(y, scores, weight), balanced)
    confusion = sk.confusion_matrix(y, guess, labels=range(CLASSES), sample_weight=weight)
    close(metrics.confusion_matrix(y, scores, weight), confusion)


# Degenerate cases, as documented.


def test_perfect_and_mean_predictions(close):
    y, _ = continuous((SAMPLES,))
    spikes, _ = counts((SAMPLES,))
    bits, _ = binary((SAMPLES,))
    for metric, values in (
        (metrics.r2, y),
        (metrics.explained_deviance_poisson, spikes),
        (metrics.explained_deviance_bernoulli, bits),
    ):
        weight = weights()
        close(metric(values, values, weight), 1.0)
        close(metric(values, np.full(SAMPLES, np.average(values, weights=weight)), weight), 0.0)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1.0, 0.3])
@pytest.mark.parametrize("name", ["r2", "correlation", "pseudo_r2", "explained_deviance_bernoulli"])
def test_constant_y_is_undefined(name, constant):
    """Also where the mean is not exactly the constant, and where other samples are left out."""
    y, weight = np.full(37, constant), np.ones(37)
    y[0], weight[0] = 0.5, 0
    metric = getattr(metrics, name)
    assert np.isnan(metric(y, binary((37,))[1], weight))
    assert np.isnan(metric(y, y, weight))


def test_constant_prediction():
    y, _ = continuous((SAMPLES,))
    assert metrics.correlation(y, np.full(SAMPLES, 0.1)) == 0
    assert np.isnan(metrics.correlation(y, np.full(SAMPLES, np.inf)))
    bits, _ = binary((SAMPLES,))
    assert metrics.auc(bits, np.full(SAMPLES, 0.1)) == 0.5


def test_silent_neuron():
    silence, rate = np.zeros(SAMPLES), np.full(SAMPLES, 0.1)
    assert np.isnan(metrics.bits_per_spike(silence, rate))
    assert np.isnan(metrics.bits_per_spike(silence, silence))
    assert metrics.poisson_deviance(silence, silence) == 0


def test_rates_at_and_below_zero(close):
    y, rate = counts((SAMPLES,))
    zero = np.where(y == 0, 0.0, rate)
    assert np.isfinite(metrics.poisson_deviance(y, zero))
    assert np.isfinite(metrics.bits_per_spike(y, zero))
    zero = np.where(np.arange(SAMPLES) == y.argmax(), 0.0, rate)
    assert metrics.poisson_deviance(y, zero) == np.inf
    assert metrics.explained_deviance_poisson(y, zero) == -np.inf
    assert metrics.bits_per_spike(y, zero) == -np.inf
    for sample in (y.argmax(), y.argmin()):
        negative = np.where(np.arange(SAMPLES) == sample, -0.1, rate)
        for name in ("poisson_deviance", "explained_deviance_poisson", "bits_per_spike"):
            assert np.isnan(getattr(metrics, name)(y, negative))


def test_probabilities_at_and_beyond_the_ends():
    y, probability = binary((SAMPLES,))
    certain = np.where(np.arange(SAMPLES) < 5, y, probability)
    assert np.isfinite(metrics.explained_deviance_bernoulli(y, certain))
    wrong = np.where(np.arange(SAMPLES) < 5, 1 - y, probability)
    assert metrics.explained_deviance_bernoulli(y, wrong) == -np.inf
    beyond = np.where(np.arange(SAMPLES) < 1, 1.1, probability)
    assert np.isnan(metrics.explained_deviance_bernoulli(y, beyond))


def test_auc_degenerate(close):
    y, score = binary((SAMPLES,))
    assert np.isnan(metrics.auc(np.ones(SAMPLES), score))
    assert np.isnan(metrics.auc(np.zeros(SAMPLES), score))
    assert np.isnan(metrics.auc(y + 1, score))
    assert metrics.auc(y, y) == 1
    assert metrics.auc(y, -y) == 0
    score = np.array([-np.inf, np.inf, -0.0, 0.0])
    close(metrics.auc(np.array([0, 1, 0, 1]), score), 0.875)


def test_labels_that_are_no_class():
    y, scores = classes((SAMPLES,))
    for label in (-1, CLASSES):
        y[0] = label
        for name in ("accuracy", "balanced_accuracy", "confusion_matrix"):
            assert np.isnan(getattr(metrics, name)(y, scores)).all()


def test_balanced_accuracy_skips_absent_classes(close):
    y, scores = np.array([0, 0, 0, 1]), np.eye(CLASSES)[[0, 0, 1, 3]]
    close(metrics.balanced_accuracy(y, scores), 1 / 3)
    close(metrics.balanced_accuracy(y, scores, np.array([1, 1, 1, 0])), 2 / 3)


# Rounding.


def test_large_offset():
    """At 2^20 float32 steps by 1/8, so these data are exact, but their squares are far from it."""
    rng, offset, samples = np.random.default_rng(0), 2.0**20, 20_000
    y = np.round(rng.normal(size=samples) * 80) / 8
    prediction = y + np.round(rng.normal(size=samples) * 40) / 8
    values = (y + offset, prediction + offset)
    np.testing.assert_allclose(metrics.r2(*values), sk.r2_score(y, prediction), rtol=1e-5)
    expected = np.corrcoef(y, prediction)[0, 1]
    np.testing.assert_allclose(metrics.correlation(*values), expected, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-25, 1e-14, 1e25])
def test_any_unit(unit, close):
    """MEG in tesla: the products of squares leave float32."""
    y, prediction = continuous((SAMPLES,))
    close(metrics.r2(y * unit, prediction * unit), sk.r2_score(y, prediction))
    close(metrics.correlation(y * unit, prediction), np.corrcoef(y, prediction)[0, 1])
    close(metrics.correlation(y * unit, prediction * unit), np.corrcoef(y, prediction)[0, 1])


def test_large_counts():
    """log(rate / y) would leave nothing of a deviance between close large counts."""
    y = np.random.default_rng(0).poisson(1e6, size=1000).astype(float)
    rate = np.full(1000, 1e6)
    expected = sk.mean_poisson_deviance(y, rate)
    np.testing.assert_allclose(metrics.poisson_deviance(y, rate), expected, rtol=1e-3)


# Which way is better.

ERRORS = {"mean_squared_error", "poisson_deviance"}


@pytest.mark.parametrize("name", CASES)
def test_every_metric_says_which_way_is_better(name):
    metric = getattr(metrics, name)
    better = name not in ERRORS
    assert metric.higher_is_better is better
    assert as_score(metric) == Score(metric, better)
    for wrapped in (jax.jit(metric), functools.partial(metric, weight=None), Closed(metric)):
        assert as_score(wrapped).higher_is_better is better


def test_a_score_is_a_metric(close):
    y, prediction = continuous((SAMPLES, OUTPUTS))
    score = as_score(metrics.r2)
    close(score(y, prediction), metrics.r2(y, prediction))
    close(score(y, prediction, weights()), metrics.r2(y, prediction, weights()))


def mine(y, prediction, weight=None):
    return y.sum()


def terror_and_glossary(y, prediction, weight=None):
    return y.sum()


def test_a_function_of_ones_own_is_better_when_higher():
    for function in (mine, lambda y, prediction, weight: 0.0, terror_and_glossary):
        assert as_score(function) == Score(function, True)
    assert as_score(Score(mine, False)) == Score(mine, False)
    assert as_score(Score(sk.mean_squared_error, False)).higher_is_better is False


def test_a_score_is_a_value():
    assert Score(mine) == Score(mine, True) != Score(mine, False)
    assert len({Score(mine), Score(mine), Score(mine, False)}) == 2
    for score in (Score(mine, False), as_score(metrics.mean_squared_error)):
        assert pickle.loads(pickle.dumps(score)) == score


def rMSE(y, prediction, weight=None):
    return y.sum()


@pytest.mark.parametrize(
    "function",
    [
        sk.mean_squared_error,
        sk.mean_absolute_error,
        sk.log_loss,
        sk.mean_poisson_deviance,
        optax.l2_loss,
        rMSE,
        functools.partial(sk.log_loss, normalize=False),
        jax.jit(rMSE),
    ],
    ids=["squared", "absolute", "log_loss", "deviance", "l2_loss", "rMSE", "partial", "jitted"],
)
def test_an_error_of_elsewhere_must_say_so(function):
    with pytest.raises(ValueError, match=r"score 'mine' is \w+, an error by.*Score\(f, higher_is_"):
        as_score(function, "mine")
    assert as_score(Score(function, False)).function is function
    assert as_score(Score(function, True)).higher_is_better


def test_more_of_an_error_metric_is_never_better():
    with pytest.raises(ValueError, match="mean_squared_error is an error"):
        as_score(Score(metrics.mean_squared_error))


@pytest.mark.parametrize("wrong", ["r2", None, 0.5, Score("r2")])  # pyright: ignore
def test_what_is_no_score_is_told(wrong):
    with pytest.raises(TypeError, match=r"score 'best' is .*pass a function.*metrics\.r2"):
        as_score(wrong, "best")
