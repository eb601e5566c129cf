"""NWB: what a file holds, and its units, trials and series by name."""

import datetime
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.adapters import from_pynapple, nwb_contents, nwb_series, nwb_table, nwb_units

pynwb = pytest.importorskip("pynwb")
h5py = pytest.importorskip("h5py")

TIMES = 10 + np.arange(200) * 0.05


def content():
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = pynwb.NWBFile("a session", "id", start)
    rng = np.random.default_rng(0)
    made.add_unit_column("area", "where")
    for area, count in (("V1", 60), ("IT", 0), ("V1", 40)):
        made.add_unit(spike_times=rng.uniform(10, 20, count), area=area)  # not sorted
    made.add_trial_column("side", "of the stimulus")
    for k in range(4):
        made.add_trial(start_time=10.0 + 2 * k, stop_time=12.0 + 2 * k, side="lr"[k % 2])
    speed = pynwb.TimeSeries(
        name="speed", data=np.arange(200, dtype=np.int16), unit="m/s", timestamps=TIMES,
        conversion=0.01, offset=-1.0,
    )  # fmt: skip
    made.add_acquisition(speed)
    made.add_acquisition(
        pynwb.TimeSeries(name="lfp", data=np.ones((100, 2)), unit="V", rate=1000.0,
                         starting_time=5.0)
    )  # fmt: skip
    place = pynwb.behavior.SpatialSeries(
        name="hand", data=np.stack([TIMES, -TIMES], 1), timestamps=TIMES, reference_frame="table"
    )
    module = made.create_processing_module("behavior", "what it did")
    module.add(pynwb.behavior.Position(spatial_series=place, name="Position"))
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("nwb") / "mine.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(content())
    return path


def test_what_a_file_holds(path) -> None:
    table = nwb_contents(path)
    names = ["units", "trials", "acquisition/lfp", "acquisition/speed",
             "processing/behavior/Position/hand"]  # fmt: skip
    assert table["name"].tolist() == names
    assert table["kind"].tolist()[:4] == ["units", "intervals", "TimeSeries", "TimeSeries"]
    assert table["shape"][2] == "(100, 2)" and table["unit"][2] == "V"
    np.testing.assert_array_equal(table["rate"], [np.nan, np.nan, 1000, np.nan, np.nan])


def test_units_and_what_is_known_of_them(path) -> None:
    units = nwb_units(path)
    assert {name: len(times) for name, times in units.items()} == {"0": 60, "1": 0, "2": 40}
    assert (np.diff(units["0"]) >= 0).all()
    known = nwb_table(path, "units")
    assert known["area"].tolist() == ["V1", "IT", "V1"] and "spike_times" not in known
    trials = nwb_table(path)
    assert trials["side"].tolist() == ["l", "r", "l", "r"]
    np.testing.assert_array_equal(trials["stop_time"], [12, 14, 16, 18])


def test_series_in_their_units_and_seconds(path) -> None:
    speed = nwb_series(path, "speed")
    np.testing.assert_allclose(speed.x[:, 0], np.arange(200) * 0.01 - 1)
    np.testing.assert_array_equal(speed.times, TIMES)
    assert speed.unit == "m/s" and speed.dt == pytest.approx(0.05)
    lfp = nwb_series(path, "acquisition/lfp")
    np.testing.assert_allclose(lfp.times[:3], [5, 5.001, 5.002])
    hand = nwb_series(path, "hand")
    np.testing.assert_array_equal(hand.x, np.stack([TIMES, -TIMES], 1))


def test_channels_are_called_as_their_electrodes_and_scaled_each() -> None:
    made = content()
    device = made.create_device(name="probe")
    group = made.create_electrode_group("shank", "one", "V1", device)
    for _ in range(4):
        made.add_electrode(group=group, location="V1")
    region = made.create_electrode_table_region([3, 1], "two of them")
    made.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            name="wide", data=np.ones((9, 2), np.int16), electrodes=region, rate=10.0,
            starting_time=1.0, conversion=0.5, channel_conversion=[2.0, 4.0],
        )
    )  # fmt: skip
    found = nwb_series(made, "wide")
    assert found.names == ("3", "1") and found.unit == "volts"
    np.testing.assert_array_equal(found.x[0], [1, 2])
    np.testing.assert_allclose(found.times[:2], [1, 1.1])


def test_a_file_that_is_open_already() -> None:
    made = content()
    assert list(nwb_units(made)) == ["0", "1", "2"]
    assert nwb_series(made, "hand").x.shape == (200, 2)


def test_errors_name_the_field(path, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"mine\.nwb: no series 'pupil' among \['acquisition/lfp"):
        nwb_series(path, "pupil")
    with pytest.raises(ValueError, match="no table 'blocks' among"):
        nwb_table(path, "blocks")
    with pytest.raises(FileNotFoundError):
        nwb_units(tmp_path / "none.nwb")
    (tmp_path / "text.nwb").write_text("nothing")
    with pytest.raises(ValueError, match=r"text\.nwb: not an HDF5 file"):
        nwb_units(tmp_path / "text.nwb")
    made = content()
    made.units["spike_times"].target.data[3] = np.nan
    with pytest.raises(ValueError, match="unit 0 has a spike without a finite time"):
        nwb_units(made)
    made.acquisition["speed"].timestamps[5] = 0
    with pytest.raises(ValueError, match="series 'speed': times are not all finite and rising"):
        nwb_series(made, "speed")
    made.add_acquisition(pynwb.TimeSeries(name="film", data=np.ones((9, 2, 2)), unit="1", rate=1.0))
    with pytest.raises(ValueError, match=r"series 'film': has shape \(9, 2, 2\)"):
        nwb_series(made, "film")
    made.add_stimulus(pynwb.TimeSeries(name="lfp", data=np.ones(9), unit="V", rate=1.0))
    with pytest.raises(ValueError, match="2 series 'lfp' among"):
        nwb_series(made, "lfp")
    empty = pynwb.NWBFile("a", "b", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    with pytest.raises(ValueError, match="has no units with spike_times"):
        nwb_units(empty)


def test_no_link_out_of_the_file_is_followed(path, tmp_path) -> None:
    copy = tmp_path / "copy.nwb"
    shutil.copy(path, copy)
    with h5py.File(copy, "a") as file:
        del file["acquisition/speed/data"]
        file["acquisition/speed/data"] = h5py.ExternalLink("mine.nwb", "/acquisition/lfp/data")
    with pytest.raises(ValueError, match=r"/acquisition/speed/data is a link into mine\.nwb"):
        nwb_series(copy, "speed")


@pytest.mark.slow
def test_from_a_file_to_a_table(path) -> None:
    trials = nwb_table(path)
    epochs = np.stack([trials["start_time"], trials["stop_time"]], axis=1)
    found = from_pynapple(nwb_units(path), dt=0.25, epochs=epochs)
    side = trials["side"][found.epoch]
    speed = jn.features.resample(*(lambda s: (s.times, s.x))(nwb_series(path, "speed")), found.bins)
    assert found.counts.shape == (32, 3) and side[8] == "r" and np.isfinite(speed).all()
    fit = jn.make_fit(jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs())
    inputs = jn.make_inputs(speed, found.counts)
    table = jn.fit_many(fit, inputs, [jn.axes.targets(3, found.units)]).table()
    assert table["target"].tolist() == ["0", "1", "2"]


def test_a_missing_pynwb_says_what_to_install(path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[nwb\]"'):
        nwb_units(path)
