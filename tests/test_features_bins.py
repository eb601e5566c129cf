"""Bins of epochs: spikes counted, behaviour resampled."""

import pickle

import numpy as np
import pytest

from jaxneuro import features as f

EPOCHS = [(1.0, 2.05), (5.0, 5.5)]


def test_bins_are_a_value() -> None:
    bins = f.time_bins(0.25, EPOCHS)
    assert bins == f.time_bins(0.25, np.array(EPOCHS)) == pickle.loads(pickle.dumps(bins))
    assert hash(bins) == hash(f.time_bins(0.25, EPOCHS)) and len(bins) == 6
    np.testing.assert_array_equal(bins.starts, [1, 1.25, 1.5, 1.75, 5, 5.25])  # .05 s is left
    np.testing.assert_array_equal(bins.centres, bins.starts + 0.125)
    np.testing.assert_array_equal(bins.trials, [0, 0, 0, 0, 1, 1])
    whole = f.time_bins(0.1, 0.3)  # 0.3 / 0.1 is 2.9999999999999996
    assert len(whole) == 3 and not whole.trials.any()


@pytest.mark.parametrize("offset", [0.0, 1.7e9])
def test_spikes_by_hand(offset: float) -> None:
    bins = f.time_bins(0.25, np.array(EPOCHS) + offset)
    units = {"a": [5.3, 1.0, 2.01, 1.26, 1.25, 0.99], "b": [], 3: np.array([4.99, 5.0, 5.5, 6])}
    counts = f.bin_spikes({k: np.asarray(u) + offset for k, u in units.items()}, bins)
    assert counts.dtype == np.float32 and counts.shape == (6, 3)
    np.testing.assert_array_equal(counts[:, 0], [1, 2, 0, 0, 0, 1])
    np.testing.assert_array_equal(counts[:, 1], 0)
    np.testing.assert_array_equal(counts[:, 2], [0, 0, 0, 0, 1, 0])
    one = f.bin_spikes(np.array(units["a"]) + offset, bins)
    np.testing.assert_array_equal(one, counts[:, 0])


def test_spikes_on_the_edges_of_bins() -> None:
    """Times in whole milliseconds and bins of one: a spike belongs to the bin that it begins."""
    times = np.arange(100_000) / 1000
    assert (np.floor(times / 0.001) != np.arange(100_000)).any()  # what rounding would do
    for start in (0, 0.3):
        bins = f.time_bins(0.001, [(start, start + 100)])
        np.testing.assert_array_equal(f.bin_spikes(times + start, bins), 1)


def test_epochs_in_any_order_and_overlapping() -> None:
    spikes = np.random.default_rng(0).uniform(0, 10, 500)
    epochs = [(6.0, 8.0), (1.0, 3.0), (2.0, 4.0)]
    bins = f.time_bins(0.1, epochs)
    found = f.bin_spikes(spikes, bins).reshape(3, 20)
    for one, (begin, end) in zip(found, epochs, strict=True):
        expected = np.histogram(spikes, np.linspace(begin, end, 21))[0]
        np.testing.assert_array_equal(one, expected)
    same = f.bin_spikes(spikes[spikes < 9], f.time_bins(0.5, 9))
    np.testing.assert_array_equal(same, f.spike_counts(spikes[spikes < 9], 0.5, 18))


def test_bins_by_epoch() -> None:
    events = np.array([1.0, 5.0, 9.0])
    bins = f.time_bins(0.25, events[:, None] + [-0.5, 0.5])
    spikes = [np.array([1.1, 4.9, 9.3]), np.array([0.6, 0.7])]
    epochs = bins.by_epoch(f.bin_spikes(spikes, bins))
    assert epochs.shape == (3, 4, 2)
    assert [np.flatnonzero(e).tolist() for e in epochs[..., 0]] == [[2], [1], [3]]
    assert epochs[0, :, 1].tolist() == [2, 0, 0, 0]
    ragged = f.time_bins(0.5, [(0, 1), (3, 4.7), (6, 6.5)])
    laid = ragged.by_epoch(np.arange(6))
    np.testing.assert_array_equal(laid, [[0, 1, np.nan], [2, 3, 4], [5, np.nan, np.nan]])
    with pytest.raises(ValueError, match=r"values has shape \(5,\); it must be .* = \(6, ...\)"):
        ragged.by_epoch(np.arange(5))


