"""Whether any of many flags is set. On CPUs XLA reduces flags by two programs of windows, and
numbers by one of its library's: programs that start fits take a sixth less to compile."""

import jax.numpy as jnp

from jaxneuro.types import Array


def any_of(flags: Array, axis: int | None = None) -> Array:
    """`flags.any(axis)`, as a sum."""
    return flags.astype(jnp.float32).sum(axis) > 0
