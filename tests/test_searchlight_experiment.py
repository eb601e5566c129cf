"""A searchlight from files to files: what was put into a brain is found where it was put."""

import csv
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from experiments import searchlight
from experiments.runs import command_line
from jaxneuro import areas, splits
from jaxneuro.data.events import standardise_runs

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")
nibabel = pytest.importorskip("nibabel")

AFFINE = np.diag([-3.0, 3.0, 3.0, 1.0])
SHAPE, RUNS, VOLUMES, REPETITION = (6, 6, 3), 3, 60, 2.0
INSIDE = np.zeros(SHAPE, bool)
INSIDE[1:3, 1:3, 1] = True  # voxels that tell a face from a house


@pytest.fixture
def files(tmp_path):
    """Three runs with an events.tsv each, and a mask; blocks of 5 volumes, 3 of rest between."""
    rng = np.random.default_rng(0)
    pattern = rng.normal(size=(2, *SHAPE)) * INSIDE
    for run in range(RUNS):
        data = rng.normal(size=(*SHAPE, VOLUMES)) + 100 + run + np.linspace(0, 5, VOLUMES)
        lines = ["onset\tduration\ttrial_type"]
        for block, start in enumerate(range(0, VOLUMES - 8, 8)):
            kind = (block + run) % 2
            lines.append(f"{start * REPETITION}\t{5 * REPETITION}\t{['face', 'house'][kind]}")
            data[..., start : start + 5] += 1.5 * pattern[kind][..., None]
        image = nibabel.Nifti1Image(data.astype(np.float32), AFFINE)
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_zooms((3, 3, 3, REPETITION))
        nibabel.save(image, tmp_path / f"run{run}.nii.gz")
        (tmp_path / f"run{run}.tsv").write_text("\n".join(lines) + "\n")
    nibabel.save(nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE), tmp_path / "mask.nii")
    return tmp_path


def arguments(folder, *more):
    names = [f"run{run}" for run in range(RUNS)]
    return [
        "--data", *(str(folder / f"{name}.nii.gz") for name in names),
        "--events", *(str(folder / f"{name}.tsv") for name in names),
        "--mask", str(folder / "mask.nii"), "--out", str(folder / "out"), "--delay", "0",
        "--radius", "4.5", *more,
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setattr("jaxneuro.compat.keep_programs", lambda folder: None)


def test_files_in_and_images_out(files, capsys):
    command_line(searchlight.Options, searchlight.main, arguments(files, "--permutations", "99"))
    out = files / "out"
    summary = json.loads((out / "summary.json").read_text())
    accuracy, p = (
        np.asarray(nibabel.load(out / f"{name}.nii.gz").dataobj) for name in ("accuracy", "p")
    )
    assert accuracy.shape == SHAPE and accuracy[INSIDE].min() > 0.8 and p[INSIDE].max() <= 0.05
    far = np.linalg.norm((np.argwhere(np.ones(SHAPE)) - [1.5, 1.5, 1]) * 3, axis=1) > 9
    assert np.median(accuracy.reshape(-1)[far]) < 0.6 and (p.reshape(-1)[far] > 0.05).all()
    assert summary["score"] == pytest.approx(accuracy.max()) and summary["chance"] == 0.5
    assert summary["classifiers"] == np.prod(SHAPE) * RUNS * 100
    with open(out / "clusters.csv", newline="") as file:
        (cluster,) = csv.DictReader(file)
    assert float(cluster["value"]) == pytest.approx(accuracy.max())
    assert int(cluster["size"]) == (p <= 0.05).sum()
    assert {"accuracy.png", "null.png", "report.html", "fits.csv"} <= {
        f.name for f in out.iterdir()
    }
    assert "searchlight: ridge, best accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--without", "rest", "face"], "the labels are"),
        (["--path", "somewhere"], "--path is given"),
        (["--mask", "nothing.nii"], "nothing.nii: no such file"),
        (["--events", "a.tsv"], "1 tables for 3 images"),
    ],
)
def test_bad_options_are_named(files, capsys, change, message):
    with pytest.raises(SystemExit) as stopped:
        command_line(searchlight.Options, searchlight.main, arguments(files, *change))
    assert stopped.value.code == 2 and message in capsys.readouterr().err


def haxby():
    root = os.environ.get("JAXNEURO_TEST_DATA")
    if not root or not (Path(root) / "haxby_one_slice").is_dir():
        pytest.skip("JAXNEURO_TEST_DATA holds no haxby_one_slice")
    return Path(root) / "haxby_one_slice"


@pytest.mark.slow
def test_haxby_in_one_command(tmp_path):
    found = searchlight.main(searchlight.Options(path=str(haxby()), out=tmp_path))
    assert found["score"] > 0.4 and found["best_p"] == pytest.approx(1 / 1001)
    assert found["baseline"] < 0.2 and 350 < found["centres_at_.05"] < 450


@pytest.mark.slow
def test_haxby_is_the_map_of_nilearn(tmp_path):
    decoding = pytest.importorskip("nilearn.decoding")
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import LeaveOneGroupOut
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    study = searchlight.from_folder(haxby())
    kept, mask = study.kept(["rest"]), study.volume.mask
    x = standardise_runs(study.volume.patterns(), study.run)[kept]
    y, run = study.label[kept], study.run[kept]
    images = np.zeros((*mask.shape, len(x)), np.float32)
    images[mask] = x.T
    folds = splits.leave_one_group_out(run)
    light = decoding.SearchLight(
        nibabel.Nifti1Image(mask.astype(np.uint8), study.volume.affine), radius=10.0,
        cv=LeaveOneGroupOut(),
        estimator=make_pipeline(StandardScaler(), RidgeClassifier(alpha=folds.train[0].sum())),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an estimator that is no string
        light.fit(nibabel.Nifti1Image(images, study.volume.affine), y, groups=run)
    spheres = areas.spheres(mask, study.volume.affine, 10.0)
    found = areas.searchlight(x, y, folds, spheres)
    assert np.corrcoef(found.accuracy, light.scores_[mask])[0, 1] > 0.999
    np.testing.assert_allclose(found.accuracy, light.scores_[mask], atol=2 / 864)


@pytest.mark.slow
def test_the_pages_code_runs(capsys):
    page = (Path(__file__).parents[1] / "docs" / "searchlight.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    scope: dict = {}
    exec(block, scope)
    assert "centres at .05" in capsys.readouterr().out
    assert (scope["found"].p[:12] <= 0.05).mean() > 0.5 and len(scope["clusters"]) >= 1
