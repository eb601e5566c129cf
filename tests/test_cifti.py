"""CIFTI-2 and confounds: what is written is read again, by nibabel too; bad files are named."""

import numpy as np
import pytest

from jaxneuro import areas, fmri, splits
from jaxneuro.data.cifti import read_cifti
from jaxneuro.data.confounds import MOTION, read_confounds

nibabel = pytest.importorskip("nibabel")
cifti2 = pytest.importorskip("nibabel.cifti2")

SIDE, HIPPOCAMPUS = 6, "CIFTI_STRUCTURE_HIPPOCAMPUS_LEFT"


def models():
    """A left cortex of 36 vertices with a medial wall of 6, a right one whole, and 8 voxels."""
    mask = np.arange(SIDE**2) >= SIDE
    left = cifti2.BrainModelAxis.from_mask(mask, name="cortex_left")
    right = cifti2.BrainModelAxis.from_surface(np.arange(SIDE**2), SIDE**2, name="cortex_right")
    box = np.zeros((4, 4, 4), bool)
    box[1:3, 1:3, 1:3] = True
    return left + right + cifti2.BrainModelAxis.from_mask(box, HIPPOCAMPUS, np.diag([2, 2, 2, 1]))


def written(path, rows, values):
    image = cifti2.Cifti2Image(values, (rows, models()))
    nibabel.save(image, path)
    return path


def series(path, frames=40, seed=0):
    values = np.random.default_rng(seed).normal(size=(frames, 74)).astype(np.float32)
    return written(path, cifti2.SeriesAxis(0, 0.72, frames), values), values


def test_a_dense_series_and_maps_on_its_axis(tmp_path):
    path, values = series(tmp_path / "rest.dtseries.nii")
    found = read_cifti(path)
    np.testing.assert_array_equal(found.values, values)
    assert found.repetition == pytest.approx(0.72) and "40 rows every 0.72 s of 74" in repr(found)
    assert list(found.structures)[2] == HIPPOCAMPUS
    assert found.structures[HIPPOCAMPUS].indices(74)[:2] == (66, 74)
    np.testing.assert_array_equal(read_cifti(nibabel.load(path)).patterns(), values)

    maps = np.stack([values.mean(axis=0), values.std(axis=0)])
    opened = nibabel.load(found.save(maps, tmp_path / "a.dscalar.nii", ["mean", "deviation"]))
    np.testing.assert_allclose(opened.get_fdata(), maps, rtol=1e-6)
    assert opened.header.get_axis(0).name.tolist() == ["mean", "deviation"]
    assert opened.header.get_axis(1) == models()
    assert opened.nifti_header.get_intent()[0] == "ConnDenseScalar"
    assert read_cifti(tmp_path / "a.dscalar.nii").names == ("mean", "deviation")

    again = read_cifti(found.save(values[:5], tmp_path / "b.dtseries.nii"))
    np.testing.assert_array_equal(again.values, values[:5])
    assert again.repetition == pytest.approx(0.72)
    assert {path.name[0] for path in tmp_path.iterdir()} == {"a", "b", "r"}  # nothing partial


def test_labels_in_and_out(tmp_path):
    table = {0: ("???", (0, 0, 0, 0)), 7: ("V1", (1, 0, 0, 1)), 9: ("V2", (0, 1, 0, 1))}
    keys = np.random.default_rng(0).choice([0, 7, 9], (1, 74))
    path = written(tmp_path / "a.dlabel.nii", cifti2.LabelAxis(["areas"], table), keys)
    found = read_cifti(path)
    names = np.array([table[key][0] for key in keys[0]])
    assert (found.labels[0] == names).all() and found.names == ("areas",)
    opened = nibabel.load(found.save(names, tmp_path / "b.dlabel.nii", ["mine"]))
    axis = opened.header.get_axis(0)
    assert {name for name, _ in axis.label[0].values()} == {"???", "V1", "V2"}
    assert opened.nifti_header.get_intent()[0] == "ConnDenseLabel"
    again = read_cifti(tmp_path / "b.dlabel.nii")
    assert (again.labels[0] == names).all()
    two = read_cifti(found.save(np.stack([names, names[::-1]]), tmp_path / "c.dlabel.nii"))
    assert (two.labels[1] == names[::-1]).all() and two.names == ("0", "1")


def test_a_cortex_of_grayordinates_has_searchlights(tmp_path):
    u, v = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    points = np.stack([2.0 * u, 2.0 * v, np.zeros_like(u)], axis=-1).reshape(-1, 3)
    corner = (u * SIDE + v)[:-1, :-1].ravel()
    faces = np.stack([corner, corner + 1, corner + SIDE], axis=1)
    path, values = series(tmp_path / "task.dtseries.nii")
    found = read_cifti(path)
    surface = found.surface("left", points, faces)
    np.testing.assert_array_equal(surface.values, values[:, :30])
    assert surface.mask.sum() == 30 and not surface.mask[:SIDE].any()
    y, run = np.tile([0, 1], 20), np.repeat(np.arange(4), 10)
    shown = surface.values.copy()
    shown[:, 13:15] += 3.0 * y[:, None]
    light = areas.searchlight(
        shown, y, splits.leave_one_group_out(run), areas.discs(*surface.mesh, radius=3.0)
    )
    maps = np.full(74, np.nan, np.float32)
    maps[found.structures["CIFTI_STRUCTURE_CORTEX_LEFT"]] = light.accuracy
    opened = nibabel.load(found.save(maps, tmp_path / "accuracy.dscalar.nii"))
    assert np.nanargmax(opened.get_fdata()[0]) in (12, 13, 14, 15, 7, 8, 9, 19, 20)


