"""Maps against nulls as smooth as themselves: rotations, variograms, distances, calibration."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from jaxneuro.splits import by_distance
from jaxneuro.statistics import p_values
from jaxneuro.statistics.spatial_nulls import _rotations, correlate_maps, spins
from jaxneuro.statistics.variograms import _lags, variogram_surrogates

COUNT = 160


def sphere(count=COUNT):
    """(place, 3) about evenly over the unit sphere (Fibonacci's lattice)."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


def angles(points):
    return np.arccos(np.clip(points @ points.T, -1, 1)) * ~np.eye(len(points), dtype=bool)


def smooth_maps(seed, maps, reach, points):
    rng = np.random.default_rng(seed)
    covariance = np.exp(-((angles(points) / reach) ** 2)) + 1e-6 * np.eye(len(points))
    return rng.normal(size=(maps, len(points))) @ np.linalg.cholesky(covariance).T


def variogram(x, distance):
    return np.einsum("hij,mi,mj->mh", _lags(distance), x, x)


@pytest.fixture(scope="module")
def surrogates():
    points = sphere()
    x = smooth_maps(0, 1, 0.6, points)[0]
    return x, angles(points), variogram_surrogates(x, angles(points), 200)


def test_rotations_are_proper_and_uniform():
    made = _rotations(4000, 0)
    np.testing.assert_allclose(made @ made.transpose(0, 2, 1), np.tile(np.eye(3), (4000, 1, 1)),
                               atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(made), 1, atol=1e-5)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=0.04)
    angle = np.arccos(np.clip((np.trace(made, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angle.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.04)  # of Haar's measure


def test_each_place_takes_the_value_of_the_nearest_rotated_one():
    points = 100 * sphere()
    found = spins(points, 20, seed=3)
    for index, rotation in zip(found, _rotations(20, 3), strict=True):
        near = KDTree(points @ rotation.T).query(points)[1]
        assert (index == near).mean() > 0.99  # but for ties of float32


def test_hemispheres_keep_apart_and_turn_as_mirror_images():
    points = sphere()
    both = np.concatenate([points, points * [-1, 1, 1]])
    found = spins(both, 10, hemisphere=np.repeat(["L", "R"], COUNT))
    assert found[:, :COUNT].max() < COUNT <= found[:, COUNT:].min()
    assert (found[:, :COUNT] == found[:, COUNT:] - COUNT).mean() > 0.99


def test_unique_takes_each_value_once_and_stays_near():
    points = sphere()
    once, nearest = spins(points, 20, unique=True), spins(points, 20)
    np.testing.assert_array_equal(np.sort(once, axis=1), np.tile(np.arange(COUNT), (20, 1)))
    assert max(len(np.unique(row)) for row in nearest) < COUNT
    rotated = np.einsum("rij,pj->rpi", _rotations(20, 0), points)
    distance = np.arccos(
        np.clip((points * np.take_along_axis(rotated, once[..., None], 1)).sum(-1), -1, 1)
    )
    assert np.median(distance) < 0.2  # neighbours are .28 apart


def test_the_medial_wall_travels_and_leaves_out_what_it_covers():
    points = sphere()
    x, y = smooth_maps(1, 2, 0.5, points)
    wall = points[:, 0] > 0.8
    x[wall] = y[wall] = np.nan
    null = x[spins(points, 50)]
    assert np.isnan(null).any(axis=1).all()
    found = correlate_maps(x, y, null)
    for row, r in zip(null[:5], found.null, strict=False):
        known = ~np.isnan(row) & ~np.isnan(y)
        assert known.sum() < COUNT - wall.sum()
        assert r == pytest.approx(np.corrcoef(row[known], y[known])[0, 1], abs=1e-9)
    np.testing.assert_allclose(
        found.p, p_values(found.observed, found.null, alternative="two-sided")
    )


def test_surrogates_have_the_maps_values_and_variogram(surrogates):
    x, distance, made = surrogates
    np.testing.assert_array_equal(np.sort(made, axis=1), np.tile(np.sort(x.astype("f4")), (200, 1)))
    target = variogram(x[None], distance)[0]
    seen = variogram(made.astype(float), distance)
    shuffled = np.random.default_rng(0).permuted(np.tile(x, (50, 1)), axis=1)
    off = np.abs(seen.mean(axis=0) - target).max() / target.max()
    naive = np.abs(variogram(shuffled, distance).mean(axis=0) - target).max() / target.max()
    assert off < 0.15 and naive > 0.5
    assert np.abs(np.corrcoef(made[:20])[np.triu_indices(20, 1)]).mean() < 0.4  # not copies


def test_surrogates_leave_out_places_without_a_value(surrogates):
    x, distance, made = surrogates
    wider = np.concatenate([np.full(20, np.nan), x])
    again = variogram_surrogates(wider, np.pad(distance, (20, 0)), 3)
    assert np.isnan(again[:, :20]).all()
    np.testing.assert_array_equal(again[:, 20:], made[:3])


def test_surrogates_do_not_depend_on_how_many_are_asked_for(surrogates):
    x, distance, made = surrogates
    np.testing.assert_array_equal(variogram_surrogates(x, distance, 70), made[:70])


def share(pairs, null):
    """Share of pairs of unrelated smooth maps with p ≤ .05 by ``null(map, block)``.

    Each block of a hundred has its own rotations or seeds: the pairs of one block are judged
    by the same draw, and their findings are not independent.
    """
    x, y = smooth_maps(5, 2 * pairs, 0.6, sphere()).reshape(2, pairs, COUNT)
    found = [
        correlate_maps(one, other, null(one, number // 100)).p <= 0.05
        for number, (one, other) in enumerate(zip(x, y, strict=True))
    ]
    return float(np.mean(found))


@pytest.mark.slow
def test_the_share_of_false_findings_is_what_was_asked():
    points, distance, rng = sphere(), angles(sphere()), np.random.default_rng(0)
    index = [spins(points, 199, seed=block) for block in range(40)]
    spin = share(4000, lambda x, block: x[index[block]])
    surrogate = share(500, lambda x, block: variogram_surrogates(x, distance, 199, seed=block))
    permutation = share(500, lambda x, block: rng.permuted(np.tile(x, (199, 1)), axis=1))
    print(spin, surrogate, permutation)
    assert 0.04 <= spin <= 0.065
    assert 0.02 <= surrogate <= 0.09
    assert permutation > 0.3


def test_permutations_find_too_much_and_spins_do_not():
    points = sphere()
    x, y = smooth_maps(5, 400, 0.6, points).reshape(2, 200, COUNT)
    index = spins(points, 199, seed=1)
    shuffled = np.random.default_rng(0).permuted(np.tile(np.arange(COUNT), (199, 1)), axis=1)
    rates = [
        np.mean([correlate_maps(a, b, a[order]).p <= 0.05 for a, b in zip(x, y, strict=True)])
        for order in (index, shuffled)
    ]
    assert rates[0] < 0.1 and rates[1] > 0.3


def test_a_relation_is_found():
    points = sphere()
    x, noise = smooth_maps(7, 2, 0.4, points)
    y = np.stack([x + 0.3 * noise, noise])
    found = correlate_maps(x, y, x[spins(points, 199)])
    assert found.p[0] <= 0.02 and found.p[1] > 0.05 and found.null.shape == (199, 2)


@pytest.mark.parametrize("folds", [None, 6])
def test_no_place_near_a_test_place_is_trained_on(folds):
    distance = angles(sphere())
    made = by_distance(distance, 0.5, folds)
    assert len(made.names) == (COUNT if folds is None else 6)
    np.testing.assert_array_equal(made.test.sum(axis=0), 1)
    for train, test in zip(made.train > 0, made.test > 0, strict=True):
        nearest = distance[:, test].min(axis=1)
        np.testing.assert_array_equal(train, nearest > 0.5)


def test_folds_by_distance_do_not_lie_of_smooth_maps():
    """Of features without relation, random folds find one, and folds by distance none."""
    from jaxneuro import splits

    points = sphere()
    maps = smooth_maps(3, 60, 0.7, points)
    x, y = maps[:10].T, maps[10:].T
    r2 = []
    for outer in (splits.k_fold(COUNT, 6, seed=0), by_distance(angles(points), 0.8, 6)):
        guess = np.zeros_like(y)
        for train, test in zip(outer.train > 0, outer.test > 0, strict=True):
            own = np.c_[np.ones(train.sum()), x[train]]
            weights = np.linalg.solve(own.T @ own + np.eye(11), own.T @ y[train])
            guess[test] = np.c_[np.ones(test.sum()), x[test]] @ weights
        r2.append(np.median(1 - ((y - guess) ** 2).mean(axis=0) / y.var(axis=0)))
    assert r2[0] > 0.2 and r2[1] < 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: spins(sphere() + np.array([1.5, 0, 0]), 3), "from the origin"),
        (lambda: spins(np.zeros((4, 2))), r"\(place, 3\)"),
        (lambda: spins(sphere(), 0), "at least 1"),
        (lambda: spins(sphere(), 3, hemisphere=np.arange(COUNT) % 3), "two labels"),
        (lambda: variogram_surrogates(np.arange(20.0), np.ones((20, 20))), "symmetric"),
        (lambda: variogram_surrogates(np.ones(20), np.zeros((20, 20))), "that differ"),
        (lambda: variogram_surrogates(np.ones(20), np.zeros((19, 19))), "place, place"),
        (lambda: correlate_maps(np.ones(3), np.ones(4), np.ones((2, 3))), "must be"),
        (lambda: correlate_maps(np.ones(3), np.ones(3), np.ones((2, 4))), "null"),
        (lambda: by_distance(angles(sphere()), 4.0), "too wide"),
        (lambda: by_distance(angles(sphere()), -1.0), "from 0"),
        (lambda: by_distance(angles(sphere()), 0.1, 1), "at least 2"),
        (lambda: by_distance(np.ones((3, 3)), 0.1), "symmetric"),
    ],
)
def test_bad_input_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()
