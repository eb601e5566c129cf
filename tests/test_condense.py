"""Condensed samples: what a linear model under squared error finds, from few samples."""

import numpy as np
import pytest

from jaxneuro import (
    Stop,
    axes,
    condense,
    crossval,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.splits import Splits

SAMPLES, FEATURES, FOLDS = 400, 5, 4
SCORES = {
    "r2": metrics.r2,
    "error": metrics.mean_squared_error,
    "r": metrics.correlation,
}
RIDGE = make_fit(
    models.linear(2), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(),
    Stop(gradient=1e-6), scores=SCORES, standardise=True, precondition=True,
)  # fmt: skip
LASSO = make_fit(
    models.linear(2), losses.squared_error, optimizers.proximal(), penalties.lasso("l2"),
    Stop(gradient=1e-5, max_steps=3000, plateau=100), scores=SCORES,  # 20: up to .007 off
)  # fmt: skip


def recording(seed: int = 0):
    rng = np.random.default_rng(seed)
    turn = np.eye(FEATURES) + 0.3 * rng.normal(size=(FEATURES, FEATURES))
    x = rng.normal(size=(SAMPLES, FEATURES)) @ turn + 1
    y = x @ rng.normal(size=(FEATURES, 2)) + 3 * rng.normal(size=(SAMPLES, 2)) - 7
    return x, y


def compare(fit, inputs, folds, rtol=1e-3):
    few = condense(fit, inputs, folds)
    assert few.inputs.x.shape == (len(folds.train), 2 * (FEATURES + 2), FEATURES)
    grid = axes.grid(l2=[1e-3, 0.3])
    found = fit_many(few.fit, few.inputs, [few.axis, grid], lanes=2)
    wanted = fit_many(fit, inputs, [axes.folds(folds), grid], lanes=2)
    assert set(found.statuses()) <= {"converged", "plateau"}
    assert found.axes[0].labels == wanted.axes[0].labels
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-4)
    for name in SCORES:
        np.testing.assert_allclose(found.scores[name], wanted.scores[name], rtol=rtol, atol=1e-4)
    kernels = (f.params["readout"]["kernel"] for f in (found, wanted))
    np.testing.assert_allclose(*kernels, rtol=2e-2, atol=2e-3)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("fit", [RIDGE, LASSO], ids=["ridge", "lasso"])
def test_finds_what_all_samples_give(fit):
    found = compare(fit, make_inputs(*recording()), splits.blocks(SAMPLES, FOLDS))
    if fit is LASSO:
        assert (found.params["readout"]["kernel"] == 0).any()


@pytest.mark.slow
def test_weights_and_parts_held_out_for_good():
    x, y = recording()
    x[300:], y[300:] = 30, -30
    weight = np.where(np.arange(SAMPLES) < 300, 1.0, 0.0)
    inputs = make_inputs(x, y, weight=weight)
    compare(RIDGE, inputs, splits.blocks(SAMPLES, FOLDS, within=np.arange(SAMPLES) < 300))


def test_weights_that_differ_in_every_sample():
    """More patterns of weights than folds: each fold is summed by itself."""
    rng = np.random.default_rng(3)
    train = rng.integers(0, 3, (2, SAMPLES)).astype(np.float32)
    folds = Splits(train, (train == 0).astype(np.float32), ("a", "b"))
    inputs = make_inputs(*recording(), weight=rng.choice([0.5, 1.0, 1.7], SAMPLES))
    compare(RIDGE, inputs, folds)


def test_a_feature_that_is_the_sum_of_others():
    x, y = recording()
    x[:, 4] = x[:, 0] + x[:, 1]
    compare(RIDGE, make_inputs(x, y), splits.blocks(SAMPLES, FOLDS))


