"""The experiments, small: their contract, and that they find what is there to be found."""

import csv
import html
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")

from experiments import brain_areas, neural_decoding, neuron_activity
from experiments.__main__ import Options as All
from experiments.__main__ import main as run_all
from jaxneuro.data import DataUnavailable

KEYS = {
    "job", "data", "model", "fits", "compile_seconds", "run_seconds", "score", "score_name",
    "baseline", "statuses", "notes",
}  # fmt: skip


def _checked(folder: Path, returned: dict) -> dict:
    """What every experiment promises to leave behind."""
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary) >= KEYS
    assert summary["score"] == pytest.approx(returned["score"])
    assert summary["models"].keys() >= {summary["model"]} or not summary["models"]
    with open(folder / "fits.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == summary["fits"] == sum(summary["statuses"].values())
    assert list(folder.glob("*.png"))
    page = (folder / "report.html").read_text()
    assert all(isinstance(note, str) and html.escape(note) in page for note in summary["notes"])
    assert "data:image/png;base64," in page and "<script" not in page
    return summary


def _or_skip(run):
    try:
        return run()
    except DataUnavailable as error:
        if os.environ.get("JAXNEURO_REQUIRE_DATA") == "1":
            raise
        pytest.skip(str(error))


@pytest.mark.slow
def test_all_jobs_run_on_their_recordings(tmp_path, capsys):
    returned = _or_skip(lambda: run_all(All(out=tmp_path, quick=True)))
    activity, areas, decoding = (_checked(tmp_path / s["job"], s) for s in returned)
    assert activity["score"] > 0.5  # bits per spike: sound drives these cells
    by_bases = activity["bits_per_spike"]["Poisson GLM, bases and history"]
    assert by_bases[0] >= 1.75 and by_bases[1] >= 1.40
    assert activity["receptive_field_correlation"] > 0.7
    assert areas["score"] > areas["baseline"] + 0.2
    assert decoding["models"]["linear decoder"] > 0.1 > np.median(decoding["shifted_r2"])
    assert decoding["gap_to_exact"] < 1e-3
    told = capsys.readouterr().out
    assert all(s["job"] in told for s in returned)


def _series(seed: int = 0) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 6)).astype(np.float32)
    return rng, x, x @ rng.normal(size=(6, 3)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("counts", [True, False])
def test_neuron_activity_takes_anybodys_data(tmp_path, counts):
    rng, x, drive = _series()
    y = rng.poisson(np.exp(0.3 * drive)) if counts else drive + rng.normal(size=drive.shape)
    y = np.c_[y, np.zeros(len(y))]  # a silent neuron hurts nobody
    file = tmp_path / "given.npz"
    np.savez(file, x=x, y=y, dt=0.05, test=np.arange(400) >= 300)
    options = neuron_activity.Options(data=str(file), out=tmp_path / "out", quick=True)
    summary = _checked(tmp_path / "out", neuron_activity.main(options))
    assert summary["score"] > 0.3 and summary["score_name"].startswith("held-out correlation")
    assert summary["neurons_scored"] == [3, 4]  # of the silent one, nothing can be known
    assert ("bits_per_spike" in summary) == counts


@pytest.mark.slow
@pytest.mark.parametrize("image", [True, False])
def test_brain_areas_takes_anybodys_data(tmp_path, image):
    rng = np.random.default_rng(1)
    y = np.arange(180) % 3
    x = rng.normal(size=(180, 6, 6) if image else (180, 8)).astype(np.float32)
    x += y.reshape(-1, *[1] * (x.ndim - 1)) * 0.5
    file = tmp_path / "given.npz"
    np.savez(file, x=x, y=y, groups=np.arange(180) // 20)
    options = brain_areas.Options(data=str(file), out=tmp_path / "out", quick=True)
    summary = _checked(tmp_path / "out", brain_areas.main(options))
    assert summary["score"] > summary["baseline"] + 0.2
    assert ("the article's CNN" in summary["models"]) == image


@pytest.mark.slow
def test_neural_decoding_takes_anybodys_data(tmp_path):
    rng, x, drive = _series(2)
    y = drive + rng.normal(size=drive.shape)
    file = tmp_path / "given.npz"
    np.savez(file, x=x.reshape(400, 3, 2), y=y, groups=np.arange(400) // 50)
    options = neural_decoding.Options(data=str(file), out=tmp_path / "out", quick=True)
    summary = _checked(tmp_path / "out", neural_decoding.main(options))
    assert summary["score"] > 0.4 > summary["baseline"]


def test_a_file_that_no_job_can_take_says_why_for_each(tmp_path, capsys):
    file = tmp_path / "given.npz"
    np.savez(file, x=np.ones((30, 2)), y=np.full((30, 2), "a"))
    with pytest.raises(ValueError, match="no job could take it"):
        run_all(All(data=file, out=tmp_path / "none", quick=True))
    assert capsys.readouterr().out.count("cannot take it") == 3


@pytest.mark.slow
def test_held_out_samples_change_nothing_but_the_score(tmp_path):
    rng, x, drive = _series(3)
    y = drive + rng.normal(size=drive.shape)
    test = np.arange(400) >= 300
    chosen = []
    for name, labels in (("true", y), ("garbled", np.where(test[:, None], 50.0, y))):
        file = tmp_path / f"{name}.npz"
        labels = labels + np.where(test[:, None], rng.normal(size=y.shape), 0)
        np.savez(file, x=x, y=labels, test=test)
        options = neural_decoding.Options(data=str(file), out=tmp_path / name, quick=True)
        neural_decoding.main(options)
        with open(tmp_path / name / "fits.csv", newline="") as rows:
            kept = [row for row in csv.DictReader(rows) if row["shift"] in ("", "0")]
        chosen.append([(row["model"], row["l2"], row["steps"], row["loss"]) for row in kept])
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("job", ["neuron_activity", "brain_areas", "neural_decoding"])
def test_bad_data_is_told_before_any_work(tmp_path, job):
    file = tmp_path / "bad.npz"
    x = np.ones((30, 2))
    x[3, 1] = np.nan
    np.savez(file, x=x, y=np.arange(30))
    command = [sys.executable, "-m", f"experiments.{job}", "--data", str(file), "--out",
               str(tmp_path / "out")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "x" in done.stderr and "bad.npz" in done.stderr
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("job", ["", ".neuron_activity", ".brain_areas", ".neural_decoding"])
def test_help_says_what_it_does_and_costs(job):
    command = [sys.executable, "-m", f"experiments{job}", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "minute" in told and "download" in told
    for option in ("--data", "--out", "--seed", "--quick"):
        assert option in told


def _recordings(name: str) -> Path:
    root = os.environ.get("JAXNEURO_TEST_DATA")
    if not root or not (Path(root) / name).exists():
        pytest.skip(f"JAXNEURO_TEST_DATA holds no {name}")
    return Path(root) / name


@pytest.mark.slow
def test_mouse_v1_by_path(tmp_path):
    options = neuron_activity.Options(
        data="mouse-v1", path=_recordings("mouse_v1_gratings"), out=tmp_path, quick=True
    )
    summary = _checked(tmp_path, neuron_activity.main(options))
    assert 0 <= summary["score"] < 0.5


@pytest.mark.slow
def test_place_cell_by_path(tmp_path):
    """Splines of position × direction beat the published quadratic on identical round trips."""
    options = neuron_activity.Options(
        data="place-cell", path=_recordings("place_cell_kramer"), out=tmp_path, quick=True
    )
    summary = _checked(tmp_path, neuron_activity.main(options))
    assert summary["score"] > 3.2 and summary["models"]["quadratic GLM"] > 2.8
    assert summary["gain_interval"][0] > 0 and summary["gain_p"] < 0.05
    assert summary["gain"] > 0.3 and summary["model"] == "spline GLM"


@pytest.mark.slow
def test_m1_reach_by_path(tmp_path):
    file = _recordings("m1_reach_stevenson") / "m1_stevenson_2011.mat"
    options = neural_decoding.Options(data="m1-reach", path=file, out=tmp_path, quick=True)
    summary = _checked(tmp_path, neural_decoding.main(options))
    assert summary["models"]["linear decoder"] > 0.6
