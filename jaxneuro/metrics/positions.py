"""Errors of a predicted place."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxneuro.flags import any_of
from jaxneuro.metrics.contract import checked_weight, cleaned
from jaxneuro.metrics.score import lower_is_better


@lower_is_better
def median_distance(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Median Euclidean distance of the predicted from the true position.

    Args:
      y: (sample,) or (sample, coordinate), any unit. NaN in any coordinate = missing.
      prediction: shape and unit of `y`.
      weight: (sample,), 0 = left out, 2 = counts twice; None = all ones.

    Returns:
      Scalar in the unit of `y`: of all coordinates together. NaN where nothing is scored or a
      scored prediction is NaN.

    >>> float(median_distance([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]))
    2.5
    """
    y, prediction = jnp.asarray(y), jnp.asarray(prediction)
    if y.shape != prediction.shape or y.ndim not in (1, 2):
        raise ValueError(
            "y and prediction must both be (sample,) or both (sample, coordinate); "
            f"got {y.shape} and {prediction.shape}"
        )
    weight = checked_weight(weight, y, prediction)
    missing = jnp.isnan(y) if y.ndim == 1 else jnp.isnan(y).any(axis=1)
    weight = jnp.where(missing, 0, weight)
    y, prediction = (cleaned(a, weight).astype(weight.dtype) for a in (y, prediction))
    apart = jnp.abs(y - prediction) if y.ndim == 1 else _length(y - prediction)
    order = jnp.argsort(jnp.where(weight > 0, apart, jnp.inf))
    nothing = jnp.zeros(1, weight.dtype)  # so that there always is a last one
    apart = jnp.concatenate([apart[order], nothing])
    below = jnp.cumsum(jnp.concatenate([weight[order], nothing]))
    half = below[-1] / 2
    middle = apart[jnp.argmax(below >= half)] / 2 + apart[jnp.argmax(below > half)] / 2
    bad = any_of(jnp.isnan(prediction))  # what is left out was cleaned
    return jnp.where((half > 0) & ~bad, middle, jnp.nan)


def _length(vectors: Array) -> Array:
    """Whose squares may leave float32."""
    largest = jnp.abs(vectors).max(axis=1, keepdims=True)
    unit = jnp.where(largest > 0, largest, 1)
    return unit[:, 0] * jnp.sqrt(jnp.square(vectors / unit).sum(axis=1))
