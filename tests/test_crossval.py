"""Nested selection picks what a plain loop over scikit-learn picks, and nothing leaks."""

import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import assert_same_bits
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxneuro import (
    Stop,
    axes,
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
from jaxneuro.engine import programs
from jaxneuro.selection.search import EdgeOfGrid, search

SAMPLES, FEATURES, TARGETS, LANES = 84, 6, 4, 4
STRENGTHS = (1e-3, 0.03, 0.3, 1.0, 10.0)

RIDGE = make_fit(
    models.linear(), losses.half_squared_error, optimizers.lbfgs(5), penalties.ridge(),
    Stop(max_steps=200, gradient=1e-6), scores={"r2": metrics.r2}, standardise=True,
)  # fmt: skip

DESCENT = make_fit(
    models.linear(), losses.half_squared_error, optax.sgd(0.01),
    [penalties.ridge("l2"), penalties.smooth_lasso("l1")],
    Stop(max_steps=40), scores={"r2": metrics.r2},
)  # fmt: skip


def recording():
    """Targets from clean to noise alone, so that other penalties are best for each."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(SAMPLES, FEATURES)) @ rng.normal(size=(FEATURES, FEATURES)) + 2
    signal = x @ rng.normal(size=(FEATURES, TARGETS))
    signal /= signal.std(axis=0)
    y = signal + rng.normal(size=(SAMPLES, TARGETS)) * [0.1, 1.0, 3.0, 10.0]
    return x.astype(np.float32), y.astype(np.float32)


SPLITS = splits.nested(
    splits.k_fold(SAMPLES, 3), lambda train: splits.k_fold(len(train), 3, seed=1)
)


def run(x, y, **options):
    inputs = make_inputs(x, y)
    grid = axes.grid(l2=STRENGTHS)
    return search(RIDGE, inputs, [axes.targets(TARGETS)], SPLITS, grid, lanes=LANES, **options)


@pytest.fixture(scope="module")
def found():
    return run(*recording())


def ridge(train, l2):
    x, y = recording()
    model = make_pipeline(StandardScaler(), Ridge(alpha=l2 * train.sum()))
    return model.fit(x[train].astype(float), y[train].astype(float))


def test_the_choice_and_the_score_are_those_of_a_plain_loop(found):
    x, y = recording()
    assert found.inner.shape == (TARGETS, 3, 3, len(STRENGTHS))
    assert found.fits.shape == (TARGETS, 3)
    picks = []
    for outer in range(3):
        means = np.zeros((len(STRENGTHS), TARGETS))
        for inner in range(3):
            train, test = SPLITS.train[outer, inner] > 0, SPLITS.test[outer, inner] > 0
            for i, l2 in enumerate(STRENGTHS):
                guess = ridge(train, l2).predict(x[test])
                scores = r2_score(y[test], guess, multioutput="raw_values")
                means[i] += scores / 3
                np.testing.assert_allclose(
                    found.inner.scores["r2"][:, outer, inner, i], scores, rtol=1e-3, atol=1e-3
                )
        train, test = SPLITS.train[outer, -1] > 0, SPLITS.test[outer, -1] > 0
        for target in range(TARGETS):
            best = STRENGTHS[means[:, target].argmax()]
            assert found.selection.values["l2"][target, outer] == best
            assert found.selection.score[target, outer] == pytest.approx(
                means[:, target].max(), abs=1e-3
            )
            model = ridge(train, best)
            guess = model.predict(x[test])[:, target]
            expected = r2_score(y[test][:, target], guess)
            assert found.fits.scores["r2"][target, outer] == pytest.approx(expected, abs=1e-3)
            kernel = found.fits.params["readout"]["kernel"][target, outer, :, 0]
            wanted = model[1].coef_[target] / model[0].scale_
            np.testing.assert_allclose(kernel, wanted, rtol=1e-2, atol=1e-3)
            picks.append(best)
    assert len(set(picks)) >= 3  # the data ask for several penalties


def test_what_is_in_the_tables(found):
    assert found.total == TARGETS * 3 * 3 * len(STRENGTHS) + TARGETS * 3
    assert (found.score, found.sign) == ("r2", 1)
    assert found.inner.params is None
    table = found.fits.table()
    chosen = found.selection.values["l2"]
    np.testing.assert_allclose(table["l2"], chosen.ravel())
    np.testing.assert_array_equal(table["target"], np.repeat(np.arange(TARGETS), 3))
    assert list(table["fold"]) == [3, 7, 11] * TARGETS  # the fourth of each outer fold: the refit
    assert [a.name for a in found.fits.axes] == ["target", "outer"]
    assert found.fits.axes[1].labels == SPLITS.names


def test_one_program_runs_the_search_and_the_refits(found, monkeypatch):
    monkeypatch.setattr(programs, "_build", None)
    again = run(*recording())
    assert again.compile_seconds == 0
    assert_same_bits(again.fits, found.fits)
    assert_same_bits(again.inner, found.inner)


def test_short_fits_of_a_fixed_number_of_steps_share_their_programs_too(monkeypatch):
    """The refits are a fifteenth of the search, and would have lanes of their own if they took
    longer than it takes to compile."""
    built = []
    build = programs._build
    monkeypatch.setattr(programs, "_build", lambda *a: built.append(a) or build(*a))
    stop = Stop(max_steps=17, gradient=0, plateau=0)
    inputs, grid = make_inputs(*recording()), axes.grid(l2=STRENGTHS, l1=[0.0])
    found = search(DESCENT._replace(stop=stop), inputs, [axes.targets(TARGETS)], SPLITS, grid)
    assert len(built) == 1
    assert found.inner.lanes == found.fits.lanes


@pytest.mark.parametrize("outer", range(3))
def test_outer_test_samples_change_no_choice_and_no_parameter(found, outer):
    """The y to be predicted at last is replaced by nonsense; only its own score may change."""
    x, y = recording()
    test = SPLITS.test[outer, -1] > 0
    y[test] = np.random.default_rng(9).normal(size=(test.sum(), TARGETS)) * 1e3
    other = run(x, y)
    for field in ("chosen", "score"):
        one, two = (getattr(s.selection, field)[:, outer] for s in (found, other))
        np.testing.assert_array_equal(one, two)
    mine = np.arange(TARGETS) * 3 + outer
    np.testing.assert_array_equal(
        other.inner.scores["r2"][:, outer], found.inner.scores["r2"][:, outer]
    )
    for name in ("kernel", "bias"):
        one, two = (s.fits.params["readout"][name][:, outer] for s in (found, other))
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(other.fits.loss.ravel()[mine], found.fits.loss.ravel()[mine])
    assert (other.fits.scores["r2"][:, outer] != found.fits.scores["r2"][:, outer]).all()
    rest = [o for o in range(3) if o != outer]  # where these samples were fitted, all changes
    assert (other.fits.loss[:, rest] != found.fits.loss[:, rest]).all()


def test_missing_outer_test_samples_change_no_choice_either(found):
    x, y = recording()
    y[SPLITS.test[1, -1] > 0, 2] = np.nan
    with pytest.warns(UserWarning, match=r"1 of 12 fits have no held-out .* target 2, fold 7"):
        other = run(x, y)
    np.testing.assert_array_equal(other.selection.chosen[:, 1], found.selection.chosen[:, 1])
    assert np.isnan(other.fits.scores["r2"][2, 1])
    kernels = (s.fits.params["readout"]["kernel"][:, 1] for s in (found, other))
    np.testing.assert_array_equal(*kernels)


def test_a_choice_at_the_edge_of_the_grid_is_told():
    x, y = recording()
    told = (r"search: of 12 choices of l2, \d+ lie at the least \(0.001\) and "
            r"\d+ lie at the greatest \(10\): a grid that reaches further")  # fmt: skip
    with pytest.warns(EdgeOfGrid, match=told) as warned:
        found = run(x, y)
    assert warned[0].filename == __file__  # the line that called search
    chosen = found.selection.values["l2"]
    counts = int((chosen == STRENGTHS[0]).sum()), int((chosen == STRENGTHS[-1]).sum())
    assert found.selection.at_edges() == {"l2": counts}
    inner = ((chosen > STRENGTHS[0]) & (chosen < STRENGTHS[-1])).all(axis=1)
    sure = make_inputs(x, y[:, inner])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(RIDGE, sure, [axes.targets(int(inner.sum()))], SPLITS, axes.grid(l2=STRENGTHS),
               lanes=LANES)  # fmt: skip


def test_without_scores_the_least_loss_chooses():
    """The loss of held-out samples is an error: what R² says upside down."""
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(5), penalties.ridge(),
        Stop(max_steps=200, gradient=1e-6), standardise=True,
    )  # fmt: skip
    inputs, grid = make_inputs(*recording()), axes.grid(l2=STRENGTHS)
    found = search(fit, inputs, [axes.targets(TARGETS)], SPLITS, grid, lanes=LANES)
    assert (found.score, found.sign) == ("loss", -1)
    means = found.inner.scores["loss"].astype(float).mean(axis=2)
    np.testing.assert_array_equal(found.selection.chosen[..., 0], means.argmin(axis=-1))
    np.testing.assert_allclose(found.selection.score, means.min(axis=-1))
    both = fit._replace(better=(("r2", True), ("mse", False)))
    for score, told in ((None, "which score chooses"), ("r3", "no score 'r3'")):
        with pytest.raises(ValueError, match=rf"{told}.* \['r2', 'mse'\]"):
            search(both, inputs, [axes.targets(TARGETS)], SPLITS, grid, score=score)


def test_without_a_choice_the_inner_folds_are_not_run():
    grid = axes.grid(l2=[0.3], l1=[0.0])
    alone = search(
        DESCENT, make_inputs(*recording()), [axes.targets(TARGETS)], SPLITS, grid, lanes=LANES
    )
    assert alone.inner is None and alone.selection is None
    assert alone.total == TARGETS * 3
    assert alone.fits.shape == (TARGETS, 3)
    assert list(alone.fits.table()["fold"]) == [3, 7, 11] * TARGETS
    assert alone.compile_seconds == alone.fits.compile_seconds


def test_one_held_out_part():
    """`holdout`: chosen by folds of the rest, scored once; equal to fitting that row alone."""
    x, y = recording()
    test = np.arange(SAMPLES) >= 60
    nested = splits.nested(splits.holdout(test), lambda train: splits.k_fold(len(train), 11))
    inputs, grid = make_inputs(x, y), axes.grid(l2=STRENGTHS)
    found = search(RIDGE, inputs, axes.targets(TARGETS), nested, grid, lanes=LANES)
    assert found.fits.shape == (TARGETS, 1)
    assert found.inner.shape == (TARGETS, 1, 11, len(STRENGTHS))
    for target in range(TARGETS):
        model = make_pipeline(
            StandardScaler(), Ridge(alpha=60 * found.selection.values["l2"][target, 0])
        ).fit(x[:60].astype(float), y[:60, target])
        expected = r2_score(y[60:, target], model.predict(x[60:]))
        assert found.fits.scores["r2"][target, 0] == pytest.approx(expected, abs=1e-3)


def test_a_search_resumes_from_its_folder(found, tmp_path, monkeypatch):
    first = run(*recording(), out=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["refit", "search"]
    monkeypatch.setattr("jaxneuro.engine.here.run_group", None)  # none is left to run
    again = run(*recording(), out=tmp_path)
    for one in (first, again):
        assert_same_bits(one.fits, found.fits)
        assert_same_bits(one.inner, found.inner)


def test_several_hyper_parameters_and_seeds():
    """Axes in front of the folds and two in the grid: each refit has its own pair."""
    inputs = make_inputs(*recording())
    grid = axes.grid(l2=[0.01, 1.0], l1=[0.0, 0.5, 5.0])
    found = search(
        DESCENT, inputs, [axes.targets(TARGETS), axes.seeds(2)], SPLITS, grid, lanes=LANES
    )
    assert found.inner.shape == (TARGETS, 2, 3, 3, 2, 3)
    assert found.fits.shape == (TARGETS, 2, 3)
    means = found.inner.scores["r2"].astype(float).mean(axis=3).reshape(TARGETS, 2, 3, -1)
    best = 5 - means[..., ::-1].argmax(axis=-1)  # of equals the last, which is the strongest
    chosen = found.selection.chosen
    np.testing.assert_array_equal(chosen[..., 0] * 3 + chosen[..., 1], best)
    table = found.fits.table()
    np.testing.assert_allclose(table["l2"], found.selection.values["l2"].ravel())
    np.testing.assert_allclose(table["l1"], found.selection.values["l1"].ravel())
    rows = found.fits.rows[:1]
    every = [axes.targets(TARGETS), axes.seeds(2),
             axes.folds(SPLITS.train.reshape(-1, SAMPLES), SPLITS.test.reshape(-1, SAMPLES)),
             grid]  # fmt: skip
    one = fit_many(DESCENT, inputs, every, rows=rows, lanes=LANES)
    assert jnp.array_equal(one.loss[0], found.fits.loss[0, 0, 0])
