"""Betas are those of nilearn, of statsmodels, and of a loop over events; bad voxels stay alone."""

import numpy as np
import pytest

from jaxneuro import fmri
from jaxneuro.data.events import Events

REPETITION, FRAMES, VOXELS = 2.0, 120, 60


def events(seed=0, count=24):
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.uniform(4, 12, count)) - 4
    return Events(onset, np.full(count, 2.0), np.tile(["face", "house", "cat"], count // 3))


def noise(seed=0, rho=0.4, frames=FRAMES, voxels=VOXELS):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(frames, voxels))
    for t in range(1, frames):
        y[t] += rho * y[t - 1]
    return y


def made(seed=0, per="event", response=None, frames=FRAMES):
    return fmri.design(events(seed), frames, REPETITION, response, per=per, high_pass=0.008)


def data(design, seed=0, scale=20.0):
    rng = np.random.default_rng(seed + 10)
    weight = rng.normal(size=(design.responses, VOXELS))
    signal = design.matrix[:, : design.responses] @ weight
    return 900 + scale * (signal + noise(seed, frames=len(design.matrix)))


def nilearns(y, matrix, model):
    """Coefficients and errors (column, voxel), and labels."""
    level = pytest.importorskip("nilearn.glm.first_level")
    labels, results = level.run_glm(y, matrix, noise_model=model)
    theta = np.empty((matrix.shape[1], y.shape[1]))
    error = np.empty_like(theta)
    for label, found in results.items():
        own = labels == label
        theta[:, own] = found.theta
        error[:, own] = np.sqrt(np.diag(found.cov)[:, None] * found.dispersion)
    return theta, error, labels.astype(float)


@pytest.mark.parametrize("per", ["condition", "event"])
def test_ordinary_least_squares_is_nilearns(per):
    design = made(per=per)
    y = data(design)
    found = fmri.betas(y, design)
    theta, error, _ = nilearns(y, design.matrix, "ols")
    np.testing.assert_allclose(found.values, theta[: design.responses], rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(found.error, error[: design.responses], rtol=1e-4)
    np.testing.assert_allclose(found.t, (theta / error)[: design.responses], rtol=2e-3, atol=2e-4)
    assert (found.freedom == FRAMES - design.matrix.shape[1]).all() and (found.rho == 0).all()


@pytest.mark.parametrize("per", ["condition", "event"])
def test_prewhitened_least_squares_is_nilearns(per):
    design = made(per=per)
    y = data(design)
    found = fmri.betas(y, design, noise="ar1")
    theta, error, label = nilearns(y, design.matrix, "ar1")
    same = np.abs(found.rho[0] - label) < 1e-6  # a coefficient on an edge is cut off by rounding
    assert same.mean() > 0.95 and len(set(label)) > 15 and np.abs(found.rho[0] - label).max() < 0.02
    mine, theirs = found.values[:, same], theta[: design.responses, same]
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(found.error[:, same], error[: design.responses, same], rtol=1e-4)


def test_prewhitening_is_generalised_least_squares():
    api = pytest.importorskip("statsmodels.api")
    design = made(per="condition", response=fmri.glover(1))
    y = data(design)
    found = fmri.betas(y, design, noise="ar1")
    for voxel in (0, 7):
        whiten = np.eye(FRAMES) - found.rho[0, voxel] * np.eye(FRAMES, k=-1)
        sigma = np.linalg.inv(whiten.T @ whiten)
        fit = api.GLS(y[:, voxel], design.matrix, sigma=sigma).fit()
        rows = design.responses
        np.testing.assert_allclose(found.values[:, voxel], fit.params[:rows], rtol=1e-3, atol=5e-3)
        np.testing.assert_allclose(found.error[:, voxel], fit.bse[:rows], rtol=1e-3)
    assert found.kernel.tolist() == [0, 1] * 3 and found.names[1] == "cat_derivative"


@pytest.mark.parametrize("response", [fmri.glover(), fmri.spm(1)], ids=["one", "two"])
@pytest.mark.parametrize("model", ["white", "ar1"])
def test_separate_least_squares_is_a_loop_over_events(response, model):
    design = made(response=response)
    y, kernels, rows = data(design), design.kernels, design.responses
    found = fmri.betas(y, design, method="lss", noise=model)
    for event in (0, 5, 23):
        own = np.arange(event * kernels, (event + 1) * kernels)
        each = design.matrix[:, :rows].reshape(FRAMES, -1, kernels)
        rest = each.sum(axis=1) - each[:, event]
        x = np.concatenate([design.matrix[:, own], rest, design.matrix[:, rows:]], axis=1)
        for voxel in range(0, VOXELS, 6):
            whiten = np.eye(FRAMES) - found.rho[0, voxel] * np.eye(FRAMES, k=-1)
            a, b = whiten @ x, whiten @ y[:, voxel]
            theta, *_ = np.linalg.lstsq(a, b, rcond=None)
            left = ((b - a @ theta) ** 2).sum() / (FRAMES - x.shape[1])
            error = np.sqrt(left * np.diag(np.linalg.inv(a.T @ a)))
            np.testing.assert_allclose(
                found.values[own, voxel], theta[:kernels], rtol=1e-3, atol=5e-3
            )
            np.testing.assert_allclose(found.error[own, voxel], error[:kernels], rtol=1e-3)
    assert (found.freedom == FRAMES - 2 * kernels - (design.matrix.shape[1] - rows)).all()
    if model == "ar1":  # the coefficient is that of the residuals of what all models share
        each = design.matrix[:, :rows].reshape(FRAMES, -1, kernels)
        shared = np.concatenate([each.sum(axis=1), design.matrix[:, rows:]], axis=1)
        *_, label = nilearns(y, shared, "ar1")
        assert (np.abs(found.rho[0] - label) < 1e-6).mean() > 0.95


def test_more_events_than_frames_are_separate_still():
    rng = np.random.default_rng(0)
    given = Events(rng.uniform(0, 100, 80).round(1), np.zeros(80), np.array(["a", "b"] * 40))
    design = fmri.design(given, 60, REPETITION, per="event", high_pass=None)
    y = rng.normal(size=(60, 9))
    together, apart = fmri.betas(y, design), fmri.betas(y, design, method="lss")
    assert np.isnan(together.values).any()  # what cannot be told is not invented
    x = np.stack([design.matrix[:, 3], design.matrix[:, :80].sum(axis=1), np.ones(60)], axis=1)
    x[:, 1] -= x[:, 0]
    theta, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(apart.values[3], theta[0], rtol=1e-3, atol=1e-4)
    assert np.isfinite(apart.error[3]).all() and apart.freedom[3] == 57


def test_separate_betas_are_closer_to_the_truth_where_responses_overlap():
    """Events every 3 s, noise as strong as in Mumford et al. (2012)."""
    rng = np.random.default_rng(0)
    given = Events(5 + 3.0 * np.arange(60), np.ones(60), np.repeat("a", 60))
    design = fmri.design(given, 100, REPETITION, per="event")
    truth = 1 + 0.5 * rng.normal(size=(60, 200))
    y = design.matrix[:, :60] @ truth + 0.5 * rng.normal(size=(100, 200))
    distance = {}
    for method in ("lsa", "lss"):
        found = fmri.betas(y, design, method=method).values
        distance[method] = float(np.square(found - truth).mean())
    assert distance["lss"] < 0.5 * distance["lsa"]


def test_noise_is_known_for_what_it_is():
    design = made(per="condition", frames=400)
    y = np.concatenate([noise(s, rho, 400) for s, rho in ((0, 0.0), (1, 0.5))], axis=1)
    found = fmri.betas(y, design, noise="ar1")
    assert abs(found.rho[0, :VOXELS].mean()) < 0.05
    assert abs(found.rho[0, VOXELS:].mean() - 0.5) < 0.06
    naive = fmri.betas(y, design)
    wide = np.std(found.t[:, VOXELS:]), np.std(naive.t[:, VOXELS:])
    assert wide[0] < 1.2 < wide[1]  # only white noise is what the naive errors are right for


def test_runs_are_fitted_by_themselves():
    first, second = made(0), made(1, frames=100)
    y = [data(first, 0), data(second, 1)]
    both = fmri.betas(np.concatenate(y), [first, second], noise="ar1")
    for number, (one, own) in enumerate(zip((first, second), y, strict=True)):
        alone = fmri.betas(own, one, noise="ar1")
        np.testing.assert_array_equal(both.values[both.run == number], alone.values)
        np.testing.assert_array_equal(both.rho[number], alone.rho[0])
    assert both.values.shape == (48, VOXELS) and "48 betas of 60 voxels in 2 runs" in repr(both)
    assert both.label[:3].tolist() == ["face", "house", "cat"]


def test_bad_voxels_change_no_others():
    design = made()
    y = data(design)
    bad = y.copy()
    bad[3, 1], bad[:, 2] = np.nan, 1e5 / 3
    for method in ("lsa", "lss"):
        found, clean = (fmri.betas(a, design, method=method, noise="ar1") for a in (bad, y))
        others = np.r_[0, 3:VOXELS]
        np.testing.assert_array_equal(found.values[:, others], clean.values[:, others])
        np.testing.assert_array_equal(found.error[:, others], clean.error[:, others])
        assert np.isnan(found.values[:, 1]).all() and np.isnan(found.rho[0, 1])
        assert (found.values[:, 2] == 0).all() and (found.t[:, 2] == 0).all()


def test_what_a_design_cannot_tell_is_nan():
    onset = np.array([4.0, 30.0, 30.0, 60.0, 900.0])
    given = Events(onset, np.ones(5), np.array(list("aabba")))
    design = fmri.design(given, FRAMES, REPETITION, per="event")
    y = noise()
    for method in ("lsa", "lss"):
        found = fmri.betas(y, design, method=method)
        lost = [False, True, True, False, True] if method == "lsa" else [False] * 4 + [True]
        assert np.isnan(found.values).all(axis=1).tolist() == lost
        assert np.isfinite(found.values[~np.array(lost)]).all()
    one = fmri.design(Events(*(a[:1] for a in given)), FRAMES, REPETITION, per="event")
    same = [fmri.betas(y, one, method=method) for method in ("lsa", "lss")]
    np.testing.assert_allclose(same[0].values, same[1].values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(same[0].error, same[1].error, rtol=1e-5)


def test_programs_are_shared_by_sizes_that_are_near():
    from jaxneuro.fmri import spaces

    y = noise(frames=FRAMES)
    designs = [made(frames=frames) for frames in (FRAMES, FRAMES - 1, FRAMES - 5)]
    fmri.betas(y, designs[0], noise="ar1")
    before = spaces._seen._cache_size()
    for design in designs[1:]:
        fmri.betas(y[: len(design.matrix), : VOXELS - 2], design, noise="ar1")
    assert spaces._seen._cache_size() == before


def test_bad_calls_are_named():
    design = made()
    y = data(design)
    wild = y.copy()
    wild[0, 0] = np.inf
    bare = fmri.Design(design.matrix[:, :3], design.names[:3], ("a", "b", "c"))
    for call, message in (
        (lambda: fmri.betas(y[0], design), "must be numbers .time, voxel."),
        (lambda: fmri.betas(y[:, :0], design), "and not empty"),
        (lambda: fmri.betas(y[1:], design), "y has 119 frames, and the designs .120."),
        (lambda: fmri.betas(y, []), "the designs"),
        (lambda: fmri.betas(y, design, method="lsx"), "method is 'lsx'"),
        (lambda: fmri.betas(y, design, noise="ar2"), "noise is 'ar2'"),
        (lambda: fmri.betas(wild, design), "run 0: y must be finite or NaN"),
        (lambda: fmri.betas(y, bare), "run 0: its design has no constant"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
