"""Contrasts are those of nilearn, their p those of scipy."""

import numpy as np
import pytest

from jaxneuro import fmri
from jaxneuro.data.events import Events

FRAMES, VOXELS, WEIGHTS = 120, 40, {"face": 1.0, "house": -0.5, "cat": -0.5}


def run(seed):
    rng = np.random.default_rng(seed)
    given = Events(np.cumsum(rng.uniform(5, 12, 24)), np.ones(24), np.tile(list("abc"), 8))
    names = {"a": "face", "b": "house", "c": "cat"}
    given = given._replace(label=np.array([names[one] for one in given.label]))
    design = fmri.design(given, FRAMES, 2.0)
    weight = np.linspace(0, 9, VOXELS) * (np.array(design.labels) == "face")[:, None]
    noise = rng.normal(size=(FRAMES, VOXELS))
    noise[1:] += 0.4 * noise[:-1]
    return design, 200 + design.matrix[:, :3] @ weight + noise


@pytest.mark.parametrize("noise", ["white", "ar1"])
def test_contrasts_of_runs_are_nilearns(noise):
    level = pytest.importorskip("nilearn.glm.first_level")
    glm = pytest.importorskip("nilearn.glm")
    stats = pytest.importorskip("scipy.stats")
    (one, first), (two, second) = run(0), run(1)
    found = fmri.contrast(np.concatenate([first, second]), [one, two], WEIGHTS, noise=noise)
    total = None
    for design, y in ((one, first), (two, second)):
        row = np.array([WEIGHTS.get(name, 0.0) for name in design.names])
        labels, results = level.run_glm(y, design.matrix, "ols" if noise == "white" else noise)
        own = glm.compute_contrast(labels, results, row, stat_type="t")
        total = own if total is None else total + own
    assert total is not None
    # A coefficient of noise on an edge is cut off by rounding, in a voxel or two.
    near = np.isclose(found.t, total.stat(), rtol=1e-3, atol=1e-3)
    assert near.mean() >= 0.95 and np.abs(found.t - total.stat()).max() < 0.1
    assert found.freedom == sum(FRAMES - d.matrix.shape[1] for d in (one, two)) == total.dof
    p = 2 * stats.t.sf(np.abs(found.t.astype(float)), found.freedom)
    np.testing.assert_allclose(found.p, p, rtol=1e-3, atol=1e-12)
    assert found.t[-1] > 8 and abs(found.t[0]) < 4


def test_p_is_uniform_where_nothing_is():
    design, _ = run(0)
    y = np.random.default_rng(5).normal(size=(FRAMES, 4000))
    found = fmri.contrast(y, design, WEIGHTS, noise="white")
    grid = np.linspace(0.05, 0.95, 19)
    share = (found.p[:, None] <= grid).mean(axis=0)
    np.testing.assert_allclose(share, grid, atol=0.03)


def test_bad_voxels_and_calls():
    design, y = run(0)
    bad = y.copy()
    bad[4, 1], bad[:, 2] = np.nan, 3.3
    found, clean = (fmri.contrast(a, design, WEIGHTS) for a in (bad, y))
    assert np.isnan([found.t[1], found.p[1]]).all() and found.t[2] == 0 and found.p[2] == 1
    np.testing.assert_array_equal(np.delete(found.t, [1, 2]), np.delete(clean.t, [1, 2]))
    twice = fmri.Design(design.matrix[:, [0, 0, *range(1, 8)]], ("a", "b", *design.names[1:8]), ())
    twice.matrix[:, -1] = 1
    for call, message in (
        (lambda: fmri.contrast(y, design, {"dog": 1}), "run 0: no column 'dog' among"),
        (lambda: fmri.contrast(y, design, {}), "there is none"),
        (lambda: fmri.contrast(y, twice, {"a": 1}), "run 0: its design cannot tell"),
        (lambda: fmri.contrast(y, design, WEIGHTS, noise="pink"), "noise is 'pink'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    both = fmri.contrast(y, twice, {"a": 1, "b": 1}, noise="white")  # their sum it can
    assert np.isfinite(both.t).all()
