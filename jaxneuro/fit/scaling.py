"""Scaling and ablation of features folded into the first layer: `x` stays shared by all fits."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.several import single
from jaxneuro.types import Array, Params

_CONSTANT = 1e-4  # of its squares about a common centre: a variance below is rounding


class Scaling(NamedTuple):
    """(feature,) what is taken off each flattened feature, and what it is then multiplied by."""

    mean: Array
    gain: Array


def measure(x: Array, weight: Array, features: int | None = None) -> Scaling:
    """Standardisation of `x` (sample, *feature) by mean and deviation over `weight` (sample,), for
    a layer of so many `features`: all, or those of the last axis alone, such as neurons, where the
    layer is the same for all others, such as times.

    A feature that does not vary has gain 0: no weight can be learned for it, and what it did
    outside these samples must not reach a prediction. One whose deviation is below a hundredth of
    its distance from where it mostly is counts as such. Batched over weights this is a matrix
    product: squares are taken about a centre that `x` shares, so little cancels.
    """
    flat = single(x, "standardise=True").reshape(x.shape[0], -1)
    if features not in (None, flat.shape[1]):
        if x.ndim < 3 or x.shape[-1] != features:
            raise ValueError(f"the first layer is of {features} features, and x has {x.shape[1:]}")
        weight = jnp.repeat(weight, flat.shape[1] // features)
        flat = flat.reshape(-1, features)
    means = _blocks(flat).sum(axis=1) / _blocks(jnp.ones((len(flat), 1))).sum(axis=1)
    centre = jnp.median(means, axis=0).astype(flat.dtype)  # an artefact does not move it
    flat = flat - centre
    share = weight / jnp.where(weight.sum() > 0, weight.sum(), 1)
    mean, square = total(share, flat), total(share, jnp.square(flat))
    variance, floor = square - jnp.square(mean), _CONSTANT * square
    varies = variance > floor
    gain = jnp.where(varies, 1 / jnp.sqrt(jnp.where(varies, variance, 1)), 0)
    return Scaling(mean + centre, gain)


def tempered(scaling: Scaling, power: Array, features: Array | None = None) -> Scaling:
    """Division by a power of each feature's deviation in place of the deviation itself: 1 is
    standardisation, 0 leaves features as they are beside each other, 1/2 is Pareto scaling (van den
    Berg et al. 2006, BMC Genomics 7:142). The rest is taken by the deviation that the features
    (feature,) that are in have together (root of their mean square), so that the unit in which all
    are given is no matter."""
    there = scaling.gain > 0
    deviation = 1 / jnp.where(there, scaling.gain, 1)
    counted = there if features is None else there & (features > 0)
    largest = jnp.max(jnp.where(counted, deviation, 0), initial=0)
    unit = jnp.where(largest > 0, largest, 1)  # squares of these stay within range
    square = jnp.where(counted, jnp.square(deviation / unit), 0).sum()
    common = unit * jnp.sqrt(square / jnp.maximum(counted.sum(), 1))
    common = jnp.where(common > 0, common, 1)
    gain = (deviation / common) ** -power / common
    return scaling._replace(gain=jnp.where(there, gain, 0))


def total(weight: Array, values: Array) -> Array:
    """Σ weight · values (sample, feature) over samples, block by block: else rounding grows with
    the recording, and a feature that is silent while fitted would seem to vary."""
    parts = jnp.einsum("bs,bsf->bf", _blocks(weight), _blocks(values), precision="highest")
    return parts.sum(axis=0)


def _blocks(values: Array) -> Array:
    """(sample, ...) in about √samples blocks (block, sample, ...), zeros at the end."""
    size = math.isqrt(len(values)) + 1
    blocks = -(-len(values) // size)
    padding = [(0, blocks * size - len(values))] + [(0, 0)] * (values.ndim - 1)
    return jnp.pad(values, padding).reshape(blocks, size, *values.shape[1:])


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
