"""Banded ridge: loops of scikit-learn, himalaya's solver, and what is known beforehand."""

import importlib
from functools import partial

import jax
import numpy as np
import pytest
from numerics import float64
from sklearn.linear_model import Ridge

from jaxneuro import splits
from jaxneuro.linear import banded_errors, ridge_search
from jaxneuro.linear.banded import banded_ridge_search
from jaxneuro.linear.banded_candidates import dirichlet, simplex

BANDED = importlib.import_module("jaxneuro.linear.banded")
pytestmark = pytest.mark.usefixtures("hasty", "small_blocks")
L2 = np.array([0.01, 5.0, 0.3])
CANDIDATES = np.array([[1, 1, 1], [3, 0, 1], [0.1, 0.5, 2], [0, 1, 0.0]])


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    """Targets in several blocks."""
    monkeypatch.setattr(BANDED, "_BLOCK", 8)


def problem(samples: int, features: int, targets: int = 10):
    """Each target hears the three bands by weights of its own."""
    rng = np.random.default_rng(samples)
    x = rng.normal(size=(samples, features)) + 1
    bands = np.array(["words", "motion", "phonemes"])[np.arange(features) % 3]
    heard = rng.dirichlet([0.3] * 3, targets).T[np.arange(features) % 3]
    y = x @ (rng.normal(0, features**-0.5, (features, targets)) * np.sqrt(3 * heard))
    return x, y + rng.normal(0, 0.5, (samples, targets)), bands


def loop(x, y, folds, bands, candidates, l2):
    """The same by scikit-learn, one target, candidate and penalty at a time."""
    names, band = np.unique(bands, return_inverse=True)
    errors = np.full((len(candidates), len(l2), y.shape[1]), np.nan)
    weights = np.full((len(names), y.shape[1]), np.nan)
    best, bias = np.full((2, y.shape[1]), np.nan)
    kernel = np.full((x.shape[1], y.shape[1]), np.nan)
    for target, values in enumerate(y.T):
        here = ~np.isnan(values)
        pairs = [(a & here, b & here) for a, b in zip(folds.train > 0, folds.test > 0, strict=True)]
        pairs = [pair for pair in pairs if pair[0].any() and pair[1].any()]
        if not pairs:
            continue
        for c, gamma in enumerate(candidates):
            scaled = x * np.sqrt(gamma[band])
            for i, strength in enumerate(l2):
                missed = []
                for train, test in pairs:
                    model = Ridge(alpha=strength * train.sum()).fit(scaled[train], values[train])
                    missed.append(((model.predict(scaled[test]) - values[test]) ** 2).mean())
                errors[c, i, target] = np.mean(missed)
        chosen, i = np.unravel_index(errors[..., target].argmin(), errors.shape[:2])
        weights[:, target], best[target] = candidates[chosen], l2[i]
        every = ((folds.train > 0) | (folds.test > 0)).any(axis=0) & here
        scale = np.sqrt(candidates[chosen][band])
        model = Ridge(alpha=best[target] * every.sum()).fit(x[every] * scale, values[every])
        kernel[:, target], bias[target] = model.coef_ * scale, model.intercept_
    return weights, best, kernel, bias, errors.min(axis=1)


def same(found, expected, rtol: float = 5e-3, atol: float = 3e-4) -> None:
    weights, best, kernel, bias, errors = expected
    np.testing.assert_allclose(found.errors, errors, rtol=min(rtol, 3e-4))
    np.testing.assert_array_equal(found.weights, weights)
    np.testing.assert_array_equal(found.l2, best)
    np.testing.assert_allclose(found.kernel, kernel, rtol=rtol, atol=atol)
    np.testing.assert_allclose(found.bias, bias, rtol=rtol, atol=10 * atol)


@pytest.mark.parametrize(("samples", "features"), [(90, 9), (24, 42)])
def test_is_a_loop_of_scikit_learn(samples: int, features: int) -> None:
    """By either Gram matrix, folds of two sizes, targets in several blocks."""
    x, y, bands = problem(samples, features)
    folds = splits.k_fold(samples, 4)
    found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    same(found, loop(x, y, folds, bands, CANDIDATES, L2))
    assert found.bands.tolist() == ["motion", "phonemes", "words"]
    assert len(set(found.l2.tolist())) > 1 and len(np.unique(found.weights, axis=1).T) > 2


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "features"), [(90, 9), (24, 42)])
def test_in_double_precision(samples: int, features: int) -> None:
    """Nothing of the shortcut for near eigenvalues is left to see."""
    x, y, bands = problem(samples, features)
    folds = splits.k_fold(samples, 4)
    y[4, 3] = np.nan
    with float64():
        found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    same(found, loop(x, y, folds, bands, CANDIDATES, L2), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("samples", "features"), [(91, 9), (25, 42)])
