"""Images in and out: the same numbers at the same places; other grids are refused."""

import sys

import numpy as np
import pytest

from jaxneuro import areas, splits
from jaxneuro.data.events import (
    Events,
    label_volumes,
    read_events,
    read_volume_labels,
    standardise_runs,
)
from jaxneuro.data.images import concatenated, read_volume

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[-3, 0.1, 0, 60], [0, 3.5, 0.2, -35], [0.1, 0, 4, 2], [0, 0, 0, 1]], float)
SHAPE = (5, 4, 3)


@pytest.fixture
def files(tmp_path):
    """A recording of 6 images, and its mask."""
    rng = np.random.default_rng(0)
    data = rng.normal(100, 5, (*SHAPE, 6)).astype(np.float32)
    mask = rng.random(SHAPE) < 0.6
    image = nibabel.Nifti1Image(data, AFFINE)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((*image.header.get_zooms()[:3], 2500.0))
    image.set_sform(AFFINE, code="mni")
    nibabel.save(image, tmp_path / "bold.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), AFFINE), tmp_path / "mask.nii")
    return tmp_path, data, mask


def test_patterns_are_the_voxels_of_the_mask(files):
    folder, data, mask = files
    volume = read_volume(folder / "bold.nii.gz", folder / "mask.nii")
    np.testing.assert_array_equal(volume.patterns(), data[mask].T)
    assert volume.repetition == 2.5 and (volume.mask == mask).all()
    expected = nibabel.affines.apply_affine(AFFINE, np.argwhere(mask))
    np.testing.assert_allclose(volume.positions, expected)
    assert "6 images every 2.5 s" in repr(volume)
    same = read_volume(nibabel.load(folder / "bold.nii.gz"), mask)
    np.testing.assert_array_equal(same.values, volume.values)
    single = read_volume(nibabel.Nifti1Image(data[..., 0], AFFINE), mask)
    assert single.values.shape == (1, mask.sum()) and single.repetition is None


def test_without_a_mask_what_never_changes_is_left_out(files):
    data = files[1].copy()
    data[0, 0, 0], data[1, 1, 1, 2] = 7, np.nan
    volume = read_volume(nibabel.Nifti1Image(data, AFFINE))
    assert not volume.mask[0, 0, 0] and not volume.mask[1, 1, 1]
    assert volume.mask.sum() == np.prod(SHAPE) - 2


def test_values_go_back_to_where_they_came_from(files):
    folder, _, mask = files
    volume = read_volume(folder / "bold.nii.gz", folder / "mask.nii")
    values = np.linspace(0, 1, mask.sum())
    opened = nibabel.load(volume.save(values, folder / "map.nii.gz"))
    np.testing.assert_allclose(opened.affine, AFFINE, atol=1e-5)
    assert opened.shape == SHAPE and opened.header["sform_code"] == 4
    found = np.asarray(opened.dataobj)
    np.testing.assert_allclose(found[mask], values, atol=1e-6)
    assert np.isnan(found[~mask]).all()
    labels = nibabel.load(volume.save(np.arange(mask.sum()), folder / "labels.nii"))
    assert labels.get_data_dtype() == np.int32 and (np.asarray(labels.dataobj)[~mask] == 0).all()
    several = volume.image(np.stack([values, values + 1]))
    np.testing.assert_allclose(np.asarray(several.dataobj)[mask].T[1], values + 1, atol=1e-6)
    for bad, message in ((values[1:], "values are .* of the"), (np.array("a"), "values are")):
        with pytest.raises(ValueError, match=message):
            volume.image(bad)
    with pytest.raises(ValueError, match="the name must end in"):
        volume.save(values, folder / "map.npz")


def test_a_searchlight_leaves_images(files):
    folder, _, mask = files
    volume = read_volume(folder / "bold.nii.gz", folder / "mask.nii")
    y, run = np.tile([0, 1], 3), np.repeat([0, 1, 2], 2)
    found = areas.searchlight(
        volume.patterns(), y, splits.leave_one_group_out(run),
        areas.spheres(volume.mask, volume.affine, 4.0), "max_correlation",
        permutations=3, groups=run,
    )  # fmt: skip
    written = found.save_images(volume, folder / "maps")
    assert set(written) == {"accuracy", "p", "p_alone"}
    p = np.asarray(nibabel.load(written["p"]).dataobj)[mask]
    np.testing.assert_allclose(p, found.p, atol=1e-6)


def test_other_grids_are_refused(files):
    folder, data, mask = files
    shifted = AFFINE.copy()
    shifted[0, 3] += 1.5
    elsewhere = nibabel.Nifti1Image(mask.astype(np.uint8), shifted)
    for other, message in (
        (elsewhere, "the mask lies elsewhere: .* 1.5 mm off: resample one of them first"),
        (nibabel.Nifti1Image(np.ones((5, 4, 4), np.uint8), AFFINE), r"the mask has \(5, 4, 4\)"),
        (np.ones((2, 2, 2), bool), "mask is bool"),
        (np.zeros(SHAPE, bool), "no voxel of .* is inside"),
    ):
        with pytest.raises(ValueError, match=message):
            read_volume(folder / "bold.nii.gz", other)
    one = read_volume(folder / "bold.nii.gz", mask)
    both = concatenated([one, one])
    assert both.values.shape == (12, mask.sum())
    other = read_volume(nibabel.Nifti1Image(data, shifted), mask)
    with pytest.raises(ValueError, match="run 1 lies elsewhere"):
        concatenated([one, other])
    with pytest.raises(ValueError, match="run 1 has another mask"):
        concatenated([one, read_volume(folder / "bold.nii.gz")])


def test_files_that_are_no_images_are_named(tmp_path):
    (tmp_path / "x.nii").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"x.nii: not an image that nibabel reads"):
        read_volume(tmp_path / "x.nii")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_volume(tmp_path / "y.nii")