def test_epochs_and_units_of_pynapple() -> None:
    nap = pytest.importorskip("pynapple")
    epochs = nap.IntervalSet(start=[1.0, 5.0], end=[2.0, 5.5])
    bins = f.time_bins(0.25, epochs)
    assert bins == f.time_bins(0.25, [(1, 2), (5, 5.5)])
    group = nap.TsGroup(
        {0: nap.Ts([1.1, 1.3, 5.2]), 4: nap.Ts([1.9, 3])}, time_support=nap.IntervalSet(0, 9)
    )
    np.testing.assert_array_equal(
        f.bin_spikes(group, bins), [[1, 0], [1, 0], [0, 0], [0, 1], [1, 0], [0, 0]]
    )


def test_resample_between_samples() -> None:
    bins = f.time_bins(1.0, 10.0)
    times = np.array([0.0, 1, 2, 3, 7, 8, 9])
    values = np.stack([2 * times, np.where(times == 2, np.nan, times**2)], axis=1)
    order = [3, 1, 0, 6, 5, 4, 2]
    found = f.resample(times[order], values[order], bins)
    expected = [1, 3, 5, np.nan, np.nan, np.nan, np.nan, 15, 17, np.nan]
    np.testing.assert_allclose(found[:, 0], expected)  # 3 … 7 is a gap; nothing after the last
    np.testing.assert_allclose(found[1:3, 1], [3, 7])  # from 1 to 9, over the missing one
    wide = f.resample(times, values[:, 0], bins, gap=4)
    np.testing.assert_allclose(wide, [*2 * bins.centres[:9], np.nan])
    assert np.isnan(f.resample(times, values[:, 1], bins, gap=1.5)[1:3]).all()
    assert np.isnan(f.resample([0.5], [1.0], bins)).all()
    there = f.resample(bins.centres, bins.centres, bins, gap=0.5)  # on a sample no gap matters
    np.testing.assert_array_equal(there, bins.centres)


def test_resample_by_means() -> None:
    bins = f.time_bins(1.0, [(0, 2), (4, 6)])
    times = np.array([0.1, 0.9, 1.5, 3.0, 4.0, 4.99, 6.0])
    values = np.array([1.0, 3, np.nan, 100, 5, 7, 100])
    np.testing.assert_array_equal(f.resample(times, values, bins, "mean"), [2, np.nan, 6, np.nan])
    both = f.resample(times, np.stack([values, -values], axis=1), bins, how="mean")
    np.testing.assert_array_equal(both[:, 1], -both[:, 0])


@pytest.mark.parametrize("period", [360.0, 2 * np.pi])
def test_resample_angles(period: float) -> None:
    bins, turn = f.time_bins(1.0, 3.0), period / 360
    times, angles = np.array([0.0, 1, 2, 3]), np.array([350.0, 20, 340, 300]) * turn
    found = f.resample(times, angles, bins, period=period)
    np.testing.assert_allclose(found / turn, [5, 0, 320], atol=1e-9)
    found = f.resample([0.2, 0.4, 2.5], angles[:3], bins, "mean", period=period)
    np.testing.assert_allclose(found / turn, [5, np.nan, 340], atol=1e-9)


BINS = f.time_bins(0.5, 2)
BAD = {
    "dt": (lambda: f.time_bins(0, 1), "time_bins: dt is 0"),
    "short": (lambda: f.time_bins(1, [(0, 2), (3, 3.5)]), r"epoch 1 from 3.0 to 3.5 s holds no"),
    "turned": (lambda: f.time_bins(1, [(2, 0)]), "epoch 0 from 2.0 to 0.0 s holds no bin"),
    "nan": (lambda: f.time_bins(1, [(0, np.nan)]), "epoch 0 from 0.0 to nan s"),
    "shape": (lambda: f.time_bins(1, [1, 2, 3]), r"epochs has shape \(3,\); it must be \(epoch, 2"),
    "a spike": (
        lambda: f.bin_spikes({"b": [np.nan]}, BINS),
        "bin_spikes: unit b: has spikes witho",
    ),
    "a unit": (lambda: f.bin_spikes({"b": ["x"]}, BINS), "unit b: has dtype <U1"),
    "how": (lambda: f.resample([0, 1], [0, 1], BINS, "cubic"), "resample: how is 'cubic'"),
    "lengths": (lambda: f.resample([0, 1], [0], BINS), r"times has shape \(2,\) and values \(1,\)"),
    "twice": (lambda: f.resample([0, 0], [0, 1], BINS), "resample: times has .* one twice"),
    "no time": (lambda: f.resample([0, np.inf], [0, 1], BINS), "times has values that are not fin"),
    "gap": (lambda: f.resample([0, 1], [0, 1], BINS, gap=0), "resample: gap is 0"),
    "period": (lambda: f.resample([0, 1], [0, 1], BINS, period=-1), "resample: period is -1"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_field(name: str) -> None:
    call, says = BAD[name]
    with pytest.raises(ValueError, match=says):
        call()
