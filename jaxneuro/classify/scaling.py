"""Standard units of features, of those that vary."""

from __future__ import annotations

import jax.numpy as jnp

from jaxneuro.types import Array

_CONSTANT = 1e-5  # of its mean: a deviation below is rounding


def gain(mean: Array, deviation: Array) -> Array:
    """What features are multiplied by: one over their deviation, 0 of those that do not vary."""
    varies = deviation > _CONSTANT * jnp.abs(mean)
    return jnp.where(varies, 1 / jnp.where(varies, deviation, 1), 0)
