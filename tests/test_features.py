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


def test_lags_stop_at_the_edges_of_trials() -> None:
    x = np.arange(1.0, 9)
    trials = np.array(["a", "a", "a", "b", "b", "a", "a", "a"])  # the second "a" is another trial
    found = features.lags(x, 3, trials=trials)[:, :, 0]
    np.testing.assert_array_equal(
        found,
        [[1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 0, 0], [5, 4, 0], [6, 0, 0], [7, 6, 0], [8, 7, 6]],
    )
    past = features.lags(x, 2, first=1, trials=[0, 0, 0, 1, 1, 2, 2, 2])[:, :, 0]
    np.testing.assert_array_equal(
        past, [[0, 0], [1, 0], [2, 1], [0, 0], [4, 0], [0, 0], [6, 0], [7, 6]]
    )
    np.testing.assert_array_equal(features.lags(x, 3, trials=np.ones(8)), features.lags(x, 3))


def test_lags_of_trials_are_those_of_each_alone() -> None:
    x = np.random.default_rng(0).standard_normal((30, 2))
    trials = np.repeat([4, 1, 7], [12, 8, 10])
    each = [features.lags(x[trials == k], 4, 2) for k in (4, 1, 7)]
    np.testing.assert_array_equal(features.lags(x, 4, 2, trials), np.concatenate(each))


def test_lags_refuse_trials_of_another_length_or_with_gaps() -> None:
    with pytest.raises(ValueError, match=r"lags: trials has shape \(4,\); it must be .* \(5,\)"):
        features.lags(np.ones(5), 2, trials=np.ones(4))
    with pytest.raises(
        ValueError, match="lags: trials has 1 missing values, the first at sample 2"
    ):
        features.lags(np.ones(5), 2, trials=[0, 0, np.nan, 1, 1])


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.float16, np.float32),
     (np.int64, np.float32), (bool, np.float32)],
)  # fmt: skip
def test_lags_keep_double_precision(dtype, kept) -> None:
    found = features.lags(np.array([0, 1, 1]).astype(dtype), 2)
    assert found.dtype == kept
    np.testing.assert_array_equal(found[:, :, 0], [[0, 0], [1, 0], [1, 1]])
    large = 1e9 + np.arange(3.0)
    np.testing.assert_array_equal(features.lags(large, 1)[:, 0, 0], large)


@pytest.mark.parametrize("x", [np.array(["a"] * 3), np.ones(3) * 1j])
def test_lags_of_no_numbers(x) -> None:
    with pytest.raises(ValueError, match=r"lags: x has dtype .*real numbers"):
        features.lags(x, 1)


UNITS = {7: [0.3, 0.1], 3: [], 5: np.array([0.99, 0.5, 0.51])}
COUNTS = [[1, 0, 0], [1, 0, 0], [0, 0, 2], [0, 0, 1]]


@pytest.mark.parametrize(
    "times",
    [UNITS, list(UNITS.values()), tuple(UNITS.values()),
     [np.array(unit) for unit in UNITS.values()], np.array([*UNITS.values(), None], object)[:3]],
    ids=["dict", "list", "tuple", "arrays", "objects"],
)  # fmt: skip
def test_spike_counts_of_several_units(times) -> None:
    found = features.spike_counts(times, dt=0.25, samples=4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, COUNTS)


def test_spike_counts_of_no_and_of_silent_units() -> None:
    assert features.spike_counts({}, 0.1, 3).shape == (3, 0)
    np.testing.assert_array_equal(features.spike_counts([[], []], 0.1, 3), np.zeros((3, 2)))
    np.testing.assert_array_equal(features.spike_counts([[0.1]], 0.1, 3), [[0], [1], [0]])


def test_spike_counts_of_equal_lists_are_units() -> None:
    found = features.spike_counts([[0.1, 0.2], [0.6, 0.7]], 0.5, 2)
    np.testing.assert_array_equal(found, [[2, 0], [0, 2]])


def test_spike_counts_of_pynapple() -> None:
    nap = pytest.importorskip("pynapple")
    ts = {key: nap.Ts(np.sort(unit)) for key, unit in UNITS.items()}
    group = nap.TsGroup(ts, time_support=nap.IntervalSet(0, 1))
    order = [list(UNITS).index(key) for key in group]  # sorted by their numbers
    np.testing.assert_array_equal(features.spike_counts(group, 0.25, 4), np.array(COUNTS)[:, order])
    np.testing.assert_array_equal(features.spike_counts(ts, 0.25, 4), COUNTS)
    np.testing.assert_array_equal(features.spike_counts(list(ts.values()), 0.25, 4), COUNTS)
    np.testing.assert_array_equal(features.spike_counts(ts[5], 0.25, 4), [0, 0, 2, 1])


BAD_UNITS = {
    "NaN": ([0.1, np.nan], "unit b: spike 1 is at nan"),
    "infinite": ([np.inf], "unit b: spike 0 is at inf"),
    "late": ([0.5, 1e300], "unit b: spike 1 at 1e.300 s is outside 0 … 1.0 s"),
    "strings": (["0.1"], "unit b: has dtype <U3"),
    "objects": (np.array([0.1, None]), "unit b: has dtype object"),
    "2-D": (np.ones((2, 2)), r"unit b: has dtype float64 and shape \(2, 2\)"),
    "complex": (np.ones(2) * 1j, "unit b: has dtype complex128"),
    "bools": ([True], "unit b: has dtype bool"),
    "a number": (0.5, r"unit b: .* shape \(\)"),
    "ragged": ([[0.1], [0.2, 0.3]], r"unit b: .*\(spike,\) times in seconds"),
}


@pytest.mark.parametrize("name", BAD_UNITS)
def test_spike_counts_name_the_unit(name: str) -> None:
    times, says = BAD_UNITS[name]
    with pytest.raises(ValueError, match=f"spike_counts: {says}"):
        features.spike_counts({"a": [0.1], "b": times}, 0.25, 4)


@pytest.mark.parametrize("times", [np.ones((2, 2)), np.array(["a"]), np.array([1j]), "abc"])
def test_spike_counts_of_no_times(times) -> None:
    with pytest.raises(ValueError, match=r"spike_counts: has dtype .*\(spike,\) times in seconds"):
        features.spike_counts(times, 0.25, 4)


@pytest.mark.parametrize(
    ("dt", "samples", "says"),
    [(0, 4, "dt is 0"), (np.nan, 4, "dt is nan"), ("1", 4, "dt is '1'"), (0.1, 0, "samples is 0"),
     (0.1, 2.5, "samples is 2.5")],
)  # fmt: skip
def test_spike_counts_of_no_bins(dt, samples, says: str) -> None:
    with pytest.raises(ValueError, match=f"spike_counts: {says}"):
        features.spike_counts([0.1], dt, samples)


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
    far = features.with_squares(1e8 + x)[:, 2:]  # squared before it is cast
    np.testing.assert_allclose(far, found[:, 2:])


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


def test_a_spike_on_an_edge_begins_its_bin():
    """Division rounds .057 / .001 to 56.999…: a spike at each millisecond is one in every bin."""
    counts = features.spike_counts(np.arange(100_000) * 0.001, 0.001, 100_000)
    np.testing.assert_array_equal(counts, 1)