def test_a_missing_nibabel_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[imaging\]"'):
        read_volume(tmp_path / "x.nii")


def test_events_become_labels_of_volumes(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\ttrial_type\n8\t4\thouse\n2.0\t4.0\tface\n")
    events = read_events(path)
    found = label_volumes(events, 10, 2.0)
    assert found.label.tolist() == ["", "face", "face", "", "house", "house", "", "", "", ""]
    assert found.block.tolist() == [-1, 1, 1, -1, 0, 0, -1, -1, -1, -1] and (found.run == 0).all()
    later = label_volumes(events, 10, 2.0, delay=4.0, run=3)
    assert (later.label[2:] == found.label[:-2]).all() and (later.run == 3).all()
    fine = Events(np.array([0.0, 0.3]), np.array([0.3, 0.3]), np.array(["a", "b"]))
    assert label_volumes(fine, 6, 0.1).label.tolist() == list("aaabbb")
    both = Events(np.array([0.0, 1.0]), np.array([2.0, 2.0]), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="one starts at 1 s before the one before ends, at 2 s"):
        label_volumes(both, 5, 1.0)
    with pytest.raises(ValueError, match="none goes on within the 2 volumes"):
        label_volumes(Events(*np.array([[50.0], [1.0]]), np.array(["a"])), 2, 1.0)


def test_bad_events_are_named(tmp_path):
    path = tmp_path / "events.tsv"
    for text, message in (
        ("onset\tduration\n1\t2\n", "none of the columns"),
        ("onset\ttrial_type\n1\ta\n", "no column 'duration'"),
        ("onset\tduration\ttrial_type\n1\tn/a\ta\n", "line 2, column 'duration': 'n/a'"),
        ("onset\tduration\ttrial_type\n1\t-2\ta\n", "line 2 has a duration below 0"),
        ("onset\tduration\ttrial_type\n1\t2\n", "line 2 has 2 cells, not 3"),
        ("onset\tduration\ttrial_type\n", "no rows"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_events(path)


def test_labels_of_each_volume(tmp_path):
    path = tmp_path / "labels.txt"
    rows = ["rest 7", "face 7", "face 7", "face 2", "rest 2", "face 2"]
    for text in ("\n".join(rows), "labels chunks\n" + "\n".join(rows)):
        path.write_text(text)
        found = read_volume_labels(path)
        assert found.label.tolist() == [row.split()[0] for row in rows]
        assert found.run.tolist() == [0, 0, 0, 1, 1, 1]
        assert found.block.tolist() == [0, 1, 1, 2, 3, 4]
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(ValueError, match="none of the columns"):
        read_volume_labels(path)


def test_runs_are_brought_to_one_scale():
    rng = np.random.default_rng(0)
    run = np.repeat([5, 2], [30, 40])
    time = np.concatenate([np.arange(30), np.arange(40)])
    x = rng.normal(size=(70, 3)) * [1, 50, 2] + time[:, None] * [0, 7, -3] + run[:, None] * 1e3
    x[run == 2, 0] = 4.0
    found = standardise_runs(x, run)
    for one in (5, 2):
        own = found[run == one]
        slope = np.polyfit(time[run == one], own, 1)
        np.testing.assert_allclose(slope, 0, atol=1e-5)
    np.testing.assert_allclose(found[run == 5].std(axis=0), 1, rtol=1e-5)
    assert (found[run == 2, 0] == 0).all()
    other = x.copy()
    other[run == 2] *= 3
    np.testing.assert_array_equal(standardise_runs(other, run)[run == 5], found[run == 5])
    with pytest.raises(ValueError, match="x "):
        standardise_runs(x, run[1:])
