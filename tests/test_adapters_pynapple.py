"""pynapple in and out: counts and behaviour of the same bins, nothing over an edge."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.adapters import from_pynapple, to_pynapple
from jaxneuro.features import time_bins


def intervals(*pairs):
    array = np.array(pairs, float)
    return SimpleNamespace(start=array[:, 0], end=array[:, 1])


def tsd(times, values, *support, **more):
    known = {"time_support": intervals(*support)} if support else {}
    return SimpleNamespace(t=np.asarray(times), values=np.asarray(values), **known, **more)


class Group(dict):
    """What a TsGroup has."""

    def __init__(self, times, *support):
        super().__init__(times)
        self.time_support = intervals(*support)


def test_counts_and_behaviour_of_two_epochs() -> None:
    spikes = Group({3: [0.31, 0.05, 2.25, 5.0], "b": []}, (0, 10))  # unsorted, empty
    times = np.arange(0, 10, 0.01)
    behaviour = tsd(times, np.stack([times, -times], 1), (0, 10), columns=["x", "y"])
    found = from_pynapple(spikes, behaviour, dt=0.1, epochs=intervals((0, 0.5), (2, 2.3)))
    np.testing.assert_array_equal(found.counts[:, 0], [1, 0, 0, 1, 0, 0, 0, 1])
    assert found.counts[:, 1].sum() == 0 and found.units == ("3", "b")
    assert found.channels == ("x", "y") and found.dt == 0.1
    np.testing.assert_array_equal(found.trials, [0] * 5 + [1] * 3)
    np.testing.assert_array_equal(found.epoch, found.trials)
    expected = np.concatenate([np.arange(5) * 0.1, 2 + np.arange(3) * 0.1]) + 0.05
    np.testing.assert_allclose(found.times, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.behaviour, np.stack([expected, -expected], 1), atol=1e-12)


def test_times_of_a_clock_keep_their_microseconds() -> None:
    unix = 1.7e9
    spikes = Group({0: unix + np.array([0.0005, 0.0015, 0.0025])}, (unix, unix + 0.004))
    found = from_pynapple(spikes, dt=0.001)
    np.testing.assert_array_equal(found.counts[:, 0], [1, 1, 1, 0])


def test_epochs_are_cut_to_what_was_recorded_on_their_own_grid() -> None:
    spikes = Group({0: [0.5]}, (0.13, 1.0), (1.5, 4.0))
    found = from_pynapple(spikes, dt=0.1, epochs=[(0, 2), (3, 3.2)])
    np.testing.assert_array_equal(found.bins.begins, [0.2, 1.5, 3.0])
    np.testing.assert_array_equal(found.bins.counts, [8, 5, 2])
    np.testing.assert_array_equal(found.epoch, [0] * 13 + [1] * 2)
    np.testing.assert_array_equal(found.trials, [0] * 8 + [1] * 5 + [2] * 2)
    with pytest.raises(ValueError, match=r"nothing was recorded .* epoch 1 from 1\.1 to 1\.4 s"):
        from_pynapple(spikes, dt=0.1, epochs=[(0, 2), (1.1, 1.4)])


def test_no_value_is_interpolated_over_the_edge_of_a_support() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    spikes = Group({0: []}, (0, 0.6))
    whole = from_pynapple(spikes, tsd(times, times, (0, 0.6)), dt=0.1).behaviour
    np.testing.assert_allclose(whole[:5, 0], times[:5] + 0.05)
    assert np.isnan(whole[5, 0])  # and none beyond the last sample
    # The centre of the bin from 0.2 lies between samples of two supports: neither tells.
    parts = from_pynapple(spikes, tsd(times, times, (0, 0.29), (0.3, 0.5)), dt=0.09)
    centres = np.concatenate([np.arange(3) * 0.09, 0.3 + np.arange(2) * 0.09]) + 0.045
    np.testing.assert_allclose(parts.times, centres)
    np.testing.assert_allclose(parts.behaviour[[0, 1, 3, 4], 0], centres[[0, 1, 3, 4]])
    assert np.isnan(parts.behaviour[2, 0])
    np.testing.assert_array_equal(parts.trials, [0, 0, 0, 1, 1])


def test_missing_samples_and_angles() -> None:
    times = np.arange(0, 1, 0.1)
    angle = np.where(times < 0.45, 350.0, 10.0)
    angle[8] = np.nan
    found = from_pynapple(
        Group({0: []}, (0, 1)), tsd(times, angle, (0, 1)), dt=0.1, period=360, gap=0.15
    )
    assert found.behaviour[4, 0] % 360 == 0  # the short way
    assert np.isnan(found.behaviour[7:9, 0]).all()


def test_errors_name_the_field() -> None:
    spikes = Group({"a": [0.1, np.nan]}, (0, 1))
    with pytest.raises(ValueError, match="unit a: has spikes without a finite time"):
        from_pynapple(spikes, dt=0.1)
    with pytest.raises(ValueError, match="give epochs"):
        from_pynapple({"a": [0.1]}, dt=0.1)
    with pytest.raises(ValueError, match="dt is -1"):
        from_pynapple(spikes, dt=-1)
    with pytest.raises(ValueError, match="behaviour is a list"):
        from_pynapple(Group({0: []}, (0, 1)), [1, 2], dt=0.1)
    with pytest.raises(ValueError, match=r"epochs has shape \(2,\)"):
        from_pynapple(spikes, dt=0.1, epochs=[0, 1])
    with pytest.raises(ValueError, match="epoch 0 goes from 1"):
        from_pynapple(spikes, dt=0.1, epochs=[(1, 0)])
    with pytest.raises(ValueError, match="spikes is one unit"):
        from_pynapple([0.1, 0.2], dt=0.1, epochs=[(0, 1)])


# With pynapple itself


@pytest.fixture(scope="module")
def nap():
    return pytest.importorskip("pynapple")


def test_epochs_that_touch_lose_no_bin(nap) -> None:
    with pytest.warns(UserWarning, match="Removing 1 microsecond"):
        trials = nap.IntervalSet(start=[0.0, 1.0, 2.0], end=[1.0, 2.0, 3.0])
    spikes = nap.TsGroup({0: nap.Ts([0.95, 1.0])}, time_support=nap.IntervalSet(0, 3))
    found = from_pynapple(spikes, dt=0.1, epochs=trials)
    np.testing.assert_array_equal(found.bins.counts, [10, 10, 10])
    np.testing.assert_array_equal(np.flatnonzero(found.counts[:, 0]), [9, 10])


def test_counts_are_those_of_pynapple(nap) -> None:
    rng = np.random.default_rng(0)
    support = nap.IntervalSet(start=[0.0, 60.0], end=[40.0, 100.0])
    spikes = nap.TsGroup(
        {k: nap.Ts(np.sort(rng.uniform(0, 100, 300))) for k in (2, 5)}, time_support=support
    )
    found, theirs = from_pynapple(spikes, dt=0.25), spikes.count(0.25)
    np.testing.assert_array_equal(found.counts, theirs.values)
    np.testing.assert_allclose(found.times, theirs.t)
    assert found.units == ("2", "5")


def test_predictions_go_back_at_the_right_times(nap) -> None:
    bins = time_bins(0.1, [(5, 5.3), (0, 0.2)])  # not in order
    frame = to_pynapple(np.arange(10).reshape(5, 2), bins, columns=["x", "y"])
    np.testing.assert_allclose(frame.t, [0.05, 0.15, 5.05, 5.15, 5.25])
    np.testing.assert_array_equal(frame.values[:, 0], [6, 8, 0, 2, 4])
    assert list(frame.columns) == ["x", "y"]
    np.testing.assert_allclose(frame.time_support.start, [0, 5])
    np.testing.assert_allclose(frame.time_support.end, [0.2, 5.3])
    assert isinstance(to_pynapple(np.zeros(5), bins), nap.Tsd)
    assert isinstance(to_pynapple(np.zeros((5, 2, 2)), bins), nap.TsdTensor)
    touching = to_pynapple(np.zeros(20), time_bins(0.1, [(0, 1), (1, 2)]))
    assert len(touching) == 20 and len(touching.time_support) == 1
    with pytest.raises(ValueError, match=r"shape \(4,\) for 5 bins"):
        to_pynapple(np.zeros(4), bins)
    with pytest.raises(ValueError, match="1 columns for values"):
        to_pynapple(np.zeros((5, 2)), bins, columns=["x"])
    with pytest.raises(ValueError, match="overlap"):
        to_pynapple(np.zeros(20), time_bins(0.1, [(0, 1), (0.5, 1.5)]))


def test_from_a_group_to_a_table_and_back(nap) -> None:
    rng = np.random.default_rng(1)
    times = np.arange(0, 60, 0.02)
    position = nap.TsdFrame(t=times, d=np.sin(times)[:, None], columns=["x"])
    rate = 20 * np.exp(np.sin(times))[:, None] * 0.02 * np.array([0.2, 0.4, 0.6])
    fired = rng.uniform(size=rate.shape) < rate
    spikes = nap.TsGroup({k: nap.Ts(times[fired[:, k]]) for k in range(3)},
                         time_support=nap.IntervalSet(0, 60))  # fmt: skip
    found = from_pynapple(spikes, position, dt=0.5, epochs=[(0, 28), (30, 58)])
    fit = jn.make_fit(jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs())
    fits = jn.fit_many(
        fit, jn.make_inputs(found.behaviour, found.counts), [jn.axes.targets(3, found.units)]
    )
    np.testing.assert_array_equal(fits.table()["target"], found.units)
    predicted = to_pynapple(fits.predict(found.behaviour).T, found.bins, found.units)
    assert predicted.shape == found.counts.shape
    inside = position.restrict(predicted.time_support).interpolate(predicted)
    assert np.corrcoef(predicted.values[:, 2], inside.values[:, 0])[0, 1] > 0.9


def test_no_package_is_imported_before_it_is_needed() -> None:
    names = "pynapple", "mne", "pynwb", "h5py", "pandas", "xarray"
    code = f"import sys, jaxneuro.adapters; print([n for n in {names} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_missing_pynapple_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pynapple", None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[pynapple\]"'):
        to_pynapple(np.zeros(2), time_bins(0.1, 0.2))
