"""Features: hand-made examples, and nothing that looks ahead."""

import numpy as np
import pytest

from jaxneuro import features


def test_lags_of_a_hand_made_example() -> None:
    x = np.array([[1, 10], [2, 20], [3, 30], [4, 40]])
    found = features.lags(x, 3)
    assert found.shape == (4, 3, 2) and found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :, 0], [[1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 3, 2]])
    np.testing.assert_array_equal(found[:, :, 1], 10 * found[:, :, 0])
    np.testing.assert_array_equal(
        features.lags(x[:, 0], 2, first=1)[:, :, 0], [[0, 0], [1, 0], [2, 1], [3, 2]]
    )
    np.testing.assert_array_equal(features.lags(x, 1), x[:, None])


@pytest.mark.parametrize("first", [0, 1, 3])
def test_history_does_not_look_ahead(first: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 2))
    for changed in (5, 17, 29):
        other = x.copy()
        other[changed:] += 1 + rng.random((30 - changed, 2))
        same = (features.lags(x, 4, first) == features.lags(other, 4, first)).all(axis=(1, 2))
        assert same[: changed + first].all()  # with first=1 not even the present sample
        assert not same[changed + first : changed + first + 1].any()


@pytest.mark.parametrize(
    ("x", "count", "first"),
    [(np.ones((5, 2)), 0, 0), (np.ones((5, 2)), 2, -1), (np.ones((5, 2)), 5, 1),
     (np.ones((5, 2, 2)), 1, 0)],
)  # fmt: skip
def test_lags_refuse(x, count: int, first: int) -> None:
    with pytest.raises(ValueError, match="lags: "):
        features.lags(x, count, first)


def test_spike_counts() -> None:
    found = features.spike_counts([0.0, 0.1, 0.25, 0.26, 0.999], dt=0.25, samples=4)
    np.testing.assert_array_equal(found, [2, 2, 0, 1])
    np.testing.assert_array_equal(features.spike_counts([], 0.1, 3), [0, 0, 0])
    for late in (1.0, -0.01):
        with pytest.raises(ValueError, match=rf"spike 1 at {late} s is outside 0 … 1.0 s"):
            features.spike_counts([0.5, late], dt=0.25, samples=4)


def test_bin_means() -> None:
    x = np.arange(14.0).reshape(7, 2)
    np.testing.assert_array_equal(features.bin_means(x, 3), [[2, 3], [8, 9]])  # the last is cut
    np.testing.assert_array_equal(features.bin_means(x[:, 0], 2), [1, 5, 9])


def test_with_squares() -> None:
    x = np.array([[0.0, 1], [2, 1], [4, 4]])
    found = features.with_squares(x)
    np.testing.assert_allclose(found, [[0, 1, 4, 1], [2, 1, 0, 1], [4, 4, 4, 4]])
    assert features.with_squares(np.ones((5, 2, 3))).shape == (5, 12)


RATE, BANDS = 200.0, {"low": (5.0, 15.0), "middle": (15.0, 40.0), "high": (40.0, 90.0)}


@pytest.mark.parametrize(("hertz", "band"), [(10, 0), (25, 1), (60, 2)])
def test_a_pure_tone_lands_in_its_band(hertz: float, band: int) -> None:
    time = np.arange(1000) / RATE
    x = np.stack([np.sin(2 * np.pi * hertz * time), 100 + 0 * time], axis=1)
    found = features.band_power(x, RATE, BANDS, window=100, step=50)
    assert found.shape == (20, 3, 2)
    tone = found[2:, :, 0]
    others = np.delete(tone, band, axis=1)
    assert np.all(tone[:, [band]] > others + np.log(100))
    assert np.all(found[2:, :, 1] < -20)  # a constant has no power in any band


def test_power_in_absolute_numbers() -> None:
    # Twice the amplitude is four times the power.
    x = np.random.default_rng(0).standard_normal((600, 1))
    one, two = (features.band_power(s * x, RATE, BANDS, 100, 25) for s in (1, 2))
    np.testing.assert_allclose(two - one, np.log(4), atol=1e-5)


def test_band_power_of_the_past_does_not_know_the_future() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 2))
    step, window = 20, 64
    found = features.band_power(x, RATE, BANDS, window, step)
    for changed in (100, 260, 499):
        other = x.copy()
        other[changed:] += 50 + rng.standard_normal((500 - changed, 2))
        again = features.band_power(other, RATE, BANDS, window, step)
        ends = (np.arange(len(found)) + 1) * step  # window i holds samples before ends[i]
        same = (found == again).all(axis=(1, 2))
        np.testing.assert_array_equal(same, ends <= changed)


def test_a_band_without_a_frequency() -> None:
    with pytest.raises(ValueError, match="no frequency of the transform lies in gamma"):
        features.band_power(np.ones((50, 1)), RATE, {"gamma": (30.1, 30.2)}, 50, 10)
