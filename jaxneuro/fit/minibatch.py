"""Minibatches drawn by weight, and large forward passes in blocks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro import several
from jaxneuro.types import Array, Inputs


class Draws(NamedTuple):
    """What minibatches are taken from.

    Attributes:
      mass: (sample,) cumulative weight.
      watched: (batch,) samples that early stopping judges by; None: nothing does.
      validation: (batch,) their weight, 0 of places that only fill up.
    """

    mass: Array
    watched: Array | None
    validation: Array | None


def draws(inputs: Inputs, size: int, watch: bool) -> Draws:
    """Before the first step; `watch`: also which samples to stop by, all of those with
    `validation` or, of more than `size`, so many, spread evenly over them."""
    mass = jnp.cumsum(inputs.weight)
    if not watch:
        return Draws(mass, None, None)
    number = jnp.cumsum(inputs.validation > 0)
    count = number[-1]
    place = jnp.arange(size)
    spread = ((place + 0.5) * (count / size)).astype(number.dtype)
    wanted = jnp.where(count > size, spread, place)
    watched = jnp.searchsorted(number, jnp.minimum(wanted, count - 1) + 1)
    watched = jnp.minimum(watched, len(number) - 1)
    return Draws(mass, watched, jnp.where(wanted < count, inputs.validation[watched], 0))


def draw(inputs: Inputs, mass: Array, step: Array, size: int) -> Inputs:
    """A minibatch: one sample from each of `size` equal shares of the cumulative weight `mass`
    (sample,), so that every batch is spread over the whole recording."""
    key = jax.random.fold_in(inputs.key, step + 1)
    shares = (jnp.arange(size) + jax.random.uniform(key, (size,))) / size
    chosen = jnp.searchsorted(mass, shares * mass[-1], side="right")
    chosen = jnp.minimum(chosen, mass.shape[0] - 1)
    return inputs._replace(
        x=several.taken(inputs.x, chosen),
        y=inputs.y[chosen],
        weight=(inputs.weight[chosen] > 0).astype(inputs.weight.dtype),
        validation=inputs.validation[chosen],
    )


def watched(inputs: Inputs, draws: Draws) -> Inputs | None:
    """The samples that early stopping judges by, and their weights as `validation`."""
    if draws.watched is None:
        return None
    return inputs._replace(
        x=several.taken(inputs.x, draws.watched),
        y=inputs.y[draws.watched],
        validation=draws.validation,
    )


def in_blocks(function: Callable[[Any], Array], x: Any, size: int | None) -> Array:
    """`function` over blocks of samples, so that a large forward pass fits in memory."""
    samples = jax.tree.leaves(x)[0].shape[0]
    symbolic = not isinstance(samples, int)  # exported: it may be any number
    if size is None or (not symbolic and size >= samples):
        return function(x)
    blocks = -(-samples // size)

    def divided(part: Array) -> Array:
        padded = jnp.pad(part, ((0, blocks * size - samples), *[(0, 0)] * (part.ndim - 1)))
        return padded.reshape(blocks, size, *part.shape[1:])

    out = jax.lax.map(function, jax.tree.map(divided, x))
    return out.reshape(blocks * size, *out.shape[2:])[:samples]
