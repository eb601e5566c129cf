"""Intervals and p-values of held-out scores, on data of known truth."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import metrics
from jaxneuro.statistics import certainty

RANDOM = np.random.default_rng(0)


def memory(samples, targets, rho=0.9):
    noise, series = RANDOM.normal(size=(samples, targets)), np.zeros((samples, targets))
    for t in range(1, samples):
        series[t] = rho * series[t - 1] + noise[t]
    return series


@pytest.mark.slow
def test_noise_with_a_memory_is_seldom_called_a_finding():
    """Of 300 unrelated series, about 15 have p ≤ .05; permuting samples would say so of most."""
    y, prediction = memory(1000, 300), memory(1000, 300)
    found = certainty(metrics.correlation, y, prediction, series=True, resamples=50, nulls=199)
    assert (found.p <= 0.05).mean() < 0.09
    naive = certainty(metrics.correlation, y, prediction, resamples=50, nulls=199)
    assert (naive.p <= 0.05).mean() > 0.2
    assert found.p.min() >= 1 / 200 and (found.q >= found.p).all()


@pytest.mark.slow
def test_what_is_there_is_found():
    y = memory(600, 4)
    prediction = 0.7 * y + memory(600, 4)
    found = certainty(metrics.correlation, y, prediction, series=True, resamples=200, nulls=199)
    assert (found.p == 1 / 200).all() and found.mean_p == 1 / 200
    assert (found.low < found.score).all() and (found.score < found.high).all()
    np.testing.assert_allclose(found.score, metrics.correlation(y, prediction), rtol=1e-6)
    assert found.mean == pytest.approx(found.score.mean(), rel=1e-6)
    assert found.mean_low < found.mean < found.mean_high


def test_errors_are_better_when_lower():
    y = RANDOM.normal(size=(200, 2))
    prediction = np.stack([y[:, 0] + 0.1, -y[:, 1]], axis=1)
    found = certainty(metrics.mean_squared_error, y, prediction, resamples=50, nulls=99)
    assert found.p[0] == 0.01 and found.p[1] == 1.0


def test_labels_and_what_was_never_held_out():
    labels = RANDOM.integers(0, 3, 120)
    probabilities = RANDOM.dirichlet(np.ones(3), 120)
    probabilities[np.arange(120), labels] += 0.4
    probabilities[60:] = np.nan
    found = certainty(metrics.accuracy, labels, probabilities, resamples=99, nulls=99)
    wanted = (probabilities[:60].argmax(axis=1) == labels[:60]).mean()
    assert found.mean == pytest.approx(wanted) and found.p == 0.01
    with pytest.raises(ValueError, match="none was held out"):
        certainty(metrics.accuracy, labels[60:], probabilities[60:])
    with pytest.raises(ValueError, match="120 samples and prediction has 60"):
        certainty(metrics.accuracy, labels, probabilities[:60])


def test_labels_that_belong_to_a_group_change_places_with_it():
    """3 of 6 groups have each label: 1 in 20 ways to deal them out is all right, 1 all wrong."""
    groups = np.arange(60) // 10
    labels = groups % 2
    options = {"groups": groups, "resamples": 50, "nulls": 999}
    found = certainty(metrics.accuracy, labels, np.eye(2)[labels], **options)
    assert found.mean == 1 and found.p == pytest.approx(1 / 20, abs=0.02)
    wrong = certainty(metrics.accuracy, labels, np.eye(2)[1 - labels], **options)
    assert wrong.p == 1


@pytest.mark.parametrize("sizes", [np.full(40, 12), np.arange(40) % 9 + 8])
@pytest.mark.parametrize("moving", [0.0, 1e-7, 0.1])
def test_predictions_of_repeats_are_judged_by_stimuli(sizes, moving):
    """Of what is the same in all repeats, nothing moves within a stimulus: p came of rounding."""
    groups = np.repeat(np.arange(40), sizes)
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40, 60))
    y = signal[groups] + rng.normal(size=(len(groups), 60))
    prediction = np.concatenate([signal[:, :10], rng.normal(size=(40, 50))], axis=1)[groups]
    prediction = prediction + moving * rng.normal(size=prediction.shape)  # running speed, say
    found = certainty(
        metrics.correlation, y, prediction, groups=groups, repeats=moving > 1e-3,
        resamples=19, nulls=199,
    )  # fmt: skip
    assert (found.p[:10] == 0.005).all()
    assert (found.p[10:] <= 0.05).mean() <= 0.12
    assert 0.3 < found.p[10:].mean() < 0.7


def test_the_average_is_of_what_is_defined():
    y = RANDOM.normal(size=(100, 3))
    y[:, 2] = 1  # constant: no correlation
    found = certainty(
        metrics.correlation, y, y + RANDOM.normal(size=y.shape), average=jnp.nanmedian,
        resamples=50, nulls=50,
    )  # fmt: skip
    assert np.isnan(found.score[2]) and np.isnan(found.p[2]) and np.isnan(found.q[2])
    assert found.mean == pytest.approx(np.median(found.score[:2]), rel=1e-6)
