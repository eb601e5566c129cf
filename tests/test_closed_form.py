"""Ridge in closed form: its two routes, scikit-learn, and its own gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import float64
from sklearn.linear_model import Ridge

from jaxneuro import closed_form, losses


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
