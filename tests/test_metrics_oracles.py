"""Each metric is compared with scikit-learn or its formula, and at its ends with what is told."""

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.special import xlogy
from scores import (
    CLASSES,
    OUTPUTS,
    SAMPLES,
    binary,
    classes,
    continuous,
    counts,
    score,
    there,
    tied,
    weights,
)

from jaxneuro import metrics

pytestmark = pytest.mark.usefixtures("close")


def test_continuous_against_sklearn(close):
    (y, prediction), weight = continuous((SAMPLES, OUTPUTS)), weights()
    options = {"sample_weight": weight, "multioutput": "raw_values"}
    close(score(metrics.r2)(y, prediction, weight), sk.r2_score(y, prediction, **options))
    close(
        score(metrics.mean_squared_error)(y, prediction, weight),
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
        close(score(metric)(missing, prediction), desired)


def test_counts_with_missing_values_against_sklearn(close):
    (y, rate), here = counts((SAMPLES, OUTPUTS)), there()
    missing = np.where(here, y, np.nan)
    deviance = [sk.mean_poisson_deviance(y[at, k], rate[at, k]) for k, at in enumerate(here.T)]
    close(score(metrics.poisson_deviance)(missing, rate), deviance)
    explained = [sk.d2_tweedie_score(y[at, k], rate[at, k], power=1) for k, at in enumerate(here.T)]
    close(score(metrics.explained_deviance_poisson)(missing, rate), explained)


def test_auc_with_missing_values_against_sklearn(close):
    (y, guess), here = tied((SAMPLES, OUTPUTS)), there()
    desired = [sk.roc_auc_score(y[at, k], guess[at, k]) for k, at in enumerate(here.T)]
    close(score(metrics.auc)(np.where(here, y, np.nan), guess), desired)


def test_missing_labels_against_sklearn(close):
    (y, scores), here = classes((SAMPLES,)), there()[:, 1]
    missing, guess = np.where(here, y, np.nan), scores.argmax(1)
    close(score(metrics.accuracy)(missing, scores), sk.accuracy_score(y[here], guess[here]))
    confusion = sk.confusion_matrix(y[here], guess[here], labels=range(CLASSES))
    close(score(metrics.confusion_matrix)(missing, scores), confusion)


def test_correlation_against_numpy(close):
    (y, prediction), weight = continuous((SAMPLES,)), weights()
    covariance = np.cov(y, prediction, aweights=weight)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    close(score(metrics.correlation)(y, prediction, weight), expected)
    close(score(metrics.correlation)(y, -3 * y + 2), -1)


def test_poisson_against_sklearn(close):
    (y, rate), weight = counts((SAMPLES,)), weights()
    deviance = sk.mean_poisson_deviance(y, rate, sample_weight=weight)
    close(score(metrics.poisson_deviance)(y, rate, weight), deviance)
    explained = sk.d2_tweedie_score(y, rate, power=1, sample_weight=weight)
    close(score(metrics.explained_deviance_poisson)(y, rate, weight), explained)
    assert metrics.pseudo_r2 is metrics.explained_deviance_poisson


def test_bits_per_spike_is_a_difference_of_log_likelihoods(close):
    (y, rate), weight = counts((SAMPLES,)), weights()

    def log_likelihood(rate):
        return np.sum(weight * (xlogy(y, rate) - rate))

    mean = np.full(SAMPLES, np.average(y, weights=weight))
    gain = log_likelihood(rate) - log_likelihood(mean)
    close(score(metrics.bits_per_spike)(y, rate, weight), gain / np.sum(weight * y) / np.log(2))
    close(score(metrics.bits_per_spike)(y, mean, weight), 0.0)


def test_bits_per_spike_of_the_true_rate_is_single_spike_information(close):
    """A neuron that fires at twice its mean rate half of the time tells one bit a spike."""
    rate = np.tile([0.0, 2.0], SAMPLES)
    close(score(metrics.bits_per_spike)(rate, rate), 1.0)


def test_bernoulli_against_sklearn(close):
    (y, probability), weight = binary((SAMPLES,)), weights()
    null = np.full(SAMPLES, np.average(y, weights=weight))
    model, null = (sk.log_loss(y, p, sample_weight=weight) for p in (probability, null))
    close(score(metrics.explained_deviance_bernoulli)(y, probability, weight), 1 - model / null)


def test_bernoulli_of_fractions_reaches_one(close):
    _, fraction = binary((SAMPLES,))
    close(score(metrics.explained_deviance_bernoulli)(fraction, fraction), 1.0)


@pytest.mark.parametrize("draw", [binary, tied])
def test_auc_against_sklearn(draw, close):
    (y, guess), weight = draw((SAMPLES,)), weights()
    close(score(metrics.auc)(y, guess, weight), sk.roc_auc_score(y, guess, sample_weight=weight))


def test_auc_is_the_probability_of_a_right_order(close):
    (y, guess), weight = tied((SAMPLES,)), weights()
    positive, negative = y == 1, y == 0
    difference = guess[positive][:, None] - guess[negative]
    pairs = weight[positive][:, None] * weight[negative]
    close(
        score(metrics.auc)(y, guess, weight),
        np.sum(pairs * (np.sign(difference) + 1) / 2) / pairs.sum(),
    )


def test_classification_against_sklearn(close):
    (y, scores), weight = classes((SAMPLES,)), weights()
    guess = scores.argmax(1)
    accuracy = sk.accuracy_score(y, guess, sample_weight=weight)
    close(score(metrics.accuracy)(y, scores, weight), accuracy)
    balanced = sk.balanced_accuracy_score(y, guess, sample_weight=weight)
    close(score(metrics.balanced_accuracy)(y, scores, weight), balanced)
    confusion = sk.confusion_matrix(y, guess, labels=range(CLASSES), sample_weight=weight)
    close(score(metrics.confusion_matrix)(y, scores, weight), confusion)


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
        close(score(metric)(values, values, weight), 1.0)
        close(
            score(metric)(values, np.full(SAMPLES, np.average(values, weights=weight)), weight), 0.0
        )


@pytest.mark.parametrize("constant", [0.0, 0.1, 1.0, 0.3])
@pytest.mark.parametrize("name", ["r2", "correlation", "pseudo_r2", "explained_deviance_bernoulli"])
def test_constant_y_is_undefined(name, constant):
    """Also where the mean is not exactly the constant, and where other samples are left out."""
    y, weight = np.full(37, constant), np.ones(37)
    y[0], weight[0] = 0.5, 0
    metric = getattr(metrics, name)
    assert np.isnan(score(metric)(y, binary((37,))[1], weight))
    assert np.isnan(score(metric)(y, y, weight))


def test_constant_prediction():
    y, _ = continuous((SAMPLES,))
    assert score(metrics.correlation)(y, np.full(SAMPLES, 0.1)) == 0
    assert np.isnan(score(metrics.correlation)(y, np.full(SAMPLES, np.inf)))
    bits, _ = binary((SAMPLES,))
    assert score(metrics.auc)(bits, np.full(SAMPLES, 0.1)) == 0.5


def test_silent_neuron():
    silence, rate = np.zeros(SAMPLES), np.full(SAMPLES, 0.1)
    assert np.isnan(score(metrics.bits_per_spike)(silence, rate))
    assert np.isnan(score(metrics.bits_per_spike)(silence, silence))
    assert score(metrics.poisson_deviance)(silence, silence) == 0


def test_rates_at_and_below_zero(close):
    y, rate = counts((SAMPLES,))
    zero = np.where(y == 0, 0.0, rate)
    assert np.isfinite(score(metrics.poisson_deviance)(y, zero))
    assert np.isfinite(score(metrics.bits_per_spike)(y, zero))
    zero = np.where(np.arange(SAMPLES) == y.argmax(), 0.0, rate)
    assert score(metrics.poisson_deviance)(y, zero) == np.inf
    assert score(metrics.explained_deviance_poisson)(y, zero) == -np.inf
    assert score(metrics.bits_per_spike)(y, zero) == -np.inf
    for sample in (y.argmax(), y.argmin()):
        negative = np.where(np.arange(SAMPLES) == sample, -0.1, rate)
        for name in ("poisson_deviance", "explained_deviance_poisson", "bits_per_spike"):
            assert np.isnan(score(getattr(metrics, name))(y, negative))


def test_probabilities_at_and_beyond_the_ends():
    y, probability = binary((SAMPLES,))
    certain = np.where(np.arange(SAMPLES) < 5, y, probability)
    assert np.isfinite(score(metrics.explained_deviance_bernoulli)(y, certain))
    wrong = np.where(np.arange(SAMPLES) < 5, 1 - y, probability)
    assert score(metrics.explained_deviance_bernoulli)(y, wrong) == -np.inf
    beyond = np.where(np.arange(SAMPLES) < 1, 1.1, probability)
    assert np.isnan(score(metrics.explained_deviance_bernoulli)(y, beyond))


def test_auc_degenerate(close):
    y, guess = binary((SAMPLES,))
    assert np.isnan(score(metrics.auc)(np.ones(SAMPLES), guess))
    assert np.isnan(score(metrics.auc)(np.zeros(SAMPLES), guess))
    assert np.isnan(score(metrics.auc)(y + 1, guess))
    assert score(metrics.auc)(y, y) == 1
    assert score(metrics.auc)(y, -y) == 0
    guess = np.array([-np.inf, np.inf, -0.0, 0.0])
    close(score(metrics.auc)(np.array([0, 1, 0, 1]), guess), 0.875)


def test_labels_that_are_no_class():
    y, scores = classes((SAMPLES,))
    for label in (-1, CLASSES):
        y[0] = label
        for name in ("accuracy", "balanced_accuracy", "confusion_matrix"):
            assert np.isnan(score(getattr(metrics, name))(y, scores)).all()


def test_balanced_accuracy_skips_absent_classes(close):
    y, scores = np.array([0, 0, 0, 1]), np.eye(CLASSES)[[0, 0, 1, 3]]
    close(score(metrics.balanced_accuracy)(y, scores), 1 / 3)
    close(score(metrics.balanced_accuracy)(y, scores, np.array([1, 1, 1, 0])), 2 / 3)


# Rounding.


def test_large_offset():
    """At 2^20 float32 steps by 1/8, so these data are exact, but their squares are far from it."""
    rng, offset, samples = np.random.default_rng(0), 2.0**20, 20_000
    y = np.round(rng.normal(size=samples) * 80) / 8
    prediction = y + np.round(rng.normal(size=samples) * 40) / 8
    values = (y + offset, prediction + offset)
    np.testing.assert_allclose(score(metrics.r2)(*values), sk.r2_score(y, prediction), rtol=1e-5)
    expected = np.corrcoef(y, prediction)[0, 1]
    np.testing.assert_allclose(score(metrics.correlation)(*values), expected, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-25, 1e-14, 1e25])
def test_any_unit(unit, close):
    """MEG in tesla: the products of squares leave float32."""
    y, prediction = continuous((SAMPLES,))
    close(score(metrics.r2)(y * unit, prediction * unit), sk.r2_score(y, prediction))
    close(score(metrics.correlation)(y * unit, prediction), np.corrcoef(y, prediction)[0, 1])
    close(score(metrics.correlation)(y * unit, prediction * unit), np.corrcoef(y, prediction)[0, 1])


def test_large_counts():
    """log(rate / y) would leave nothing of a deviance between close large counts."""
    y = np.random.default_rng(0).poisson(1e6, size=1000).astype(float)
    rate = np.full(1000, 1e6)
    expected = sk.mean_poisson_deviance(y, rate)
    np.testing.assert_allclose(score(metrics.poisson_deviance)(y, rate), expected, rtol=1e-3)
