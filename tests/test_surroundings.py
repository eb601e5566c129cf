"""Means around vertices: as a matrix says, of no medial wall, and enough to label a surface."""

import numpy as np
import pytest

from jaxneuro import areas
from jaxneuro.areas.neighbours import mesh_edges

pytestmark = pytest.mark.usefixtures("hasty")


def sheet(rows: int, columns: int) -> np.ndarray:
    """(face, 3) of a flat sheet of vertices, row by row."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    sides = [np.stack([a, b, c], -1), np.stack([b, d, c], -1)]
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def test_they_are_powers_of_the_averaging_matrix():
    rng = np.random.default_rng(0)
    beside = mesh_edges(sheet(5, 6), 30)
    maps = rng.normal(1e4, 1, size=(30, 2))
    matrix = np.eye(30)
    for row, some in zip(matrix, beside, strict=True):
        row[some] = 1
    matrix /= matrix.sum(axis=1, keepdims=True)
    made = areas.surroundings(maps, beside, (0, 1, 5))
    wanted = [np.linalg.matrix_power(matrix, step) @ maps for step in (0, 1, 5)]
    assert made.shape == (30, 3, 2) and made.dtype == np.float32
    np.testing.assert_allclose(made, np.stack(wanted, axis=1), rtol=1e-7)


def test_the_medial_wall_is_nobodys_neighbour():
    beside = mesh_edges(sheet(6, 6), 36)
    maps = np.random.default_rng(1).normal(size=(36, 2))
    wall = np.array([7, 8, 13, 14])
    maps[wall, 1] = np.nan
    made = areas.surroundings(maps, beside, (0, 3, 20))
    assert np.isnan(made[wall]).all() and np.isfinite(np.delete(made, wall, axis=0)).all()
    number = np.cumsum(~np.isin(np.arange(36), wall)) - 1
    without = [number[np.setdiff1d(some, wall)] for i, some in enumerate(beside) if i not in wall]
    alone = areas.surroundings(np.delete(maps, wall, axis=0), without, (0, 3, 20))
    np.testing.assert_allclose(np.delete(made, wall, axis=0), alone, rtol=1e-5, atol=1e-6)


def test_hemispheres_in_one_graph_do_not_see_each_other():
    maps = np.random.default_rng(2).normal(size=(2, 9, 3))
    pair = areas.spheres(np.ones((2, 3, 3), bool), (2.0, 1.0, 1.0), 1.5)
    one = areas.spheres(np.ones((1, 3, 3), bool), 1.0, 1.5)
    both = areas.surroundings(maps.reshape(18, 3), pair, (4,))
    np.testing.assert_allclose(both[:9], areas.surroundings(maps[0], one, (4,)), atol=1e-6)


def test_vertices_are_labelled_by_what_lies_around_them():
    """Stripes that differ in mean, under noise that a single vertex cannot be read through."""
    rows, columns = 24, 48
    stripe = np.tile((np.arange(columns) // 8) % 3, rows)
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(3, 4))[stripe]
    maps = signal + 3 * rng.normal(size=signal.shape)
    wide = areas.surroundings(maps, mesh_edges(sheet(rows, columns), len(maps)), (0, 2, 8))
    test = np.arange(len(maps)) % columns >= columns // 2

    def accuracy(x):
        one = {"LDA": areas.contenders.closed_form("lda")}
        found = areas.identify(x, np.array(["a", "b", "c"])[stripe], test=test, classifiers=one,
                               resamples=9, progress=False)  # fmt: skip
        return found.certain.mean

    assert accuracy(wide) > accuracy(maps) + 0.1


@pytest.mark.parametrize(
    ("maps", "steps", "word"),
    [
        (np.zeros(4), (0,), "maps"),
        (np.full((4, 1), np.inf), (0,), "maps"),
        (np.full((4, 1), np.nan), (0,), "maps"),
        (np.zeros((5, 1)), (0,), "graph"),
        (np.zeros((4, 1)), (), "steps"),
        (np.zeros((4, 1)), (2, 1), "steps"),
        (np.zeros((4, 1)), (0.5,), "steps"),
    ],
)
def test_what_is_wrong_is_named(maps, steps, word):
    with pytest.raises(ValueError, match=word):
        areas.surroundings(maps, [[1], [0], [3], [2]], steps)
