"""Minibatches drawn by weight, and large forward passes in blocks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxneuro.types import Array, Inputs


def draw(inputs: Inputs, mass: Array, step: Array, size: int) -> Inputs:
    """A minibatch: one sample from each of `size` equal shares of the cumulative weight `mass`
    (sample,), so that every batch is spread over the whole recording."""
    key = jax.random.fold_in(inputs.key, step + 1)
    shares = (jnp.arange(size) + jax.random.uniform(key, (size,))) / size
    chosen = jnp.searchsorted(mass, shares * mass[-1], side="right")
    chosen = jnp.minimum(chosen, mass.shape[0] - 1)
    return inputs._replace(
        x=inputs.x[chosen],
        y=inputs.y[chosen],
        weight=(inputs.weight[chosen] > 0).astype(inputs.weight.dtype),
        validation=inputs.validation[chosen],
    )


def in_blocks(function: Callable[[Array], Array], x: Array, size: int | None) -> Array:
    """`function` over blocks of samples, so that a large forward pass fits in memory."""
    symbolic = not isinstance(x.shape[0], int)  # exported: it may be any number
    if size is None or (not symbolic and size >= x.shape[0]):
        return function(x)
    blocks = -(-x.shape[0] // size)
    padded = jnp.pad(x, ((0, blocks * size - x.shape[0]), *[(0, 0)] * (x.ndim - 1)))
    out = jax.lax.map(function, padded.reshape(blocks, size, *x.shape[1:]))
    return out.reshape(blocks * size, *out.shape[2:])[: x.shape[0]]
