"""What every metric shares: shapes, weights and missing values, checked and cleaned."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def per_target(
    metric: Callable[[Array, Array, Array], Array],
    y: ArrayLike,
    prediction: ArrayLike,
    weight: ArrayLike | None,
) -> Array:
    """A metric of one target, `(sample,)` three times -> scalar, of one or of each target.

    `metric` is given floats of one dtype, with y = prediction = 0 wherever weight = 0, and that
    is where `y` is missing, too.
    """
    y, prediction = jnp.asarray(y), jnp.asarray(prediction)
    if y.shape != prediction.shape or y.ndim not in (1, 2):
        raise ValueError(
            "y and prediction must both be (sample,) or both (sample, output); "
            f"got {y.shape} and {prediction.shape}"
        )
    weight = checked_weight(weight, y, prediction, own=y.ndim == 2)
    if weight.ndim < y.ndim:
        weight = jnp.broadcast_to(weight[:, None], y.shape)
    weight = jnp.where(jnp.isnan(y), 0, weight)
    y, prediction = (cleaned(a, weight).astype(weight.dtype) for a in (y, prediction))
    return (metric if y.ndim == 1 else jax.vmap(metric, 1))(y, prediction, weight)


def checked_weight(weight: ArrayLike | None, *values: Array, own: bool = False) -> Array:
    """The weight, 0 wherever it is not above 0; float32, or as wide as any given.

    It is (sample,), or with `own` perhaps of the shape of the first of `values`.
    """
    shape = values[0].shape
    weight = jnp.ones(shape[:1], bool) if weight is None else jnp.asarray(weight)
    if weight.shape != shape[:1] and not (own and weight.shape == shape):
        other = f" or (sample, output) = {shape}" if own else ""
        raise ValueError(f"weight must be (sample,) = {shape[:1]}{other}; got {weight.shape}")
    weight = weight.astype(jnp.result_type(jnp.float32, weight, *values))
    return jnp.where(weight > 0, weight, 0)


def cleaned(values: Array, weight: Array) -> Array:
    """`values` with 0 where they are left out; `weight` has their leading axes."""
    scored = jnp.expand_dims(weight > 0, tuple(range(weight.ndim, values.ndim)))
    return jnp.where(scored, values, jnp.zeros((), values.dtype))


def weighted_mean(x: Array, weight: Array) -> Array:
    return (weight * x).sum() / weight.sum()


def centred(x: Array, weight: Array) -> Array:
    """`x` about its weighted mean; the second pass removes what the first lost to an offset."""
    x = x - weighted_mean(x, weight)
    return x - weighted_mean(x, weight)


def spread(x: Array, weight: Array) -> Array:
    """Largest minus smallest scored value: exactly 0 for a constant, -inf for no samples."""
    scored = weight > 0
    highest = jnp.max(x, where=scored, initial=-jnp.inf)
    return highest - jnp.min(x, where=scored, initial=jnp.inf)


def explained(
    deviance: Callable[[Array, Array], Array], y: Array, prediction: Array, weight: Array
) -> Array:
    """1 - D(prediction) / D(weighted mean of y); NaN where y is constant: nothing to explain."""
    model = (weight * deviance(y, prediction)).sum()
    constant = (weight * deviance(y, weighted_mean(y, weight))).sum()
    return jnp.where(spread(y, weight) > 0, 1 - model / constant, jnp.nan)
