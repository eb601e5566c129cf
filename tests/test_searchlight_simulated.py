"""Simulated cortex: patches that hold information are found, and nothing where there is none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jaxneuro import areas, metrics, splits

MASK = np.zeros((12, 12, 6), bool)
MASK[1:11, 1:11] = MASK[:, 3:9, 1:5] = True
SIZE, RADIUS = 3.0, 6.0  # mm
CORNERS = ((2, 2, 1), (7, 4, 2), (3, 8, 3))  # of patches of 2 × 2 × 2 voxels
RUNS, TRIALS, SMOOTH = 6, 16, 0.8  # trials of each run; noise is smooth over so many voxels


def cortex(signal, seed):
    """x (trial, voxel), y of two categories, run, and (voxel,) whether it is of a patch. Noise is
    smooth in space and has deviation 1; within patches the categories' patterns differ by
    independent numbers of deviation `signal`."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(TRIALS) % 2, RUNS)
    noise = rng.normal(size=(len(y), *MASK.shape))
    noise = gaussian_filter(noise, (0, SMOOTH, SMOOTH, SMOOTH))
    x = noise[:, MASK] / noise.std()
    patch = np.zeros(MASK.shape, bool)
    for i, j, k in CORNERS:
        patch[i : i + 2, j : j + 2, k : k + 2] = True
    patch = patch[MASK]
    x += signal * np.where(y, 0.5, -0.5)[:, None] * rng.normal(size=len(patch)) * patch
    return x.astype(np.float32), y, np.repeat(np.arange(RUNS), TRIALS), patch


SPHERES = areas.spheres(MASK, SIZE, RADIUS)


def light(signal, seed, permutations=0, decoder="ridge", **options):
    x, y, run, patch = cortex(signal, seed)
    folds = splits.leave_one_group_out(run)
    given = {"permutations": permutations, "groups": run, "seed": seed, **options}
    return areas.searchlight(x, y, folds, SPHERES, decoder, **given), patch


def test_patches_are_found():
    """An area under the curve of 1.00 at a signal of 1 deviation of the noise, and of .98 and more
    at half of it, in five recordings by "ridge"."""
    found, patch = light(1.0, 0, permutations=99)
    touched = np.array([patch[members].any() for members in SPHERES.lists()])
    judged = patch | ~touched
    weight = np.ones(judged.sum())
    area = metrics.auc(patch[judged].astype(float), found.accuracy[judged], weight)
    assert area > 0.95
    assert (found.p[patch] <= 0.05).mean() > 0.5
    assert (found.p[~touched] > 0.05).all()
    clusters = areas.clusters(
        found.accuracy, np.sort(found.null)[-5] + 1e-6, MASK, null_maps=found.null_maps
    )
    assert all(touched[clusters.labels == k + 1].any() for k in range(len(clusters)))


@pytest.mark.slow
def test_a_false_centre_in_no_more_than_one_map_of_twenty():
    """Of 200 recordings without a signal, whole maps of 648 centres: 10 are expected."""
    false = 0
    for seed in range(200):
        found, _ = light(0.0, 1000 + seed, 99, "max_correlation")
        false += bool((found.p <= 0.05).any())
    assert false <= 17  # by binomial luck once in a hundred times more