@pytest.mark.parametrize("fifth", ["own", "constant", "sum", "nearly the sum", "tiny"])
def test_moments_are_kept(fifth):
    x, y = recording()
    x[:, 4] = {
        "own": x[:, 4],
        "constant": 1,
        "sum": x[:, 0] + x[:, 1],
        "nearly the sum": x[:, 0] + x[:, 1] + 1e-5 * x[:, 4],
        "tiny": 1e-4 * x[:, 4],
    }[fifth]
    few = condense(RIDGE, make_inputs(x, y), splits.holdout(np.arange(SAMPLES) % 4 == 0)).inputs
    rows = FEATURES + 2
    for part, members in (
        (slice(rows), np.arange(SAMPLES) % 4 > 0),
        (slice(rows, None), np.arange(SAMPLES) % 4 == 0),
    ):
        for made, given in ((few.x, x), (few.y, y)):
            np.testing.assert_allclose(made[0, part].mean(axis=0), given[members].mean(axis=0),
                                       rtol=1e-5)  # fmt: skip
        z, truth = few.x[0, part], x[members]
        found, wanted = np.cov(z.T, ddof=0), np.cov(truth.T, ddof=0)
        nearly_0 = 1e-12 if fifth == "constant" else 0
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=nearly_0)
        for output in range(2):
            found = np.cov(np.c_[z, few.y[0, part, output]].T, ddof=0)
            wanted = np.cov(np.c_[truth, y[members, output]].T, ddof=0)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_the_same_fit_again_compiles_nothing():
    inputs, folds = make_inputs(*recording()), splits.blocks(SAMPLES, FOLDS)
    assert condense(RIDGE, inputs, folds).fit == condense(RIDGE, inputs, folds).fit


def test_fits_that_know_more_of_their_samples_than_moments():
    inputs, folds = make_inputs(*recording()), splits.blocks(SAMPLES, FOLDS)
    for model, loss, told in (
        (models.mlp((4,), 2), losses.squared_error, "model is not linear"),
        (models.linear(2), losses.poisson, "loss is not a squared error"),
        (models.linear(2), losses.bernoulli, "loss is not a squared error"),
        (models.linear(2), losses.cross_entropy, "loss is not a squared error"),
        (models.linear(2), lambda p, y: abs(p - y), "loss is not a squared error"),
    ):
        with pytest.raises(ValueError, match=told):
            condense(make_fit(model, loss, optimizers.lbfgs()), inputs, folds)


def test_missing_samples_and_empty_folds():
    x, y = recording()
    gaps = y.copy()
    gaps[7, 1] = np.nan
    folds = splits.blocks(SAMPLES, FOLDS)
    with pytest.raises(ValueError, match="y has missing samples"):
        condense(RIDGE, make_inputs(x, gaps), folds)
    first = np.arange(SAMPLES) < 100
    with pytest.raises(ValueError, match="fold 0: the train part is empty"):
        condense(RIDGE, make_inputs(x, y, weight=first), folds)


@pytest.mark.slow
@pytest.mark.parametrize("fit", [RIDGE, LASSO], ids=["ridge", "lasso"])
def test_a_search_chooses_and_scores_as_by_all_samples(fit):
    x, y = recording()
    nested = splits.nested(splits.blocks(SAMPLES, 3), lambda index: splits.blocks(len(index), 2))
    both = [
        crossval.search(
            fit, make_inputs(x, y), [], nested, axes.grid(l2=[1e-3, 0.3, 3.0]),
            score="error", refit_axes=[axes.seeds(2)], condensed=condensed,
        )
        for condensed in (False, True)
    ]  # fmt: skip
    plain, few = both
    assert plain.selection is not None and few.selection is not None
    np.testing.assert_array_equal(few.selection.chosen, plain.selection.chosen)
    np.testing.assert_allclose(few.selection.score, plain.selection.score, rtol=1e-3)
    for name in SCORES:
        np.testing.assert_allclose(few.fits.scores[name], plain.fits.scores[name], rtol=2e-3)
    assert few.predictions.shape == plain.predictions.shape
    np.testing.assert_allclose(few.predictions, plain.predictions, rtol=1e-2, atol=5e-2)
    np.testing.assert_array_equal(few.observed, plain.observed)
    assert few.table().keys() == plain.table().keys()
