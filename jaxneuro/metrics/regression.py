"""Scores of a continuous prediction."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxneuro.metrics.contract import centred, explained, per_target, spread, weighted_mean
from jaxneuro.metrics.score import higher_is_better, lower_is_better


@higher_is_better
def r2(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Coefficient of determination, 1 - SSE / SST, per target.

    SST is about the weighted mean of the scored samples, so a held-out score compares with the
    mean of the held-out samples themselves. 1 is perfect, 0 as good as that mean; no lower bound.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape and unit of `y`.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,). NaN where `y` is constant or nothing is scored (scikit-learn gives 1
      for a constant predicted exactly).
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        offset = weighted_mean(y, weight)
        unit = spread(y, weight)  # a square in tesla leaves float32
        return explained(_gaussian, (y - offset) / unit, (prediction - offset) / unit, weight)

    return per_target(one, y, prediction, weight)


@higher_is_better
def correlation(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Pearson's correlation, weighted, per target.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape of `y`, any unit.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), within [-1, 1]. NaN where `y` is constant or nothing is scored; 0 where
      only the prediction is constant: such a model predicts nothing, and is scored so.

    >>> round(float(correlation([1.0, 2.0, 3.0], [0.0, 10.0, 20.0])), 3)
    1.0
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        unit, unit_of_prediction = spread(y, weight), spread(prediction, weight)
        a = centred(y, weight) / unit
        b = centred(prediction, weight) / unit_of_prediction
        norm = jnp.sqrt((weight * a * a).sum()) * jnp.sqrt((weight * b * b).sum())
        r = jnp.clip((weight * a * b).sum() / norm, -1, 1)
        r = jnp.where(unit_of_prediction == 0, 0.0, r)
        return jnp.where(unit > 0, r, jnp.nan)

    return per_target(one, y, prediction, weight)


@lower_is_better
def mean_squared_error(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Weighted mean of (y - prediction)², per target.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape and unit of `y`.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), in the square of the unit of `y`. NaN where nothing is scored.

    >>> float(mean_squared_error([1.0, 2.0], [1.0, 4.0]))
    2.0
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        return weighted_mean(_gaussian(y, prediction), weight)

    return per_target(one, y, prediction, weight)


def _gaussian(y: Array, mean: Array) -> Array:
    return (y - mean) ** 2
