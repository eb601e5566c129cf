"""Feature scaling folded into the first layer, so that each fold has its own and `x` is shared."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.types import Array, Params


class Scaling(NamedTuple):
    """(feature,) mean and standard deviation of the flattened features."""

    mean: Array
    deviation: Array


def measure(x: Array, weight: Array) -> Scaling:
    """Weighted mean and standard deviation of `x` (sample, *feature) over `weight` (sample,).

    A feature that does not vary has deviation 1. Batched over weights this is one matrix product:
    squares are taken about the mean of all samples, which `x` shares, so nothing cancels.
    """
    flat = x.reshape(x.shape[0], -1)
    centre = flat.mean(axis=0)
    flat = flat - centre
    share = weight / jnp.where(weight.sum() > 0, weight.sum(), 1)
    mean = share @ flat
    variance = share @ jnp.square(flat) - jnp.square(mean)
    floor = 1e-6 * jnp.square(flat).mean(axis=0)
    deviation = jnp.where(variance > floor, jnp.sqrt(jnp.maximum(variance, floor)), 1)
    return Scaling(mean + centre, deviation)


def fold(params: Params, layer: tuple[str, ...], scaling: Scaling) -> Params:
    """Parameters for standardised features -> the same function of the raw features."""
    if len(layer) > 1:
        inner = fold(params[layer[0]], layer[1:], scaling)
        return {**params, layer[0]: inner}
    dense = params[layer[0]]
    kernel = dense["kernel"] / scaling.deviation[:, None]
    bias = dense["bias"] - scaling.mean @ kernel
    return {**params, layer[0]: {**dense, "kernel": kernel, "bias": bias}}
