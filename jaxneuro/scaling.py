"""Scaling and ablation of features folded into the first layer: `x` stays shared by all fits."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.types import Array, Params


class Scaling(NamedTuple):
    """(feature,) what is taken off each flattened feature, and what it is then multiplied by."""

    mean: Array
    gain: Array


def measure(x: Array, weight: Array) -> Scaling:
    """Standardisation of `x` (sample, *feature) by mean and deviation over `weight` (sample,).

    A feature that does not vary is only centred. Batched over weights this is one matrix product:
    squares are taken about the mean of all samples, which `x` shares, so nothing cancels.
    """
    flat = x.reshape(x.shape[0], -1)
    centre = flat.mean(axis=0)
    flat = flat - centre
    share = weight / jnp.where(weight.sum() > 0, weight.sum(), 1)
    mean = share @ flat
    square = share @ jnp.square(flat)
    variance, floor = square - jnp.square(mean), 1e-6 * square  # below it, rounding alone
    deviation = jnp.where(variance > floor, jnp.sqrt(jnp.maximum(variance, floor)), 1)
    return Scaling(mean + centre, 1 / deviation)


def ablate(scaling: Scaling | None, features: Array | None) -> Scaling | None:
    """The scaling with some features left out (0 in `features` (feature,)); None: all are in."""
    if features is None:
        return scaling
    if scaling is None:
        return Scaling(jnp.zeros_like(features), features)
    return scaling._replace(gain=scaling.gain * features)


def fold(params: Params, layer: tuple[str, ...], scaling: Scaling) -> Params:
    """Parameters for scaled features -> the same function of the raw features."""

    def change(dense):
        kernel = dense["kernel"] * scaling.gain[:, None]
        return {**dense, "kernel": kernel, "bias": dense["bias"] - scaling.mean @ kernel}

    return at_layer(params, layer, change)


def at_layer(params: Params, layer: tuple[str, ...], change: Callable[[Params], Params]) -> Params:
    """`params` with one layer, named by its path, changed."""
    name, *deeper = layer
    inner = params[name]
    new = at_layer(inner, tuple(deeper), change) if deeper else change(inner)
    return {**params, name: new}


def layer_of(params: Params, layer: tuple[str, ...]) -> Params:
    """The layer that `at_layer` changes."""
    for name in layer:
        params = params[name]
    return params
