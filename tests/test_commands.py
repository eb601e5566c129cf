"""Any file to a table, and the commands that take one: what is clear is taken, all else asked."""
# pyright: reportCallIssue=false, reportArgumentType=false
# (pynwb and mne write their signatures at run time)

import csv
import datetime
import json
import signal
import subprocess

import h5py
import mne
import numpy as np
import pandas
import pynwb
import pytest
import scipy.io

import jaxneuro.compat
from experiments import __main__ as every
from experiments import brain_areas, neural_decoding, neuron_activity
from experiments.runs import command_line
from jaxneuro import adapters, data, features
from jaxneuro.adapters.read import Picks
from jaxneuro.data import wheels

CLOCK = np.arange(600) * 0.1
HAND = np.stack([np.sin(CLOCK), np.cos(1.7 * CLOCK)], axis=1)
SIDES = np.array(["l", "r"] * 5)
MNES_OWN = pytest.mark.filterwarnings("ignore:The inplace keyword")  # of the newest pandas
STARTS = 6.0 * np.arange(10)


@pytest.fixture(scope="module")
def spikes():
    """Five units that follow the hand, and of which each trial's side shows."""
    rng = np.random.default_rng(0)
    side = np.where(np.floor(CLOCK / 6).astype(int) % 2, 1.0, -1.0)
    drive = np.c_[HAND, side] @ rng.normal(size=(3, 5))
    fired = rng.poisson(np.exp(drive) * 0.8)
    return [np.sort(np.repeat(CLOCK, n) + rng.uniform(0, 0.1, n.sum())) for n in fired.T]


