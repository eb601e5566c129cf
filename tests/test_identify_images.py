"""`python -m experiments.brain_areas` on images: NIfTI and events in, maps on the same grid out."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import jaxneuro as jn
from experiments import brain_areas

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")
nibabel = pytest.importorskip("nibabel")

SHAPE, TR, VOLUMES = (5, 4, 3), 2.0, 60
AFFINE = np.diag([-3.0, 3.0, 4.0, 1.0])
INSIDE = (2, 1, 1)  # a voxel that tells


def runs(folder: Path, count: int = 3, files: bool = True) -> tuple[str, tuple[str, ...], str]:
    """Images of runs with drifts of their own, in which one voxel follows the faces 4 s late."""
    rng = np.random.default_rng(0)
    mask = np.ones(SHAPE, np.uint8)
    mask[0] = 0
    nibabel.save(nibabel.Nifti1Image(mask, AFFINE), folder / "mask.nii.gz")
    images, tables = [], []
    for run in range(count):
        rows, x = ["onset\tduration\ttrial_type"], rng.normal(size=(*SHAPE, VOLUMES))
        x += rng.normal(size=(*SHAPE, 1)) * np.linspace(-5, 5, VOLUMES) + 100 * run
        for i, name in enumerate(["face", "house", "rest"] * 2):
            rows.append(f"{i * 20}\t16\t{name}")
            if name == "face":
                x[(*INSIDE, slice(i * 10 + 2, i * 10 + 10))] += 4
        image = nibabel.Nifti1Image(x.astype(np.float32), AFFINE)
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = TR
        images.append(folder / f"run{run}.nii.gz")
        tables.append(folder / f"run{run}.tsv")
        nibabel.save(image, images[-1])
        tables[-1].write_text("\n".join(rows))
    return ",".join(map(str, images)), tuple(map(str, tables)), str(folder / "mask.nii.gz")


@pytest.mark.slow
def test_images_and_events_in_and_maps_out(tmp_path):
    data, events, mask = runs(tmp_path)
    options = brain_areas.Options(data=data, events=events, mask=mask, delay=4.0, quick=True,
                                  out=tmp_path / "out")  # fmt: skip
    brain_areas.main(options)
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert told["job"] == "brain_areas" and told["score_name"] == "held-out accuracy"
    assert told["score"] > 0.8 > told["baseline"] and told["model"] in told["models"]
    assert told["blocks"] == 12 and told["block_accuracy"] > 0.9
    made = nibabel.load(tmp_path / "out" / "patterns.nii.gz")
    assert made.shape == (*SHAPE, 2)
    np.testing.assert_allclose(made.affine, AFFINE)
    values = made.get_fdata()
    assert np.isnan(values[0]).all()
    best = np.unravel_index(np.nanargmax(values[..., 0]), SHAPE)  # of "face", the first by name
    assert best == INSIDE
    found = jn.load(tmp_path / "out" / "identified.jaxneuro")
    assert found.classes == ("face", "house")
    assert {"patterns.png", "confusion.png", "found.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


@pytest.mark.slow
def test_blocks_are_samples_where_asked(tmp_path):
    data, events, mask = runs(tmp_path)
    options = brain_areas.Options(data=data, events=events, mask=mask, delay=4.0, quick=True,
                                  each="block", out=tmp_path / "out")  # fmt: skip
    told = brain_areas.main(options)
    assert told["score"] > 0.7 and "blocks" not in told
    assert "Samples are the means of 12 events." in told["notes"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"events": ()}, "--events: name a table"),
        ({"data": "first"}, "--events: 3 tables for 1 images"),
        ({"runs": 2}, "--runs 2"),
    ],
)
def test_what_is_missing_is_told(tmp_path, change, word):
    data, events, mask = runs(tmp_path)
    given = {"data": data, "events": events, "mask": mask} | change
    if given["data"] == "first":
        given["data"] = data.split(",")[0]
    with pytest.raises(ValueError, match=word):
        brain_areas.main(brain_areas.Options(out=tmp_path / "out", **given))


@pytest.mark.slow
def test_haxbys_categories_by_the_own_choice_of_one_call(tmp_path):
    """Eight categories of one slice, twelve runs, each left out: scikit-learn's logistic regression
    has .568 of volumes and .740 of blocks."""
    root = os.environ.get("JAXNEURO_TEST_DATA")
    if not root or not (Path(root) / "haxby_one_slice").is_dir():
        pytest.skip("JAXNEURO_TEST_DATA holds no haxby_one_slice")
    folder = Path(root) / "haxby_one_slice"
    told = brain_areas.main(brain_areas.Options(
        data=str(folder / "bold.nii.gz"), events=(str(folder / "attributes_literal.txt"),),
        mask=str(folder / "mask.nii.gz"), out=tmp_path, quick=True,
    ))  # fmt: skip
    assert told["score"] >= 0.65 and told["block_accuracy"] >= 0.80
