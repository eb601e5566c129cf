"""A rat on a track: the reader of its files, its bins, and that its place is in its spikes."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from scipy import io

from experiments import places
from jaxneuro.data import Recording
from jaxneuro.data.tracks import hippocampus_track

START = 1000.0  # s on the clock, when the camera starts
HEADER = b"<Start settings>\nclockrate: 30000\n<End settings>\n"


def _written(folder: Path, place: np.ndarray, time: np.ndarray, units: list) -> Path:
    """A recording as the authors lay it out: three tetrodes, of several units, none, and one."""
    frames = np.zeros(len(time), [("time", "<u4"), ("point", "<u2", 4)])
    frames["time"], frames["point"][:, :2] = np.rint(time * 30_000), place
    (folder / "trajectory.videoPositionTracking").write_bytes(HEADER + frames.tobytes())

    def cell(spikes):
        return {"time": spikes[:, None], "timerange": [[START + 1, time[-1]]], "meanrate": 1.0}

    several = np.empty((1, len(units)), object)
    for i, spikes in enumerate(units[:-1]):
        several[0, i] = cell(spikes) if len(spikes) else np.zeros((0, 0))
    several[0, -1] = np.zeros((0, 0))
    tetrodes = np.empty((1, 3), object)
    tetrodes[0, 0], tetrodes[0, 1] = several, np.zeros((0, 0))
    tetrodes[0, 2] = cell(units[-1])
    io.savemat(folder / "spikes.mat", {"spikes": tetrodes})
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Recording:
    """The diode unseen for 15 s, then still for 5 s, 60 s of running at 60 px/s, a flicker."""
    rng = np.random.default_rng(0)
    time = START + np.arange(0, 80, 1 / 60)
    running = np.clip(time - START - 20, 0, None)
    way = 100 + 60 * np.where(running % 10 < 5, running % 10, 10 - running % 10)
    place = np.stack([way, 50 + way / 2], axis=1)
    place[time < START + 15] = 522, 8
    place[3000] = 10, 400
    units = [np.sort(rng.uniform(START - 5, START + 80, n)) for n in (300, 0, 40, 9000, 77)]
    return hippocampus_track(_written(tmp_path_factory.mktemp("track"), place, time, units))


def test_reader_finds_units_and_frames(recording):
    found = recording.arrays
    assert np.bincount(found["spike_unit"]).tolist() == [300, 40, 9000, 77]
    assert found["tetrode"].tolist() == [0, 0, 0, 2]
    assert found["span"][0] == START + 1 and set(recording.units) == set(found)
    np.testing.assert_allclose(np.diff(found["frame_time"]), 1 / 60, atol=1e-4)
    for unit in range(4):
        assert (np.diff(found["spike_time"][found["spike_unit"] == unit]) >= 0).all()


def test_reader_leaves_out_what_the_tracker_lost(recording):
    time = recording.arrays["frame_time"] - START
    lost = np.isnan(recording.arrays["position"]).any(axis=1)
    flicker = time[3000]
    assert lost[time < 16.9].all() and lost[np.abs(time - flicker) < 1.9].all()
    assert not lost[(time > 17.1) & (np.abs(time - flicker) > 2.1)].any()  # nor 5 s of standing
    assert np.nanmax(recording.arrays["position"]) < 402


def test_reader_says_which_file_is_wrong(tmp_path):
    time = START + np.arange(10.0)
    spikes = np.array([START + 2.0])
    place = np.zeros((10, 2))
    with pytest.raises(FileNotFoundError, match="trajectory"):
        hippocampus_track(tmp_path)
    _written(tmp_path, place, time, [spikes, spikes])
    assert len(hippocampus_track(tmp_path).arrays["tetrode"]) == 2
    io.savemat(tmp_path / "spikes.mat", {"other": 1})
    with pytest.raises(ValueError, match=r"spikes\.mat"):
        hippocampus_track(tmp_path)
    _written(tmp_path, place, time[::-1], [spikes, spikes])
    with pytest.raises(ValueError, match=r"trajectory.*backwards"):
        hippocampus_track(tmp_path)
    (tmp_path / "trajectory.videoPositionTracking").write_bytes(b"no header")
    with pytest.raises(ValueError, match="trajectory"):
        hippocampus_track(tmp_path)


def test_bins_hold_every_spike_and_tell_running_from_rest(recording):
    run, found = places.binned(recording), recording.arrays
    assert run.left_out == 1  # 9000 spikes in 80 s
    middle = found["span"][0] - START + places.DT * (np.arange(len(run.counts)) + 0.5)
    edges = found["span"][0] + places.DT * np.arange(len(run.counts) + 1)
    for column, unit in enumerate((0, 1, 3)):
        spikes = found["spike_time"][found["spike_unit"] == unit]
        np.testing.assert_array_equal(run.counts[:, column], np.histogram(spikes, edges)[0])
    assert not run.running[middle < 19].any()
    flicker = found["frame_time"][3000] - START
    assert not run.running[np.abs(middle - flicker) < 1.5].any()
    far = (middle > 21) & (np.abs(middle - flicker) > 3) & (middle < 79)
    assert run.running[far & (np.abs(middle % 5 - 2.5) < 1.5)].all()  # between turns
    t = middle[far] - 20
    way = 100 + 60 * np.where(t % 10 < 5, t % 10, 10 - t % 10)
    np.testing.assert_allclose(run.position[far, 0], way, atol=6)


def test_folds_keep_a_gap_and_hold_out_all():
    nested = places.folds(800)
    assert (nested.test[:, -1].sum(axis=0) == 1).all()
    for train, test in zip(
        nested.train.reshape(-1, 800), nested.test.reshape(-1, 800), strict=True
    ):
        fitted, scored = np.flatnonzero(train), np.flatnonzero(test)
        assert np.abs(fitted[:, None] - scored).min() > places.REACH


def test_error_map_is_the_median_of_each_square():
    place = np.array([[0.0, 0.0], [5.0, 5.0], [9.0, 1.0], [45.0, 25.0]])
    found = places.error_map(place, place + np.array([[1, 0], [2, 0], [9, 0], [0, 4]]))
    assert found.shape == (2, 3) and found[0, 0] == 2 and found[1, 2] == 4
    assert np.isnan(found).sum() == 4


@pytest.mark.slow
@pytest.mark.parametrize("track, least", [("linear-track", 0.75), ("w-maze", 0.6)])
def test_place_is_in_the_spikes(tmp_path, track, least):
    root = os.environ.get("JAXNEURO_TEST_DATA")
    folder = Path(root or "") / "hippocampus_tracks" / track
    if not root or not folder.exists():
        pytest.skip(f"JAXNEURO_TEST_DATA holds no hippocampus_tracks/{track}")
    common = {"out": tmp_path, "job": "neural_decoding", "command": "none"}
    summary = places.run(folder, 0, True, common)
    models = summary["models"]
    assert models["naive Bayes, past and future"] > least and models["naive Bayes"] > 0.48
    assert summary["median_error"]["naive Bayes"] < 0.5 * summary["median_error_constant"]
    assert summary["baseline"] < 0.01 and summary["interval"][0] > 0.4 and max(summary["p"]) < 0.1
    assert {p.name for p in tmp_path.glob("*.png")} >= {"error_map.png", "decoded_x.png"}