def test_missing_values_and_silent_targets(samples: int, features: int) -> None:
    x, y, bands = problem(samples, features, 12)
    folds = splits.k_fold(samples, 4)
    rng = np.random.default_rng(0)
    y[rng.random(samples) < 0.3, 1:6] = np.nan  # several that miss the same
    y[rng.random(samples) < 0.3, 7] = np.nan
    y[folds.test[1] > 0, 8] = np.nan
    y[:, 9] = 1e6 + 0.1  # silent: the strongest penalty, the first candidate, and itself
    y[:, 10] = np.nan
    y[1:, 11] = np.nan  # one value: fitted, never scored by another fold
    found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    spoken = np.setdiff1d(np.arange(12), 9)
    parts = (a[..., spoken] for a in found[1:])
    same(type(found)(found.bands, *parts),
         loop(x, y[:, spoken], folds, bands, CANDIDATES, L2))  # fmt: skip
    assert found.l2[9] == 5 and (found.weights[:, 9] == CANDIDATES[0]).all()
    assert not found.errors[:, 9].any() and not found.kernel[:, 9].any()
    assert found.bias[9] == 1e6 + 0.1
    assert all(np.isnan(given[..., 10:]).all() for given in found[1:])


@pytest.mark.parametrize(("samples", "features"), [(90, 9), (24, 42)])
def test_one_band_is_ridge_search(samples: int, features: int) -> None:
    """And its weight divides the penalty."""
    x, y, _ = problem(samples, features)
    folds, one = splits.k_fold(samples, 4), np.zeros(features, int)
    expected = ridge_search(x, y, folds, L2)
    scaled = banded_ridge_search(x, y, folds, one, [[4.0]], L2 * 4)
    np.testing.assert_array_equal(scaled.l2 / 4, expected.l2)
    np.testing.assert_allclose(scaled.errors[0], expected.errors.min(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scaled.kernel, expected.kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scaled.bias, expected.bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["repeated", "collinear", "constant"])
def test_features_that_say_the_same(kind: str) -> None:
    """Eigenvalues then coincide, or vanish."""
    x, y, bands = problem(90, 9)
    if kind == "repeated":  # one-hot features, each as often
        x = np.eye(9)[np.arange(90) % 9]
    elif kind == "collinear":
        x[:, 3:6] = x[:, :3]
        x[:, 6:9] = x[:, :3] + 1e-5 * x[:, 6:9]
    else:
        x[:, 1::3] = 7.0
        x[:68, 2] = 0.1  # varies only where one fold is scored
    folds = splits.blocks(90, 4)
    found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    errors = loop(x, y, folds, bands, CANDIDATES, L2)[-1]
    np.testing.assert_allclose(found.errors, errors, rtol=2e-4)


@pytest.mark.parametrize("reach", [0, 3, 6])
def test_errors_of_all_penalties_at_once(reach: int, monkeypatch) -> None:
    """Held against the predictions of each, whichever eigenvalues are divided by their difference,
    summed along diagonals, or by a product."""
    monkeypatch.setattr(banded_errors, "_REACH", reach)
    rng = np.random.default_rng(0)
    size, scored, targets = 24, 40, 5
    ours = jax.jit(lambda *given: banded_errors._errors(*given))
    for values in (
        np.logspace(-4, 2, size),
        1 + np.cumsum(rng.exponential(2e-3, size)),
        np.repeat([0.0, 0.3, 2.0], 8),
        np.zeros(size),
    ):
        along, ahead = rng.normal(size=(size, targets)), rng.normal(size=(scored, size))
        along *= np.sqrt(values)[:, None]
        wanted, l2 = rng.normal(size=(scored, targets)), np.logspace(2, -2, 6)
        outer, total = ahead.T @ wanted, (wanted**2).sum(axis=0)
        sides = banded_errors._Sides(along[None], outer[None], total[None])
        axes = banded_errors._Axes(values, np.eye(size), np.eye(size), ahead.T @ ahead)
        (found,) = ours(*jax.tree.map(lambda a: np.asarray(a, "f"), (axes, sides, l2)))
        predictions = ahead @ (along / (values[:, None] + l2[:, None, None]))
        errors = ((predictions - wanted) ** 2).sum(axis=1)
        np.testing.assert_allclose(found, errors, rtol=2e-5)


def test_agrees_with_himalaya() -> None:
    ridge = pytest.importorskip("himalaya.ridge")
    importlib.import_module("himalaya.backend").set_backend("numpy")
    x, y, bands = problem(120, 30, 100)
    x, y = x.astype("f"), y.astype("f")
    folds = splits.blocks(120, 3)
    candidates, l2 = dirichlet(3, 6), np.logspace(-3, 2, 8)
    found = banded_ridge_search(x, y, folds, bands, candidates, l2)
    _, kernel, scores, _ = ridge.solve_group_ridge_random_search(
        [x[:, bands == name] for name in found.bands], y, n_iter=candidates, alphas=l2 * 80,
        fit_intercept=True, cv=3, return_weights=True, progress_bar=False,
    )  # fmt: skip
    variance = y.var(axis=0)
    np.testing.assert_allclose(found.errors / variance, -scores / variance, atol=1e-4, rtol=0)
    ours = np.abs(candidates[:, :, None] - found.weights).sum(axis=1).argmin(axis=0)
    assert (ours == scores.argmax(axis=0)).mean() >= 0.99
    # their refit has alpha = l2·n of the folds also for all samples
    order = np.argsort(bands, kind="stable")
    for target in np.flatnonzero(ours == scores.argmax(axis=0))[:5]:
        scale = np.sqrt(candidates[ours[target]][np.unique(bands, return_inverse=True)[1]])
        model = Ridge(alpha=found.l2[target] * 80).fit(x * scale, y[:, target])
        np.testing.assert_allclose((model.coef_ * scale)[order], kernel[:, target], atol=2e-3)


def test_dirichlet_draws_as_himalaya() -> None:
    theirs = pytest.importorskip("himalaya.kernel_ridge").generate_dirichlet_samples
    for concentration in (1.0, [0.1, 1.0], [0.3, np.inf, 2.0]):
        drawn = dirichlet(4, 11, concentration, seed=3)
        expected = np.asarray(theirs(11, 4, concentration, random_state=3))
        np.testing.assert_array_equal(drawn[1:], expected[1:])
        np.testing.assert_array_equal(drawn[0], 0.25)


def test_candidates_lie_on_the_simplex() -> None:
    few, many = dirichlet(5, 400, 0.01, seed=1), dirichlet(5, 400, 100.0, seed=1)
    np.testing.assert_allclose(few.sum(axis=1), 1)
    assert few[1:].max(axis=1).mean() > 0.9 > 0.4 > many.max()
    grid = simplex(3, 4)
    assert grid.shape == (15, 3) and len(np.unique(grid, axis=0)) == 15
    np.testing.assert_array_equal(grid.sum(axis=1), 1)
    np.testing.assert_array_equal(np.sort(simplex(3, 1), axis=0), np.sort(np.eye(3), axis=0))
    np.testing.assert_array_equal(simplex(1, 3), [[1.0]])


def test_finds_which_band_matters() -> None:
    """Few samples, one band of three heard: it gets the weight, and predicts better than ridge."""
    rng = np.random.default_rng(0)
    samples, features, targets = 240, 60, 30
    band, heard = np.repeat(np.arange(3), 20), np.arange(targets) % 3
    x = rng.normal(size=(samples, features))
    truth = rng.normal(size=(features, targets)) * (band[:, None] == heard) / np.sqrt(20)
    y = x @ truth + 1.5 * rng.normal(size=(samples, targets))
    folds, l2 = splits.k_fold(samples, 3), np.logspace(-3, 2, 8)
    found = banded_ridge_search(x, y, folds, band, dirichlet(3, 30), l2)
    assert (found.weights.argmax(axis=0) == heard).mean() >= 0.9
    plain = ridge_search(x, y, folds, l2)
    amiss = [((kernel - truth) ** 2).sum(axis=0).mean() for kernel in (found.kernel, plain.kernel)]
    assert amiss[0] < 0.6 * amiss[1]


def test_order_of_candidates_penalties_and_features_is_free() -> None:
    x, y, bands = problem(90, 9)
    folds = splits.k_fold(90, 4)
    found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    order = [2, 0, 3, 1]
    other = banded_ridge_search(x, y, folds, bands, CANDIDATES[order], L2[[2, 1, 0]])
    for given, expected in zip(other[1:5], found[1:5], strict=True):
        np.testing.assert_array_equal(given, expected)
    np.testing.assert_array_equal(other.errors, found.errors[order])
    mixed = np.random.default_rng(0).permutation(9)
    other = banded_ridge_search(x[:, mixed], y, folds, bands[mixed], CANDIDATES, L2)
    np.testing.assert_array_equal(other.weights, found.weights)
    np.testing.assert_allclose(other.kernel, found.kernel[mixed], rtol=1e-3, atol=1e-5)
    tall = banded_ridge_search(x.reshape(90, 3, 3), y, folds, bands.reshape(3, 3), CANDIDATES, L2)
    np.testing.assert_array_equal(tall.kernel, found.kernel)


def test_portions_of_targets_and_samples_of_no_fold(monkeypatch) -> None:
    x, y, bands = problem(90, 9, 12)
    folds = splits.k_fold(90, 4)
    expected = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    monkeypatch.setattr(BANDED, "_HELD", 1)  # as many as a block at a time
    x, y = (np.insert(a, 5, np.inf if a is y else 3e3, axis=0) for a in (x, y))
    folds = splits.Splits(*(np.insert(m, 5, 0, axis=1) for m in folds[:2]), folds.names)
    found = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    for given, whole in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(given, whole, rtol=1e-4, atol=1e-6)


def test_offsets_and_units_cost_no_precision() -> None:
    x, y, bands = problem(90, 9)
    folds = splits.k_fold(90, 4)
    plain = banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    found = banded_ridge_search(
        1e-25 * x + 3e-25, 1e9 * y + 1e14, folds, bands, CANDIDATES, L2 * 1e-50
    )
    np.testing.assert_array_equal(found.weights, plain.weights)
    np.testing.assert_allclose(found.l2, plain.l2 * 1e-50)
    np.testing.assert_allclose(found.errors, plain.errors * 1e18, rtol=1e-3)
    np.testing.assert_allclose(found.kernel, plain.kernel * 1e34, rtol=5e-3, atol=1e30)


def test_more_values_compile_nothing() -> None:
    x, y, bands = problem(90, 9)
    folds = splits.k_fold(90, 4)
    banded_ridge_search(x, y, folds, bands, CANDIDATES, L2)
    before = banded_errors.search._cache_size()
    banded_ridge_search(x + 1, 2 * y, splits.blocks(90, 4), bands, CANDIDATES[::-1] * 3, L2 / 7)
    assert banded_errors.search._cache_size() == before


def test_says_what_is_wrong() -> None:
    x, y = np.ones((12, 2)), np.zeros((12, 3))
    folds = splits.k_fold(12, 3)
    given = {"x": x, "y": y, "splits": folds, "bands": [0, 1], "candidates": [[1, 1]], "l2": [1]}
    for changed, told in (
        ({"x": x[:, 0]}, r"x \(12,\) must be \(sample, \*feature\)"),
        ({"x": np.where(np.arange(2) == 1, np.nan, x)}, "x must be finite$"),
        ({"x": x[:-1]}, "x has 11"),
        ({"x": x.astype(str)}, "must be numbers"),
        ({"y": y[:, 0]}, r"y \(12,\) must be \(sample, target\)"),
        ({"y": np.where(np.arange(3) == 1, np.inf, y)}, "y must be finite or NaN"),
        ({"l2": [0.0, 1.0]}, "penalties above 0"),
        ({"splits": splits.k_fold(9, 3)}, "splits of 9 samples, x has 12"),
        ({"splits": splits.Splits(folds.train, 0 * folds.test, folds.names)}, "none to score"),
        ({"bands": [0, 1, 2]}, r"bands \(3,\) must have an id for each feature, \(2,\)"),
        ({"bands": [0.5, 1.0]}, "must be integers or strings"),
        ({"candidates": [[1, 1, 1]]}, r"candidates \(1, 3\) .* there are 2 bands"),
        ({"candidates": [1, 1]}, r"candidates \(2,\) must be"),
        ({"candidates": np.ones((0, 2))}, r"candidates \(0, 2\) must be"),
        ({"candidates": [[1, -1]]}, "weights from 0"),
        ({"candidates": [[1, np.nan]]}, "weights from 0"),
        ({"candidates": [[1, 1], [0, 0]]}, "none of them all 0"),
    ):
        with pytest.raises(ValueError, match=told):
            banded_ridge_search(**{**given, **changed})
    for call, told in (
        (partial(dirichlet, 0, 3), r"bands \(0\) and count \(3\)"),
        (partial(dirichlet, 2, 3, 0.0), "concentration"),
        (partial(dirichlet, 2, 3, []), "concentration"),
        (partial(simplex, 2, 0), r"parts \(0\)"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
