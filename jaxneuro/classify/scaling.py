"""Standard units of features, of those that vary."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.precision import in_full
from jaxneuro.types import Array

_CONSTANT = 1e-5  # of its mean: a deviation below is rounding


class Scaling(NamedTuple):
    """Features as classifiers see them, (x - mean) · gain.

    Attributes:
      mean, gain: (feature,).
    """

    mean: Array
    gain: Array


@in_full
def measured(x: Array, weight: Array) -> Scaling:
    """Mean and deviation of `x` (trial, feature) over the trials, by their `weight` (trial,)."""
    share = weight / weight.sum()
    mean = share @ x
    away = jnp.where(weight[:, None] > 0, x - mean, 0)
    return Scaling(mean, gain(mean, jnp.sqrt(share @ jnp.square(away))))


def scaled(x: Array, scaling: Scaling) -> Array:
    """`x` (trial, feature) as classifiers see it."""
    return (x - scaling.mean) * scaling.gain


def gain(mean: Array, deviation: Array) -> Array:
    """What features are multiplied by: one over their deviation, 0 of those that do not vary."""
    varies = deviation > _CONSTANT * jnp.abs(mean)
    return jnp.where(varies, 1 / jnp.where(varies, deviation, 1), 0)


def ninther(x: Array) -> Array:
    """(feature,) of `x` (9, feature): the median of the medians of threes, which one bad value in
    each three does not move far; a sort would take long to compile (Tukey 1978,
    "The ninther", Contributions to Survey Sampling and Applied Statistics, p. 251)."""
    return _median(*(_median(*x[first : first + 3]) for first in (0, 3, 6)))


def _median(one: Array, other: Array, third: Array) -> Array:
    low, high = jnp.minimum(one, other), jnp.maximum(one, other)
    return jnp.maximum(low, jnp.minimum(high, third))
