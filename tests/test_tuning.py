"""Tuning curves and selectivity: against loops, known truths, and what they refuse."""

import numpy as np
import pytest

from jaxneuro import encoding

DIRECTIONS = np.arange(8) * 45.0
ANGLES = np.radians(DIRECTIONS)


def _trials(neurons: int, repeats: int, seed: int = 0):
    """direction (trial,), counts (trial, neuron), their rates (direction, neuron), and the true
    L_dir, L_ori and preferred direction."""
    rng = np.random.default_rng(seed)
    preferred = rng.uniform(0, 360, neurons)
    first, second = rng.uniform(0.2, 0.8, neurons), rng.uniform(0.02, 0.15, neurons)
    apart = ANGLES[:, None] - np.radians(preferred)
    rate = 20 * (1 + first * np.cos(apart) + second * np.cos(2 * apart))
    place = np.tile(np.arange(8), repeats)
    return DIRECTIONS[place], rng.poisson(rate[place]), rate, (first / 2, second / 2, preferred)


def test_curves_are_means_of_what_is_there():
    direction, y, _, _ = _trials(3, 6)
    y = y.astype(float)
    y[[0, 5], 1] = np.nan
    y[direction == 90, 2] = np.nan
    direction[7] = np.nan
    found = encoding.tuning_curves(direction, y + 1e6, resamples=50)
    np.testing.assert_array_equal(found.values, DIRECTIONS)
    for i, value in enumerate(DIRECTIONS):
        own = y[direction == value]
        np.testing.assert_array_equal(found.samples[i], (~np.isnan(own)).sum(axis=0))
        if not np.isnan(own).all(axis=0).any():
            np.testing.assert_allclose(found.mean[i] - 1e6, np.nanmean(own, axis=0))
            assert ((found.low[i] < found.mean[i]) & (found.mean[i] < found.high[i])).all()
    lost = np.isnan(found.mean)
    assert lost.sum() == 1 and lost[2, 2] and np.isnan(found.low[lost]).all()


def test_bins_hold_what_lies_in_them():
    position = np.array([0.0, 0.9, 1.0, 2.5, 3.0, 3.1, -0.1, np.nan])
    y = np.arange(8.0)[:, None]
    found = encoding.tuning_curves(position, y, [0, 1, 2, 3], resamples=9)
    np.testing.assert_array_equal(found.values, [0.5, 1.5, 2.5])
    np.testing.assert_array_equal(found.samples[:, 0], [2, 1, 2])
    np.testing.assert_array_equal(found.mean[:, 0], [0.5, 2, 3.5])
    even = encoding.tuning_curves(position[:6], y[:6], 3, resamples=9)
    assert even.samples.sum() == 6 and even.values[0] == pytest.approx(3.1 / 6)


def test_bands_hold_the_truth():
    direction, y, rate, _ = _trials(150, 20)
    found = encoding.tuning_curves(direction, y, resamples=400)
    assert 0.90 < np.mean((found.low <= rate) & (rate <= found.high)) < 0.97


def test_bands_of_trials_count_what_a_trial_shares():
    rng = np.random.default_rng(1)
    trials = np.repeat(np.arange(40), 25)
    shared = rng.normal(size=(40, 30))[trials]
    y, stimulus = shared + rng.normal(size=(1000, 30)), trials % 2
    alone = encoding.tuning_curves(stimulus, y, resamples=200)
    whole = encoding.tuning_curves(stimulus, y, trials=trials, resamples=200)
    ratio = (whole.standard_error / alone.standard_error).mean()
    assert ratio == pytest.approx(np.sqrt((1 + 1 / 25) / (2 / 25)), rel=0.1)
    blocks = encoding.tuning_curves(stimulus, y, length=25, resamples=200)
    assert (blocks.standard_error / alone.standard_error).mean() > 2


def test_indices_are_those_of_a_loop():
    rng = np.random.default_rng(2)
    y = rng.gamma(2, size=(40, 5))
    y[:, 4] -= 2.5  # some means below 0
    direction = np.tile(DIRECTIONS, 5)
    found = encoding.selectivity(direction, y, resamples=20, permutations=19)
    for j in range(5):
        means = [max(y[direction == d, j].mean(), 0) for d in DIRECTIONS]
        best = int(np.argmax(means))
        pref, null = means[best], means[(best + 4) % 8]
        orth = means[(best + 2) % 8] + means[(best - 2) % 8]
        ways = {n: sum(m * np.exp(n * 1j * a) for m, a in zip(means, ANGLES, strict=True))
                for n in (1, 2)}  # fmt: skip
        wanted = {
            "direction_index": (pref - null) / (pref + null),
            "orientation_index": (pref + null - orth) / (pref + null + orth),
            "direction_vector": abs(ways[1]) / sum(means),
            "orientation_vector": abs(ways[2]) / sum(means),
        }
        for name, value in wanted.items():
            assert getattr(found, name).value[j] == pytest.approx(value, abs=1e-5), name
        for n, angle in ((1, found.preferred_direction), (2, found.preferred_orientation)):
            off = np.exp(1j * n * np.radians(angle.value[j])) - ways[n] / abs(ways[n])
            assert abs(off) < 1e-4 and 0 <= angle.value[j] < 360 / n


