"""Errors of a predicted angle."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxneuro.metrics.contract import per_target, weighted_mean
from jaxneuro.metrics.score import lower_is_better


@lower_is_better
def circular_error(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Mean absolute difference of two angles, the shorter way round, per target.

    Chance, of angles that are spread evenly, is π / 2 (Fisher 1993, Statistical Analysis of
    Circular Data, section 2.3.3). Of directions that are predicted as vectors take the angle
    first: `jnp.arctan2(prediction[:, 1], prediction[:, 0])`.

    Args:
      y: observed angles in radians, (sample,) or (sample, output), of any turn.
      prediction: shape and unit of `y`.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), radians from 0 to π. NaN where nothing is scored.

    >>> round(float(circular_error([0.1], [2 * jnp.pi - 0.1])), 3)
    0.2
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        apart = y - prediction
        return weighted_mean(jnp.abs(jnp.arctan2(jnp.sin(apart), jnp.cos(apart))), weight)

    return per_target(one, y, prediction, weight)
