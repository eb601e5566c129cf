"""GIFTI in and out, and a searchlight over a mesh that finds what was put there."""

import numpy as np
import pytest

from jaxneuro import areas, splits
from jaxneuro.data.surfaces import read_surface

nibabel = pytest.importorskip("nibabel")
gifti = pytest.importorskip("nibabel.gifti")

SIDE = 9


def sheet():
    u, v = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    points = np.stack([2.0 * u, 2.0 * v, np.sin(u)], axis=-1).reshape(-1, 3)
    corner = (u * SIDE + v)[:-1, :-1].ravel()
    lower = np.stack([corner, corner + 1, corner + SIDE], axis=1)
    return points, np.concatenate(
        [lower, np.stack([corner + 1, corner + SIDE + 1, corner + SIDE], axis=1)]
    )


def written(path, *arrays):
    image = gifti.GiftiImage()
    for values, intent, kind in arrays:
        image.add_gifti_data_array(gifti.GiftiDataArray(values, intent, kind))
    nibabel.save(image, path)
    return path


def mesh_file(path):
    points, faces = sheet()
    return written(
        path,
        (points.astype(np.float32), "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32"),
        (faces.astype(np.int32), "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32"),
    )


def data_file(path, maps):
    return written(path, *((one, "NIFTI_INTENT_TIME_SERIES", "NIFTI_TYPE_FLOAT32") for one in maps))


def test_a_searchlight_on_a_surface(tmp_path):
    rng = np.random.default_rng(0)
    run, y = np.repeat(np.arange(4), 12), np.tile([0, 1], 24)
    maps = rng.normal(size=(48, SIDE**2)).astype(np.float32)
    maps[:, 20:23] += np.where(y, 1, -1)[:, None]
    maps[:, -SIDE:] = 0  # the medial wall
    surface = read_surface(
        mesh_file(tmp_path / "lh.surf.gii"), data_file(tmp_path / "lh.func.gii", maps)
    )
    assert surface.values.shape == (48, SIDE**2 - SIDE) and not surface.mask[-SIDE:].any()
    np.testing.assert_array_equal(surface.patterns(), maps[:, :-SIDE])
    discs = areas.discs(*surface.mesh, radius=4.5)
    found = areas.searchlight(
        surface.patterns(), y, splits.leave_one_group_out(run), discs, permutations=49, groups=run
    )
    assert found.p[21] == 1 / 50 and 10 < np.nanargmax(found.accuracy) < 32
    opened = nibabel.load(surface.save(found.accuracy, tmp_path / "lh.accuracy.func.gii"))
    (array,) = opened.darrays
    np.testing.assert_allclose(array.data[:-SIDE], found.accuracy, rtol=1e-6)
    assert np.isnan(array.data[-SIDE:]).all()


def test_bad_surfaces_are_named(tmp_path):
    mesh = mesh_file(tmp_path / "lh.surf.gii")
    data = data_file(tmp_path / "lh.func.gii", np.ones((2, SIDE**2), np.float32))
    both = read_surface(mesh, [data, data], np.ones(SIDE**2, bool))
    assert both.values.shape == (4, SIDE**2) and "4 maps of 81" in repr(both)
    short = data_file(tmp_path / "short.func.gii", np.ones((2, 5), np.float32))
    nothing = data_file(tmp_path / "nothing.func.gii", np.zeros((1, SIDE**2), np.float32))
    for call, message in (
        (lambda: read_surface(mesh, short), "data of .5,., and the mesh 81 vertices"),
        (lambda: read_surface(data, data), "no mesh"),
        (lambda: read_surface(mesh, data, np.ones(3, bool)), "mask is bool .3,."),
        (lambda: read_surface(mesh, nothing), "no vertex is inside"),
        (lambda: both.save(np.ones(4), tmp_path / "a.gii"), "values are .4,."),
        (lambda: both.save(np.ones(SIDE**2), tmp_path / "a.nii"), "must end in .gii"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(FileNotFoundError):
        read_surface(tmp_path / "none.gii", data)