def test_the_truth_is_recovered():
    direction, y, _, (l_dir, l_ori, preferred) = _trials(150, 20)
    found = encoding.selectivity(direction, y, resamples=400, permutations=199)
    for index, truth in ((found.direction_vector, l_dir), (found.orientation_vector, l_ori)):
        assert 0.88 < np.mean((index.low <= truth) & (truth <= index.high)) < 0.98
        assert abs((index.value - truth).mean()) < 0.01
    assert (found.direction_vector.q <= 0.05).all()
    low, value, high = (getattr(found.preferred_direction, n) for n in ("low", "value", "high"))
    assert ((low <= value) & (value <= high) & (high - low < 90)).all()
    apart = (preferred - value + 180) % 360 - 180
    assert 0.85 < np.mean((low - value <= apart) & (apart <= high - value)) < 0.98
    assert ((low < 0) | (high > 360)).any()  # they reach over the end of the circle


def test_noise_is_not_selective():
    rng = np.random.default_rng(3)
    found = encoding.selectivity(
        np.tile(DIRECTIONS, 6), rng.poisson(5, (48, 400)), resamples=20, permutations=199
    )
    for index in found[4:]:
        assert 0.02 < np.mean(index.p <= 0.05) < 0.085
        assert index.value.mean() == pytest.approx(index.chance.mean(), rel=0.1)
        assert (index.q > 0.05).mean() > 0.99


def test_a_trial_of_many_samples_is_one():
    direction, y, _, _ = _trials(4, 5)
    y = y.astype(float)
    once = encoding.selectivity(direction, y, resamples=50, permutations=49)
    noise = np.tile([1.0, -1.0], len(y))[:, None]
    long = np.repeat(y, 2, axis=0) + noise
    trials = np.repeat(np.arange(len(y)), 2)
    again = encoding.selectivity(
        np.repeat(direction, 2), long, trials=trials, resamples=50, permutations=49
    )
    for one, other in zip(once[4:], again[4:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_said_is_nan():
    y = np.ones((24, 2))
    y[:, 1] = 0
    six = encoding.selectivity(np.tile(np.arange(6) * 60, 4), y, resamples=9, permutations=9)
    assert np.isnan(six.orientation_index.value).all()
    np.testing.assert_allclose(six.direction_vector.value, [0, np.nan], atol=1e-6)
    assert np.isnan(six.direction_index.p[1]) and six.direction_index.value[0] == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stimulus": np.ones(3)}, r"stimulus has shape \(3,\)"),
        ({"stimulus": np.full(40, np.nan)}, "NaN in all samples"),
        ({"y": np.ones(40)}, r"y has shape \(40,\)"),
        ({"y": np.full((40, 1), "a")}, "y has dtype"),
        ({"stimulus": np.arange(40) / 7}, "give bins"),
        ({"bins": 0}, "bins is 0"),
        ({"bins": [0, 2, 1]}, "rising"),
        ({"bins": [90, 91]}, "hold no sample"),
        ({"stimulus": np.ones(40), "bins": 3}, "throughout"),
        ({"trials": np.ones(3)}, r"trials has shape \(3,\)"),
        ({"trials": np.ones(40), "length": 3}, "both given"),
    ],
)
def test_bad_input_is_named(changed, words):
    given = {"stimulus": np.arange(40) % 4, "y": np.ones((40, 2)), **changed}
    with pytest.raises(ValueError, match=words):
        encoding.tuning_curves(**given)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"direction": np.ones(3)}, r"direction has shape \(3,\)"),
        ({"direction": np.arange(40) % 4 * 45}, "evenly spaced"),
        ({"direction": np.arange(40) % 3 * 120}, "four or more"),
        ({"trials": np.ones(40)}, "several directions"),
        ({"trials": np.ones(3)}, r"trials has shape \(3,\)"),
        ({"permutations": 0}, "permutations is 0"),
    ],
)
def test_bad_directions_are_named(changed, words):
    given = {"direction": np.arange(40) % 4 * 90, "y": np.ones((40, 2)), **changed}
    with pytest.raises(ValueError, match=words):
        encoding.selectivity(**given)
