"""Ceilings of repeated stimuli: formulas, known truth, no bias without a signal, missing trials."""

import numpy as np
import pytest

from jaxneuro import statistics
from jaxneuro.metrics.ceilings import ceilings, normalised_correlation
from jaxneuro.metrics.repeats import average_correlation, by_repeats, feve, trial_correlation

NAMES = ("explainable_variance", "reliability", "correlation")


def draw(conditions, repeats, targets, signal, seed=0):
    rng = np.random.default_rng(seed)
    own = signal * rng.normal(size=(conditions, 1, targets))
    return own[:, 0], own + rng.normal(size=(conditions, repeats, targets))


def unequal(y, least, seed=1):
    """Conditions with other numbers of repeats, and some trials of some targets missing."""
    rng = np.random.default_rng(seed)
    repeats = rng.integers(least, y.shape[1] + 1, (len(y), 1, 1))
    repeats[0] = y.shape[1]
    y = np.where(np.arange(y.shape[1])[None, :, None] < repeats, y, np.nan)
    y[rng.random(y.shape[:2]) < 0.1, : y.shape[2] // 2] = np.nan
    return y


def test_formulas_of_complete_data():
    _, y = draw(40, 6, 5, 1.0)
    y += np.linspace(0, 3, 6)[None, :, None]  # drift: no part of either power
    found = ceilings(y)
    count = y.shape[1]
    total = y.var(axis=0, ddof=1).mean(axis=0)
    of_mean = y.mean(axis=1).var(axis=0, ddof=1)
    signal = (count * of_mean - total) / (count - 1)  # Sahani & Linden, eq. 1
    np.testing.assert_allclose(found.signal_power, signal)
    np.testing.assert_allclose(found.explainable_variance, signal / total)
    noise = total - signal
    np.testing.assert_allclose(found.noise_power, noise)
    schoppe = 1 / np.sqrt(1 + noise / signal / count)  # eq. 7
    np.testing.assert_allclose(found.correlation, schoppe)
    np.testing.assert_allclose(found.single_trial_correlation, np.sqrt(signal / total))


def test_reliability_is_what_split_halves_say():
    _, y = draw(60, 8, 3, 0.7)
    rng, halves = np.random.default_rng(0), []
    for _ in range(400):
        order = rng.permutation(8)
        a, b = (y[:, part].mean(axis=1) for part in (order[:4], order[4:]))
        covariance = ((a - a.mean(0)) * (b - b.mean(0))).sum(axis=0) / 59
        halves.append(4 * covariance / (a + b).var(axis=0, ddof=1))  # Spearman-Brown, by Flanagan
    alpha = np.mean(halves, axis=0)
    np.testing.assert_allclose(ceilings(y).reliability, (57 * alpha + 2) / 59, atol=0.005)


@pytest.mark.parametrize("missing", [False, True])
def test_known_truth_at_50_repeats(missing):
    _, y = draw(400, 50, 200, 0.5)
    repeats = np.full((400, 200), 50)
    if missing:
        y = unequal(y, 30)
        repeats = (~np.isnan(y)).sum(axis=1)
    found = ceilings(y)
    reliability = 0.25 / (0.25 + np.mean(1 / repeats, axis=0))
    truth = (np.full(200, 0.2), reliability, np.sqrt(reliability))
    for name, true in zip(NAMES, truth, strict=True):
        assert abs((getattr(found, name) - true).mean()) < 0.01, name
    assert abs(found.signal_power.mean() - 0.25) < 0.01
    assert abs(found.noise_power.mean() - 1) < 0.01


@pytest.mark.parametrize(
    ("conditions", "repeats", "missing"), [(400, 10, False), (400, 2, False), (400, 8, True)]
)
def test_no_bias_without_signal(conditions, repeats, missing):
    _, y = draw(conditions, repeats, 1000, 0.0, seed=conditions + repeats)
    found = ceilings(unequal(y, 2) if missing else y)
    for name in NAMES[:2]:
        values = getattr(found, name)
        assert abs(values.mean()) < 0.005, name
        assert 0.3 < (values < 0).mean() < 0.7, name  # not clipped
    np.testing.assert_array_equal(np.isnan(found.correlation), ~(found.signal_power > 0))


def test_very_unequal_repeats_do_not_bias_reliability():
    """Means of few repeats dominate the variance of means: as if there were few conditions."""
    values = []
    for seed in range(10):
        _, y = draw(30, 20, 200, 0.0, seed)
        repeats = np.random.default_rng(seed).integers(1, 21, (30, 1, 1))
        y = np.where(np.arange(20)[None, :, None] < repeats, y, np.nan)
        values.append(ceilings(y).reliability.mean())
    assert abs(np.mean(values)) < 0.015


def test_a_perfect_and_a_bad_prediction():
    signal, y = draw(300, 20, 50, 1.0)
    for values in (y, unequal(y, 5)):
        np.testing.assert_allclose(feve(values, signal).mean(), 1, atol=0.01)
        np.testing.assert_allclose(normalised_correlation(values, signal).mean(), 1, atol=0.01)
        single = trial_correlation(values, signal)
        ceiling = ceilings(values).single_trial_correlation
        np.testing.assert_allclose(single.mean(), ceiling.mean(), atol=0.01)
    noise = np.random.default_rng(3).normal(size=signal.shape)
    assert abs(normalised_correlation(y, noise).mean()) < 0.03
    assert feve(y, noise + signal.mean()).mean() < -0.5


def test_feve_is_cadenas():
    signal, y = draw(30, 5, 4, 1.0)
    prediction = signal + 0.3
    total = y.reshape(-1, 4).var(axis=0, ddof=1)
    noise = y.var(axis=1, ddof=1).mean(axis=0)
    error = np.square(y - prediction[:, None]).mean(axis=(0, 1))
    np.testing.assert_allclose(feve(y, prediction), 1 - (error - noise) / (total - noise))
    by_trial = np.repeat(prediction[:, None], 5, axis=1)
    np.testing.assert_allclose(feve(y, by_trial), feve(y, prediction))


def test_correlations_are_numpys():
    signal, y = draw(30, 5, 2, 1.0)
    for k in range(2):
        of_mean = np.corrcoef(y[..., k].mean(axis=1), signal[:, k])[0, 1]
        np.testing.assert_allclose(average_correlation(y, signal)[k], of_mean)
        single = np.corrcoef(y[..., k].ravel(), np.repeat(signal[:, k], 5))[0, 1]
        np.testing.assert_allclose(trial_correlation(y, signal)[k], single)


def test_weights_count_conditions():
    signal, y = draw(12, 4, 3, 1.0)
    twice = np.r_[np.arange(12), 3]
    weight = np.stack([np.bincount(twice, minlength=12), np.ones(12), np.arange(12) > 2])
    for score in (feve, trial_correlation, average_correlation):
        found = score(y, signal, weight)
        assert found.shape == (3, 3)
        np.testing.assert_allclose(found[0], score(y[twice], signal[twice]))
        np.testing.assert_allclose(found[1], score(y, signal))
        np.testing.assert_allclose(found[2], score(y[3:], signal[3:]))
    np.testing.assert_allclose(ceilings(y, weight)[0][1], ceilings(y)[0])


def test_undefined_is_nan_for_that_target_alone():
    _, y = draw(10, 4, 6, 1.0)
    y[..., 0] = 3.3  # constant
    y[..., 1] = np.nan
    y[:, 1:, 2] = np.nan  # one repeat
    y[4:, :, 3] = np.nan  # few conditions, but enough
    y[..., 4] = y[:, :1, 4]  # no noise
    found = ceilings(y)
    for values in found:
        assert np.isnan(values[:3]).all()
        assert np.isfinite(values[5])
    assert np.isfinite(found.explainable_variance[3])
    assert found.explainable_variance[4] == pytest.approx(1)
    alone = ceilings(y[..., 5:])
    np.testing.assert_allclose([v[5] for v in found], [v[0] for v in alone])
    signal = np.zeros((10, 6))
    assert np.isnan(average_correlation(y, signal)).all()
    assert np.isnan(feve(y, signal)[:3]).all()


def test_offsets_and_units_do_not_matter():
    signal, y = draw(50, 5, 3, 1.0)
    for scale, offset in ((1e-13, 0.0), (1.0, 1e6)):
        for name in NAMES:
            got = getattr(ceilings(y * scale + offset), name)
            np.testing.assert_allclose(got, getattr(ceilings(y), name), rtol=1e-6)
        moved = feve(y * scale + offset, signal * scale + offset)
        np.testing.assert_allclose(moved, feve(y, signal), rtol=1e-6)


def test_bad_input_is_named():
    _, y = draw(6, 3, 2, 1.0)
    with pytest.raises(ValueError, match=r"condition, repeat, target.*y\[..., None\]"):
        ceilings(y[..., 0])
    with pytest.raises(ValueError, match="1 repeat"):
        ceilings(y[:, :1])
    with pytest.raises(ValueError, match="infinite"):
        ceilings(np.where(y > 1, np.inf, y))
    with pytest.raises(ValueError, match="dtype"):
        ceilings(np.full((3, 3, 3), "a"))
    with pytest.raises(ValueError, match=r"prediction has shape \(3, 2\)"):
        feve(y, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"weight has shape \(5,\)"):
        ceilings(y, np.ones(5))


def test_samples_by_stimulus():
    y = np.arange(10.0).reshape(5, 2)
    made, place = by_repeats(y, ["b", "a", "b", "b", "a"])
    assert made.shape == (2, 3, 2)
    np.testing.assert_array_equal(made[1, :, 0], [0, 4, 6])
    np.testing.assert_array_equal(made[0, :, 0], [2, 8, np.nan])
    np.testing.assert_array_equal(made[place[:, 0], place[:, 1]], y)
    with pytest.raises(ValueError, match="stimulus"):
        by_repeats(y, [1, 2])


def test_intervals_over_conditions_cover():
    _, y = draw(60, 10, 150, 0.5, seed=4)
    found = statistics.bootstrap_conditions(ceilings, y, resamples=300)
    np.testing.assert_allclose(found.estimate.reliability, ceilings(y).reliability)
    for name, true in (("explainable_variance", 0.2), ("signal_power", 0.25)):
        low, high = getattr(found.low, name), getattr(found.high, name)
        assert 0.88 < ((low <= true) & (true <= high)).mean() < 0.98, name
    signal = y.mean(axis=1)
    scored = statistics.bootstrap_conditions(feve, y, signal, resamples=50, method="percentile")
    assert (scored.low <= scored.high).all()