def test_bad_cifti_is_named(tmp_path):
    path, values = series(tmp_path / "rest.dtseries.nii")
    found = read_cifti(path)
    maps = read_cifti(found.save(values[:2], tmp_path / "a.dscalar.nii"))
    parcels = cifti2.ParcelsAxis.from_brain_models([("a", models()[:3]), ("b", models()[3:5])])
    rows = cifti2.ScalarAxis(["x"])
    nibabel.save(cifti2.Cifti2Image(np.ones((1, 2)), (rows, parcels)), tmp_path / "p.pscalar.nii")
    square = cifti2.Cifti2Image(np.ones((74, 74)), (models(), models()))
    nibabel.save(square, tmp_path / "c.dconn.nii")
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2)), np.eye(4)), tmp_path / "n.nii")
    (tmp_path / "t.dscalar.nii").write_text("text")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_cifti(tmp_path / "none.dscalar.nii")
    for call, message in (
        (lambda: read_cifti(tmp_path / "p.pscalar.nii"), "a ParcelsAxis, and not grayordinates"),
        (lambda: read_cifti(tmp_path / "c.dconn.nii"), "its rows are a BrainModelAxis"),
        (lambda: read_cifti(tmp_path / "n.nii"), "a Nifti1Image, not CIFTI-2"),
        (lambda: read_cifti(tmp_path / "t.dscalar.nii"), "not an image that nibabel reads"),
        (lambda: found.save(values[:, 1:], tmp_path / "b.dscalar.nii"), "of 74 grayordinates"),
        (lambda: found.save(values, tmp_path / "b.nii"), "must end in one of .dtseries.nii"),
        (lambda: found.save(values, tmp_path / "b.dlabel.nii"), "holds names of areas"),
        (lambda: found.save(["V1"] * 74, tmp_path / "b.dscalar.nii"), "holds numbers"),
        (lambda: found.save(values[:2], tmp_path / "b.dscalar.nii", ["a"]), "for 2 maps"),
        (lambda: maps.save(values, tmp_path / "b.dtseries.nii"), "needs a repetition time"),
        (lambda: maps.labels, "no labels"),
        (lambda: found.surface("up", np.ones((36, 3)), np.ones((1, 3))), "side is 'up'"),
        (lambda: found.surface("left", np.ones((30, 3)), np.ones((1, 3))), "must be .36, 3."),
    ):
        with pytest.raises(ValueError, match=message):
            call()


CONFOUNDS = {
    **{name: [f"{0.1 * i:.2f}" for i in range(5)] for name in MOTION},
    "trans_x_derivative1": ["n/a", "1", "2", "3", "6"],
    "a_comp_cor_00": ["1", "2", "3", "4", "5"],
    "a_comp_cor_01": ["5", "4", "3", "2", "2"],
    "csf": ["1", "2", "n/a", "3", "4"],
    "empty": ["n/a"] * 5,
}


def table(path, columns=CONFOUNDS):
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    return path


def test_confounds_by_name_and_pattern(tmp_path):
    path = table(tmp_path / "sub-01_desc-confounds_timeseries.tsv")
    assert read_confounds(path).names == MOTION
    chosen = ["a_comp_cor_*", "trans_x*", "motion_outlier*", "trans_x"]
    found = read_confounds(path, chosen)
    assert found.names == ("a_comp_cor_00", "a_comp_cor_01", "trans_x", "trans_x_derivative1")
    np.testing.assert_array_equal(found.values[:, 3], [3, 1, 2, 3, 6])  # the mean comes first
    pandas = pytest.importorskip("pandas")
    theirs = pandas.read_csv(path, sep="\t")[list(found.names)].to_numpy()
    np.testing.assert_array_equal(found.values[1:], theirs[1:])
    assert read_confounds(path, "motion_outlier*").values.shape == (5, 0)
    y = np.random.default_rng(0).normal(size=(5, 2))
    rest = fmri.clean(y, detrend=False, confounds=read_confounds(path, ["rot_x"]))
    np.testing.assert_allclose(rest, fmri.clean(y), atol=1e-6)  # a line, as it were


def test_bad_confounds_are_named(tmp_path):
    path = table(tmp_path / "c.tsv")
    for columns, message in (
        (["trans_w"], "no column 'trans_w'; the nearest are .'trans_"),
        (["cosine*"], "no column 'cosine.'"),
        (["csf"], "line 4, column 'csf': 'n/a' is no number"),
        (["empty"], "column 'empty' has no number at all"),
    ):
        with pytest.raises(ValueError, match=message):
            read_confounds(path, columns)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_confounds(tmp_path / "none.tsv")
    (tmp_path / "short.tsv").write_text("a\tb\n1\n")
    with pytest.raises(ValueError, match="line 2 has 1 cells, not 2"):
        read_confounds(tmp_path / "short.tsv", ["a"])
    (tmp_path / "bare.tsv").write_text("a\tb\n")
    with pytest.raises(ValueError, match="no rows under the header"):
        read_confounds(tmp_path / "bare.tsv", ["a"])
