"""Ridge in closed form: its two routes, scikit-learn, and its own gradient."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import float64
from sklearn.linear_model import Ridge

from jaxneuro import closed_form, compat, losses, penalties, splits

RIDGE = importlib.import_module("jaxneuro.linear.ridge_path")


def data(samples: int, features: int, outputs: int | None):
    rng = np.random.default_rng(samples + features)
    x = rng.standard_normal((samples, features)) + 2
    y = rng.standard_normal((samples,) if outputs is None else (samples, outputs))
    weight = rng.integers(0, 3, samples).astype(float)
    return x, y, weight


@pytest.mark.parametrize("outputs", [None, 3])
@pytest.mark.parametrize(("samples", "features"), [(30, 6), (8, 20), (10, 10)])
def test_is_scikit_learn_by_either_route(samples: int, features: int, outputs) -> None:
    x, y, weight = data(samples, features, outputs)
    l2 = 0.3
    with float64():
        kernel, bias = closed_form.ridge(*map(jnp.asarray, (x, y, weight, l2)))
        theirs = Ridge(alpha=l2 * weight.sum()).fit(x, y, sample_weight=weight)
        np.testing.assert_allclose(kernel.T, theirs.coef_, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(bias, theirs.intercept_, rtol=1e-8, atol=1e-10)


def test_primal_is_dual() -> None:
    # Samples of weight zero change nothing, and make the normal equations the shorter ones.
    x, y, weight = data(8, 20, 2)
    with float64():
        dual = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
        padded = (np.concatenate([a, np.ones((30, *a.shape[1:]))]) for a in (x, y))
        more = (*padded, np.r_[weight, np.zeros(30)], 0.3)
        primal = closed_form.ridge(*map(jnp.asarray, more))
        for a, b in zip(primal, dual, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("samples", "features"), [(30, 6), (8, 20)])
def test_gradient_of_the_objective_is_zero(samples: int, features: int) -> None:
    x, y, weight = (jnp.asarray(a) for a in data(samples, features, 2))
    with float64():
        x, y, weight = (jnp.asarray(a) for a in data(samples, features, 2))

        def objective(params):
            kernel, bias = params
            errors = losses.half_squared_error(x @ kernel + bias, y)
            # the mean over outputs, as the fit has it: half of the sum over these two
            return 2 * losses.weighted_mean(errors, weight) + 0.5 * 0.3 * (kernel**2).sum()

        at = closed_form.ridge(x, y, weight, jnp.asarray(0.3))
        for leaf in jax.tree.leaves(jax.grad(objective)(at)):
            np.testing.assert_allclose(leaf, 0, atol=1e-12)


def test_one_fit_of_several_outputs_divides_the_penalty() -> None:
    """Its loss is the mean over outputs: the minimum is that of l2 / outputs in `penalties.ridge`,
    and not that of l2."""
    with float64():
        x, y, weight = (jnp.asarray(a) for a in data(30, 6, 3))
        kernel, bias = closed_form.ridge(x, y, weight, jnp.asarray(0.3))

        def slope(strength: float) -> float:
            def objective(kernel):
                errors = losses.half_squared_error(x @ kernel + bias, y)
                value = penalties.ridge(strength).value({"layer": {"kernel": kernel}}, {})
                return losses.weighted_mean(errors, weight) + value

            return float(jnp.abs(jax.grad(objective)(kernel)).max())

        assert slope(0.3 / 3) < 1e-12 < 1e-3 < slope(0.3)


@pytest.mark.parametrize(("samples", "features"), [(30, 6), (8, 20)])
def test_each_output_with_its_own_weights(samples: int, features: int) -> None:
    """NaN without weight has no influence; an output without weight is NaN, and alone in that."""
    x, y, weight = data(samples, features, 4)
    rng = np.random.default_rng(0)
    weight = weight[:, None] * rng.integers(0, 3, y.shape)
    weight[:, 2] = 0
    y[weight == 0] = np.nan
    with float64():
        kernel, bias = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
    assert kernel.shape == (features, 4)
    assert np.isnan(kernel[:, 2]).all() and np.isnan(bias[2])
    for output in (0, 1, 3):
        at = weight[:, output] > 0
        model = Ridge(alpha=0.3 * weight[:, output].sum())
        model.fit(x[at], y[at, output], sample_weight=weight[at, output])
        np.testing.assert_allclose(kernel[:, output], model.coef_, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(bias[output], model.intercept_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("outputs", [None, 3])
def test_missing_values_without_weight_have_no_influence(outputs) -> None:
    x, y, weight = data(30, 6, outputs)
    expected = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
    y[weight == 0] = np.nan
    found = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_images_are_flattened() -> None:
    x, y, weight = data(9, 12, None)
    flat = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
    tall = closed_form.ridge(*map(jnp.asarray, (x.reshape(9, 3, 4), y, weight, 0.3)))
    np.testing.assert_array_equal(flat[0], tall[0])


def loop(x, y, folds, l2):
    """Errors (P, target), least penalty, kernel and bias of one target at a time, by scikit-learn;
    with the samples that it has, over the folds where it has some."""
    errors = np.full((len(l2), y.shape[1]), np.nan)
    best, bias = np.full((2, y.shape[1]), np.nan)
    kernel = np.full((x.shape[1], y.shape[1]), np.nan)
    for target, values in enumerate(y.T):
        here = ~np.isnan(values)
        pairs = [(a & here, b & here) for a, b in zip(folds.train > 0, folds.test > 0, strict=True)]
        pairs = [pair for pair in pairs if pair[0].any() and pair[1].any()]
        if not pairs:
            continue
        for i, strength in enumerate(l2):
            missed = []
            for train, test in pairs:
                model = Ridge(alpha=strength * train.sum()).fit(x[train], values[train])
                missed.append(((model.predict(x[test]) - values[test]) ** 2).mean())
            errors[i, target] = np.mean(missed)
        best[target] = l2[errors[:, target].argmin()]
        every = ((folds.train > 0) | (folds.test > 0)).any(axis=0) & here
        model = Ridge(alpha=best[target] * every.sum()).fit(x[every], values[every])
        kernel[:, target], bias[target] = model.coef_, model.intercept_
    return errors, best, kernel, bias


def problem(samples: int, features: int, targets: int = 10):
    rng = np.random.default_rng(samples)
    x = rng.normal(size=(samples, features)) + 1
    y = x @ rng.normal(0, 0.3, (features, targets)) + rng.normal(size=(samples, targets))
    return x, y


L2 = np.array([0.01, 0.3, 5.0])


def same(found, expected, rtol: float = 5e-3) -> None:
    errors, best, kernel, bias = expected
    np.testing.assert_allclose(found.errors, errors, rtol=2e-4)
    np.testing.assert_array_equal(found.l2, best)
    np.testing.assert_allclose(found.kernel, kernel, rtol=rtol, atol=2e-4)
    np.testing.assert_allclose(found.bias, bias, rtol=rtol, atol=2e-3)


@pytest.mark.parametrize(("samples", "features"), [(90, 7), (24, 40)])
def test_ridge_search_is_a_loop_of_scikit_learn(samples: int, features: int, monkeypatch) -> None:
    """By either Gram matrix, folds of two sizes, targets in several blocks."""
    monkeypatch.setattr(RIDGE, "_BLOCK", 4)
    x, y = problem(samples, features)
    folds = splits.k_fold(samples, 4, within=np.arange(samples) != 5)
    y[5] = np.inf  # outside of every fold
    found = closed_form.ridge_search(x, y, folds, L2)
    y[5] = 0
    same(found, loop(x, y, folds, L2))
    assert len(set(found.l2.tolist())) > 1


@pytest.mark.parametrize(("samples", "features"), [(91, 7), (25, 40)])
def test_ridge_search_with_missing_values(samples: int, features: int, monkeypatch) -> None:
    """Patterns shared and single, one in which a fold scores nothing, one that has nothing."""
    monkeypatch.setattr(RIDGE, "_BLOCK", 4)
    x, y = problem(samples, features, 12)
    folds = splits.k_fold(samples, 4)
    plain = closed_form.ridge_search(x, y, folds, L2)
    rng = np.random.default_rng(0)
    y[rng.random(samples) < 0.3, 1:7] = np.nan  # several that miss the same
    y[rng.random(samples) < 0.3, 8] = np.nan
    y[folds.test[1] > 0, 9] = np.nan
    y[:, 10] = np.nan
    y[1:, 11] = np.nan  # one value: fitted, never scored by another fold
    found = closed_form.ridge_search(x, y, folds, L2)
    same(found, loop(x, y, folds, L2))
    for given, alone in zip(found, plain, strict=True):
        assert np.isnan(given[..., 10:]).all()
        np.testing.assert_allclose(given[..., [0, 7]], alone[..., [0, 7]], rtol=1e-4, atol=1e-5)


def test_all_targets_miss_the_same() -> None:
    x, y = problem(60, 5)
    folds = splits.k_fold(60, 3)
    y[::7] = np.nan
    same(closed_form.ridge_search(x, y, folds, L2), loop(x, y, folds, L2))


@pytest.mark.parametrize(
    ("of_x", "of_y"),
    [((1, 0), (1, 1e6)), ((1, 1e8), (1, 1e5)), ((1, 0), (1e9, 0)), ((1e-25, 0), (1, 0)),
     ((1e-25, 3e-25), (1e-30, 1e-26)), ((1e20, -1e25), (1e25, 1e30))],
)  # fmt: skip
@pytest.mark.parametrize(("samples", "features"), [(90, 7), (24, 40)])
def test_offsets_and_units_cost_no_precision(samples: int, features: int, of_x, of_y) -> None:
    x, y = problem(samples, features)
    x, y = x * of_x[0] + of_x[1], y * of_y[0] + of_y[1]
    y[3, 2] = np.nan
    l2, folds = L2 * of_x[0] ** 2, splits.k_fold(samples, 4)
    found = closed_form.ridge_search(x, y, folds, l2)
    errors, best, *_ = loop(x, y, folds, l2)
    np.testing.assert_allclose(found.errors, errors, rtol=1e-3)
    np.testing.assert_array_equal(found.l2, best)
    prediction = x @ found.kernel + found.bias
    refit = Ridge(alpha=best[0] * samples).fit(x, y[:, 0]).predict(x)
    np.testing.assert_allclose(prediction[:, 0], refit, atol=1e-3 * y[:, 0].std(), rtol=0)


def test_in_double_precision() -> None:
    x, y = problem(90, 7)
    folds = splits.k_fold(90, 4)
    y[4, 3] = np.nan
    with float64():
        found = closed_form.ridge_search(x, y, folds, L2)
    for a, b in zip((found.errors, found.l2, found.kernel, found.bias), loop(x, y, folds, L2),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_ties_go_to_the_strongest(order: list[int]) -> None:
    """Of a constant every penalty is as good; also where its mean is not itself, but for
    rounding."""
    x, y = problem(31, 3, 3)
    y[:] = [0.1, 1e6 + 0.1, 0]
    y[2, 1] = np.nan
    found = closed_form.ridge_search(x, y, splits.k_fold(31, 3), L2[order])
    np.testing.assert_array_equal(found.errors, 0)
    np.testing.assert_array_equal(found.l2, 5.0)
    np.testing.assert_array_equal(found.kernel, 0)
    np.testing.assert_array_equal(found.bias, [0.1, 1e6 + 0.1, 0])


def test_order_of_penalties_is_free() -> None:
    x, y = problem(60, 5)
    folds = splits.k_fold(60, 3)
    found, other = (closed_form.ridge_search(x, y, folds, L2[o]) for o in ([0, 1, 2], [1, 2, 0]))
    np.testing.assert_array_equal(found.errors[[1, 2, 0]], other.errors)
    np.testing.assert_array_equal(found.l2, other.l2)


def test_features_that_do_not_vary() -> None:
    x, y = problem(60, 5)
    folds = splits.k_fold(60, 3)
    x[:, 1] = 1e9 + 0.1
    same(closed_form.ridge_search(x, y, folds, L2), loop(x, y, folds, L2))
    found = closed_form.ridge_search(np.ones_like(x), y, folds, L2)
    np.testing.assert_array_equal(found.l2, 5.0)
    np.testing.assert_array_equal(found.kernel, 0)
    np.testing.assert_allclose(found.bias, y.mean(axis=0), rtol=1e-5)


@pytest.mark.slow
def test_many_patterns_compile_few_programs(monkeypatch) -> None:
    """Groups of 1 to 12 targets, of samples of every number: shapes are shared. Counted by a
    program of its own, whatever other tests of this process compiled."""
    solve = RIDGE._fold_errors._function
    counted = compat.Once(lambda *arguments: solve(*arguments))
    monkeypatch.setattr(RIDGE, "_fold_errors", counted)
    samples, targets = 40, 78
    rng = np.random.default_rng(0)
    x, y = problem(samples, 3, targets)
    for first, last in ((k * (k + 1) // 2, (k + 1) * (k + 2) // 2) for k in range(12)):
        y[rng.choice(samples, 5, replace=False), first:last] = np.nan
    found = closed_form.ridge_search(x, y, splits.k_fold(samples, 3), L2)
    assert 0 < counted._cache_size() <= 10
    np.testing.assert_allclose(
        found.errors, loop(x, y, splits.k_fold(samples, 3), L2)[0], rtol=1e-3
    )


def test_ridge_search_says_what_is_wrong() -> None:
    x, y = np.ones((12, 2)), np.zeros((12, 3))
    folds = splits.k_fold(12, 3)
    for changed, told in (
        ({"x": x[:, 0]}, r"x \(12,\) must be \(sample, \*feature\)"),
        ({"x": np.where(np.arange(2) == 1, np.nan, x)}, "x must be finite$"),
        ({"x": x[:-1]}, "x has 11"),
        ({"x": x.astype(str)}, "must be numbers"),
        ({"y": y[:, 0]}, r"y \(12,\) must be \(sample, target\)"),
        ({"y": np.where(np.arange(3) == 1, np.inf, y)}, "y must be finite or NaN"),
        ({"l2": [0.0, 1.0]}, "penalties above 0"),
        ({"l2": []}, "penalties above 0"),
        ({"l2": [np.nan]}, "penalties above 0"),
        ({"splits": splits.k_fold(9, 3)}, "splits of 9 samples, x has 12"),
        ({"splits": splits.Splits(folds.train, 0 * folds.test, folds.names)}, "none to score"),
    ):
        with pytest.raises(ValueError, match=told):
            closed_form.ridge_search(**{"x": x, "y": y, "splits": folds, "l2": [1.0], **changed})