@pytest.fixture(scope="module")
def session(tmp_path_factory, spikes):
    """NWB with units, trials and the hand."""
    path = tmp_path_factory.mktemp("commands") / "session.nwb"
    made = pynwb.NWBFile("a session", "one", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    for times in spikes:
        made.add_unit(spike_times=times)
    made.add_trial_column("side", "of the target")
    made.add_trial_column("block", "of trials")
    for k, (start, side) in enumerate(zip(STARTS, SIDES, strict=True)):
        made.add_trial(start_time=start, stop_time=start + 5, side=side, block=k // 2)
    made.add_acquisition(pynwb.TimeSeries(name="hand", data=HAND, unit="m", timestamps=CLOCK))
    gone = np.flatnonzero((CLOCK < 20) | (CLOCK > 30))
    made.add_acquisition(
        pynwb.TimeSeries(name="eye", data=HAND[gone, 0], unit="m", timestamps=CLOCK[gone])
    )
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(made)
    return path


def test_units_and_a_series_in_bins(session, spikes) -> None:
    found = adapters.read(session, x="units", y="hand", bin=0.2)
    bins = features.time_bins(0.2, [[-0.05, 59.95]])
    np.testing.assert_array_equal(found["x"], features.bin_spikes(spikes, bins))
    np.testing.assert_allclose(found["y"], features.resample(CLOCK, HAND, bins, "mean"))
    assert found["dt"] == 0.2 and "trials" not in found
    assert found["feature_names"].tolist() == list("01234")
    turned = adapters.read(session, x="hand", y="units", bin=0.2)
    np.testing.assert_array_equal(turned["y"], found["x"])


def test_bins_of_trials_stay_in_them(session, spikes) -> None:
    found = adapters.read(session, x="units", y="hand", trials="trials", groups="block", bin=0.5)
    bins = features.time_bins(0.5, np.stack([STARTS, STARTS + 5], axis=1))
    np.testing.assert_array_equal(found["x"], features.bin_spikes(spikes, bins))
    np.testing.assert_array_equal(found["trials"], np.repeat(np.arange(10), 10))
    np.testing.assert_array_equal(found["groups"], np.repeat(np.arange(10) // 2, 10))
    labels = adapters.read(session, x="units", y="side", bin=0.5)
    np.testing.assert_array_equal(labels["y"], np.repeat(SIDES, 10))


def test_a_column_without_bins_makes_a_sample_of_each_trial(session, spikes) -> None:
    found = adapters.read(session, x="units", y="side", groups="trials/block")
    rates = [[((t >= s) & (t < s + 5)).sum() / 5 for t in spikes] for s in STARTS]
    np.testing.assert_allclose(found["x"], rates)
    assert found["y"].tolist() == SIDES.tolist() and "dt" not in found
    assert found["groups"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    hand = adapters.read(session, x="hand", y="side")
    means = [HAND[(s <= CLOCK) & (s + 5 > CLOCK)].mean(axis=0) for s in STARTS]
    np.testing.assert_allclose(hand["x"], means)


def test_no_lag_reaches_over_a_gap(session) -> None:
    found = adapters.read(session, x="eye", y="units", bin=0.1)
    assert len(np.unique(found["trials"])) == 2 and np.isfinite(found["x"]).all()
    assert 490 <= len(found["x"]) <= 500
    within = adapters.read(session, x="eye", y="units", trials="trials", bin=0.1)
    # Within one trial the eye is lost for good, in another for a while, in one from the beginning.
    assert (np.diff(within["trials"]) >= 0).all() and (np.diff(within["groups"]) >= 0).all()
    assert len(np.unique(within["trials"])) >= len(np.unique(within["groups"]))


def test_what_is_not_clear_is_asked_for_by_what_there_is(session) -> None:
    there = r"units, trials \(columns side, block\), time series .*eye .*hand \(600, 2\)"
    with pytest.raises(ValueError, match=rf"this file holds {there}: say --x and --y"):
        adapters.read(session)
    with pytest.raises(ValueError, match="say --y"):
        adapters.read(session, x="units", bin=0.1)  # the hand or the eye
    with pytest.raises(ValueError, match="nothing is called 'foot'"):
        adapters.read(session, x="units", y="foot")
    with pytest.raises(ValueError, match="say --bin SECONDS"):
        adapters.read(session, x="units", y="hand")
    with pytest.raises(ValueError, match="nothing is called 'side'"):
        adapters.read(session, x="units", y="hand", trials="side", bin=0.1)


@pytest.fixture(scope="module")
def matlab(tmp_path_factory, spikes):
    """The same variables by the old format and by 7.3."""
    folder = tmp_path_factory.mktemp("matlab")
    cells = np.empty(5, object)
    cells[:] = spikes
    variables = {"spikes": cells, "arm": {"hand": HAND, "side": SIDES.astype(object)}, "dt": 0.1}
    scipy.io.savemat(folder / "old.mat", variables)
    with h5py.File(folder / "new.mat", "w", userblock_size=512) as file:
        file["arm/hand"], file["dt"] = HAND.T, np.array([[0.1]])
        held = file.create_dataset("spikes", (1, 5), h5py.ref_dtype)
        for k, times in enumerate(spikes):
            held[0, k] = file.create_dataset(f"#refs#/{k}", data=times[:, None]).ref
    return folder


@pytest.mark.parametrize("name", ["old.mat", "new.mat"])
def test_matlab_of_all_versions(matlab, spikes, name) -> None:
    found = adapters.read(matlab / name, x="spikes", y="arm.hand", bin=0.1)
    bins = features.time_bins(0.1, [[-0.05, 59.95]])
    np.testing.assert_array_equal(found["x"], features.bin_spikes(spikes, bins)[:-1])
    np.testing.assert_allclose(found["y"], HAND[:-1], atol=1e-9)  # nothing is extrapolated
    with pytest.raises(ValueError, match=r"spikes \(5 units\).*: say --x and --y"):
        adapters.read(matlab / name)
    with pytest.raises(ValueError, match="say --bin"):
        adapters.read(matlab / name, x="spikes", y="arm.hand")


def test_variables_of_their_own_names(tmp_path) -> None:
    held = {"x": HAND, "y": HAND[:, 0], "trials": np.arange(600) // 100, "dt": 0.1, "other": 1.0}
    scipy.io.savemat(tmp_path / "a.mat", held)
    np.savez(tmp_path / "a.npz", **held)  # pyright: ignore[reportArgumentType]
    for name in ("a.mat", "a.npz"):
        found = adapters.read(tmp_path / name)
        assert sorted(found) == ["dt", "trials", "x", "y"]
        np.testing.assert_array_equal(found["trials"], held["trials"])
        np.testing.assert_array_equal(found["y"], HAND[:, 0])
    with pytest.raises(ValueError, match="trials has a value for each sample"):
        adapters.read(tmp_path / "a.mat", bin=0.1)
    with pytest.raises(ValueError, match="--bin is of units"):
        adapters.read(tmp_path / "a.npz", bin=0.1)


def test_fields_of_an_npz_and_columns_of_a_csv(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", activity=HAND, side=np.repeat(SIDES, 60), odd=np.array([{}]))
    found = adapters.read(tmp_path / "a.npz", x="activity", y="side")
    assert sorted(found) == ["x", "y"] and found["y"][0] == "l"
    with pytest.raises(ValueError, match="holds activity, side, odd: say --x and --y"):
        adapters.read(tmp_path / "a.npz")
    np.savetxt(tmp_path / "a.csv", np.c_[CLOCK, HAND], delimiter=",", header="t,u,v", comments="")
    found = adapters.read(tmp_path / "a.csv", x="u, v", y="t")
    np.testing.assert_allclose(found["x"], HAND)
    with pytest.raises(ValueError, match="columns t, u, v: say --x and --y"):
        adapters.read(tmp_path / "a.csv", x="u")


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    rng = np.random.default_rng(1)
    brain = rng.normal(size=(60, 5, 40))
    brain[1::2, :3, 20:] += 1.5
    events = np.stack([np.arange(60) * 200, np.zeros(60, int), np.arange(60) % 2 + 1], axis=1)
    made = mne.EpochsArray(
        brain * 1e-6, mne.create_info(5, 100.0, ["eeg"] * 4 + ["stim"]), events, tmin=-0.2,
        event_id={"left": 1, "right": 2}, verbose=False,
        metadata=pandas.DataFrame({"run": np.arange(60) // 10}),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("epochs") / "one-epo.fif"
    made.save(path, verbose=False)
    return path, brain


@MNES_OWN
def test_epochs_of_mne(epochs) -> None:
    path, brain = epochs
    found = adapters.read(path, groups="run")
    np.testing.assert_allclose(found["x"], brain[:, :4].transpose(0, 2, 1) * 1e-6, rtol=1e-5)
    assert found["y"].tolist() == ["left", "right"] * 30 and found["groups"][-1] == 5
    assert adapters.read(path, x="eeg", y="run")["y"].tolist() == found["groups"].tolist()
    with pytest.raises(ValueError, match="hold eeg, stim channels: say --x"):
        adapters.read(path, x="mag")


@pytest.fixture(scope="module")
def folders(tmp_path_factory, spikes):
    """Of Kilosort and suite2p, and the hand beside them."""
    root = tmp_path_factory.mktemp("folders")
    (root / "sorted").mkdir()
    times, units = np.concatenate(spikes), np.repeat(np.arange(5), [len(t) for t in spikes])
    np.save(root / "sorted" / "spike_times.npy", (times * 30000).astype(np.uint64))
    np.save(root / "sorted" / "spike_clusters.npy", units)
    (root / "sorted" / "params.py").write_text("sample_rate = 30000.\n")
    judged = "".join(f"{k}\t{'good' if k else 'noise'}\n" for k in range(5))
    (root / "sorted" / "cluster_group.tsv").write_text("cluster_id\tgroup\n" + judged)
    (root / "plane0").mkdir()
    np.save(root / "plane0" / "F.npy", np.r_[HAND.T, HAND.T].astype(np.float32))
    np.save(root / "plane0" / "Fneu.npy", np.zeros((4, 600), np.float32))
    np.save(root / "plane0" / "iscell.npy", np.array([[1, 1], [1, 1], [1, 1], [0, 1.0]]))
    np.save(root / "hand.npy", HAND)
    with open(root / "hand.csv", "w", newline="") as file:
        csv.writer(file).writerows([("time", "a", "b"), *np.c_[CLOCK, HAND].tolist()])
    return root


def test_folders_with_the_hand_beside_them(folders, spikes) -> None:
    rows = adapters.read(folders / "sorted", y=str(folders / "hand.npy"), bin=0.1)
    whole = features.bin_spikes(spikes[1:], features.time_bins(0.1, 60.0))
    # Times are cut to samples of the probe, so that a spike may change its bin.
    assert rows["x"].shape == whole.shape and np.abs(rows["x"] - whole).sum() <= 4
    np.testing.assert_array_equal(rows["y"], HAND)
    timed = adapters.read(folders / "sorted", x=str(folders / "hand.csv"), y="all", bin=0.2)
    assert timed["y"].shape[1] == 5 and timed["feature_names"].tolist() == ["a", "b"]
    cells = adapters.read(folders / "plane0", y=str(folders / "hand.csv"), bin=0.1)
    np.testing.assert_allclose(cells["x"][:, :2], cells["y"], atol=1e-6)
    assert cells["feature_names"].tolist() == ["0", "1", "2"]


def test_folders_say_what_they_need(folders) -> None:
    for name, held in (("sorted", "units"), ("plane0", "cells")):
        with pytest.raises(ValueError, match=f"holds {held}.*say --bin SECONDS"):
            adapters.read(folders / name, y=str(folders / "hand.npy"))
        with pytest.raises(ValueError, match=f"holds {held}.*say one of --x and --y as a FILE"):
            adapters.read(folders / name, bin=0.1)
    np.save(folders / "short.npy", HAND[:-1])
    with pytest.raises(ValueError, match="599 rows beside signals of 600 samples"):
        adapters.read(folders / "plane0", y=str(folders / "short.npy"), bin=0.1)
    with pytest.raises(ValueError, match=r"neither spike_times.npy of Kilosort nor F.npy"):
        adapters.read(folders)


@pytest.mark.parametrize("name", ["a.nwb", "a.mat", "a.npz", "a.csv", "a-epo.fif"])
def test_a_file_that_is_not_there_or_of_no_kind(tmp_path, name) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        adapters.read(tmp_path / name, x="a", y="b")
    with pytest.raises(ValueError, match=r"a\.doc: not a \.npz, \.nwb"):
        adapters.read(tmp_path / "a.doc")


def test_a_command_keeps_what_it_took(session, tmp_path) -> None:
    picks = Picks(x="units", y="side")
    kept = picks.npz(str(session), tmp_path)
    given = data.dataset_from_npz(kept, "areas")
    assert given.name == "session" and given.target_names == ("l", "r") and given.x.shape == (10, 5)
    assert picks.told() == " --x units --y side"
    assert Picks().npz("any.npz", tmp_path) == "any.npz"


@pytest.mark.parametrize("job", [neuron_activity, brain_areas, neural_decoding])
def test_a_command_asks_before_any_work(session, tmp_path, job) -> None:
    with pytest.raises(ValueError, match=r"this file holds units.*: say --x and --y"):
        job.main(job.Options(data=str(session), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="or a file"):
        job.main(job.Options(data="ecog", out=tmp_path / "out"))


@pytest.mark.slow
def test_decoding_of_a_session(session, tmp_path) -> None:
    options = neural_decoding.Options(
        data=str(session), x="units", y="hand", bin=0.5, out=tmp_path, quick=True
    )
    summary = neural_decoding.main(options)
    assert summary["data"] == str(session) and summary["score"] > 0.2
    assert json.loads((tmp_path / "summary.json").read_text())["score"] == summary["score"]
    assert "--x units --y hand --bin 0.5" in (tmp_path / "report.html").read_text()


@MNES_OWN
@pytest.mark.slow
def test_decoding_of_epochs(epochs, tmp_path) -> None:
    summary = neural_decoding.main(
        neural_decoding.Options(data=str(epochs[0]), groups="run", out=tmp_path, quick=True)
    )
    assert summary["score"] > 0.8 > summary["baseline"]


@pytest.mark.slow
def test_areas_of_a_session(session, tmp_path) -> None:
    options = brain_areas.Options(
        data=str(session), x="units", y="side", bin=1.0, out=tmp_path, quick=True
    )
    summary = brain_areas.main(options)
    assert summary["score"] > summary["baseline"] and summary["data"] == str(session)


@pytest.mark.slow
def test_activity_of_a_session(session, tmp_path) -> None:
    summary = neuron_activity.main(
        neuron_activity.Options(
            data=str(session), x="hand", y="units", bin=0.5, out=tmp_path, quick=True
        )
    )
    assert summary["score"] > 0.2 and summary["neurons_scored"] == [5, 5]


@pytest.fixture
def command(monkeypatch):
    """The command line in this process, which it then does not change."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(jaxneuro.compat, "keep_programs", lambda folder: None)
    monkeypatch.setattr(signal, "signal", lambda *args: None)

    def run(job, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            command_line(job.Options, job.main, arguments)
        return ended.value.code  # pyright: ignore[reportReturnType]

    return run


def test_help_fits_a_screen(command, capsys) -> None:
    assert command(every, "--help") == 0
    told = capsys.readouterr().out
    assert sum(max(1, -(-len(line) // 100)) for line in told.splitlines()) <= 40
    for option in ("--data", "--x", "--y", "--trials", "--groups", "--bin", "--out", "--quick"):
        assert option in told
    assert ".nwb" in told and "experiments.neuron_activity" in told


def test_a_first_run_without_the_network_says_what_to_do(
    command, capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("JAXNEURO_CACHE", str(tmp_path))
    monkeypatch.delenv("JAXNEURO_WHEELS", raising=False)
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: Temporary failure in name resolution")
    monkeypatch.setattr(wheels, "_run_pip", lambda arguments: failed)
    for job in (every, brain_areas, neural_decoding, neuron_activity):
        assert command(job, "--out", str(tmp_path / "out")) == 2
        told = capsys.readouterr().err
        assert "Check the network and try again" in told and "set JAXNEURO_WHEELS" in told
        assert "name resolution" in told and "Traceback" not in told
