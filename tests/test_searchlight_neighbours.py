"""Spheres and discs: against distances by brute force, another library, and what must not be."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from jaxneuro import areas

OBLIQUE = np.array(
    [[-2.9, 0.4, 0.1, 60], [0.3, 3.6, -0.5, -35], [0.2, 0.6, 3.7, 4], [0, 0, 0, 1]], float
)


def some_mask(seed=0):
    return np.random.default_rng(seed).random((7, 6, 5)) < 0.7


@pytest.mark.parametrize("affine", [OBLIQUE, 3.0, np.array([2.0, 3.0, 4.5])])
@pytest.mark.parametrize("radius", [0.0, 4.2, 9.1])
def test_spheres_are_all_within_the_radius(affine, radius):
    mask = some_mask()
    found = areas.spheres(mask, affine, radius)
    linear = affine[:3, :3] if np.ndim(affine) == 2 else np.diag(np.broadcast_to(affine, 3))
    places = np.argwhere(mask) @ linear.T
    near = np.linalg.norm(places[:, None] - places, axis=2) <= radius
    assert len(found) == mask.sum()
    for members, expected in zip(found.lists(), near, strict=True):
        np.testing.assert_array_equal(members, np.flatnonzero(expected))
    assert found.index.shape[1] == found.counts.max()
    assert ((found.index >= 0).sum(axis=1) == found.counts).all()


def test_spheres_are_those_of_nilearn():
    masker = pytest.importorskip("nilearn.maskers.nifti_spheres_masker")
    nibabel = pytest.importorskip("nibabel")
    mask = some_mask(1)
    image = nibabel.Nifti1Image(mask.astype(np.uint8), OBLIQUE)
    seeds = np.argwhere(mask) @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3]
    _, rows = masker.apply_mask_and_get_affinity(seeds, None, 7.7, True, image)
    found = areas.spheres(mask, OBLIQUE, 7.7)
    for members, expected in zip(found.lists(), rows.rows, strict=True):
        np.testing.assert_array_equal(members, sorted(expected))


def test_a_distance_that_equals_the_radius_is_within():
    mask = np.ones((5, 5, 5), bool)
    assert areas.spheres(mask, 0.1 * 3, 0.3).counts.max() == 7
    assert areas.spheres(mask, 3.75, 7.5).counts.max() == 33


def mesh():
    """A bent sheet of 8 × 9 vertices, and a triangle apart from it."""
    u, v = np.meshgrid(np.arange(8), np.arange(9), indexing="ij")
    points = np.stack([u, v, np.sin(u) + 0.1 * v**2], axis=-1).reshape(-1, 3).astype(float)
    corner = (u * 9 + v)[:-1, :-1].ravel()
    lower = np.stack([corner, corner + 1, corner + 9], axis=1)
    faces = np.concatenate([lower, np.stack([corner + 1, corner + 10, corner + 9], axis=1)])
    points = np.concatenate([points, [[0, 0, 0.1], [1, 0, 0.1], [0, 1, 0.1]]])
    return points, np.concatenate([faces, [[72, 73, 74]]])


def test_discs_are_shortest_paths_over_edges():
    points, faces = mesh()
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    graph = coo_array((lengths, pairs.T), shape=(75, 75)).tocsr()
    graph = graph.maximum(graph.T)
    distance = dijkstra(graph, directed=False)
    found = areas.discs(points, faces, 2.6)
    for members, row in zip(found.lists(), distance, strict=True):
        np.testing.assert_array_equal(members, np.flatnonzero(row <= 2.6))
    assert set(found.lists()[72]) == {72, 73, 74}  # near the sheet, and not joined to it


def test_bad_input_is_named():
    points, faces = mesh()
    for call, message in (
        (lambda: areas.spheres(np.zeros((2, 2, 2), bool), 1, 1), "mask is bool"),
        (lambda: areas.spheres(np.ones((2, 2)), 1, 1), "mask is float64 .2, 2."),
        (lambda: areas.spheres(np.ones((2, 2, 2), bool), np.eye(2), 1), "affine .2, 2."),
        (lambda: areas.spheres(np.ones((2, 2, 2), bool), 0, 1), "affine is singular"),
        (lambda: areas.spheres(np.ones((2, 2, 2), bool), 1, np.nan), "radius is nan"),
        (lambda: areas.discs(points[:, :2], faces, 1), "vertices"),
        (lambda: areas.discs(points, faces + 1, 1), "faces: a vertex is not one of 75"),
        (lambda: areas.discs(points, faces[:, :2], 1), "faces are"),
        (lambda: areas.discs(points, faces, -1.0), "radius is -1.0"),
        (lambda: areas.from_lists([[0, 1], []]), "members of centre 1"),
        (lambda: areas.from_lists([]), "there is no centre"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
