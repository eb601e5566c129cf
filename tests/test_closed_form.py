"""Ridge in closed form: its two routes, scikit-learn, and its own gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import float64
from sklearn.linear_model import Ridge

from jaxneuro import closed_form, losses, splits


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


def test_images_are_flattened() -> None:
    x, y, weight = data(9, 12, None)
    flat = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.3)))
    tall = closed_form.ridge(*map(jnp.asarray, (x.reshape(9, 3, 4), y, weight, 0.3)))
    np.testing.assert_array_equal(flat[0], tall[0])


@pytest.mark.parametrize(("samples", "features"), [(90, 7), (24, 40)])
def test_ridge_search_is_a_loop_of_scikit_learn(samples: int, features: int, monkeypatch) -> None:
    """By either Gram matrix, folds of two sizes, targets in several blocks."""
    monkeypatch.setattr(closed_form, "_BLOCK", 4)
    rng = np.random.default_rng(samples)
    x = rng.normal(size=(samples, features)) + 1
    y = x @ rng.normal(0, 0.3, (features, 10)) + rng.normal(size=(samples, 10))
    folds = splits.k_fold(samples, 4, within=np.arange(samples) != 5)
    l2 = np.array([0.01, 0.3, 5.0])
    found = closed_form.ridge_search(x, y, folds, l2)
    errors = np.zeros((3, 10))
    for train, test in zip(folds.train > 0, folds.test > 0, strict=True):
        for i, strength in enumerate(l2):
            model = Ridge(alpha=strength * train.sum()).fit(x[train], y[train])
            errors[i] += ((model.predict(x[test]) - y[test]) ** 2).mean(axis=0) / 4
    np.testing.assert_allclose(found.errors, errors, rtol=2e-4)
    np.testing.assert_allclose(found.l2, l2[errors.argmin(axis=0)], rtol=1e-6)
    assert len(set(found.l2.tolist())) > 1
    used = np.arange(samples) != 5
    for target in range(10):
        model = Ridge(alpha=float(found.l2[target]) * used.sum()).fit(x[used], y[used, target])
        np.testing.assert_allclose(found.kernel[:, target], model.coef_, rtol=5e-3, atol=2e-4)
        np.testing.assert_allclose(found.bias[target], model.intercept_, rtol=5e-3, atol=2e-3)


def test_ridge_search_says_what_is_wrong() -> None:
    x, y = np.ones((12, 2)), np.zeros((12, 3))
    folds = splits.k_fold(12, 3)
    for changed, told in (
        ({"y": y[:, 0]}, r"y \(12,\) must be \(sample, target\)"),
        ({"y": np.where(np.arange(3) == 1, np.nan, y)}, "finite"),
        ({"l2": [0.0, 1.0]}, "penalties above 0"),
        ({"l2": []}, "penalties above 0"),
        ({"splits": splits.k_fold(9, 3)}, "splits of 9 samples, x has 12"),
        ({"splits": splits.Splits(folds.train, 0 * folds.test, folds.names)}, "none to score"),
    ):
        with pytest.raises(ValueError, match=told):
            closed_form.ridge_search(**{"x": x, "y": y, "splits": folds, "l2": [1.0], **changed})
