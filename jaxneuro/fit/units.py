"""`y` in standard units inside a fit, and the best constant to start from.

A readout that begins at the best constant leaves the first gradient to what the features explain:
convergence is then judged by the scale of what is left, not by the mean of `y`. Where the loss
allows it, `y` itself is taken about its mean, so that a large mean costs no digits, and the
readout takes the units back when the fit has ended.
"""

from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.fit import scaling
from jaxneuro.flags import any_of
from jaxneuro.losses import Loss
from jaxneuro.types import Array, Params


class Units(NamedTuple):
    """(*output) what is taken off each output of `y`, and what the rest is divided by."""

    centre: Array
    spread: Array


def mean(y: Array, weight: Array) -> Array:
    """(*output) weighted mean of `y` (sample, *output) over its values that are there; 0 if none.

    In two passes: the second takes up what the first rounded off.
    """
    first = _mean(y, weight)
    return first + _mean(y - first, weight)


def measure(y: Array, weight: Array, scaled: bool) -> Units:
    """Mean and, if `scaled`, deviation (else 1; 1 for a constant) of each output over `weight`."""
    centre = mean(y, weight)
    if not scaled:
        return Units(centre, jnp.ones_like(centre))
    largest = jnp.max(jnp.where(_there(y, weight), jnp.abs(y - centre), 0), axis=0)
    unit = jnp.where(largest > 0, largest, 1)  # squares of these stay within range
    spread = unit * jnp.sqrt(_mean(jnp.square((y - centre) / unit), weight))
    varies = spread > 1e-6 * jnp.abs(centre)  # below, rounding alone
    return Units(centre, jnp.where(varies & (spread > 0), spread, 1))


def standard(y: Array, units: Units | None) -> Array:
    """`y` in the units, where there are any."""
    return y if units is None else (y - units.centre) / units.spread


def fold(params: Params, readout: tuple[str, ...], units: Units | None) -> Params:
    """Parameters that predict standard units -> parameters that predict `y`."""
    if units is None:
        return params

    def change(dense):
        spread = units.spread.reshape(-1)  # (output,), or (1,) of a model without an output axis
        bias = dense["bias"] * spread + units.centre.reshape(-1)
        return {**dense, "kernel": dense["kernel"] * spread, "bias": bias}

    return scaling.at_layer(params, readout, change)


def start(params: Params, readout: tuple[str, ...], constant: Array) -> Params:
    """Adds the best constant prediction (output,) to the bias of the readout."""

    def change(dense):
        return {**dense, "bias": dense["bias"] + constant.reshape(-1).astype(dense["bias"].dtype)}

    return scaling.at_layer(params, readout, change)


def average(loss: Loss, y: Array, weight: Array, classes: int) -> Array:
    """(*output) mean of `y`, of class labels (class,) their shares: what the best constant and the
    curvature of a loss depend on. Kept half a count away from where these are infinite."""
    total = jnp.where(weight.sum() > 0, weight.sum(), 1)
    if loss.labels:
        member = (y.reshape(-1)[:, None] == jnp.arange(classes)).astype(weight.dtype)
        return (weight @ member + 0.5) / (total + 0.5 * classes)
    found = _mean(y, weight)
    if loss.equivariant:
        return found
    none = jnp.zeros((), found.dtype)  # where it cannot be, a small mean is no lack of counts
    least = jnp.where(loss.valid(none), 0.5 / total, jnp.finfo(found.dtype).tiny)
    return jnp.clip(found, least, loss.most - least) if loss.most else jnp.maximum(found, least)


def present(y: Array, weight: Array) -> Array:
    """(*output) whether any value with weight is there."""
    return any_of(_there(y, weight), axis=0)


def _there(y: Array, weight: Array) -> Array:
    there = (weight > 0).reshape(-1, *[1] * (y.ndim - 1))
    return there & ~jnp.isnan(y) if jnp.issubdtype(y.dtype, jnp.floating) else there


def _mean(y: Array, weight: Array) -> Array:
    """By products, which XLA's CPU code runs ten times as fast as masked sums."""
    if y.ndim == 1:  # of samples without a value the weight is 0 already
        total = weight.sum()
        seen = jnp.where(weight > 0, y, 0).astype(weight.dtype)
        return (weight * seen).sum() / jnp.where(total > 0, total, 1)
    there = _there(y, weight)
    values = jnp.where(there, y, 0).reshape(len(y), -1).astype(weight.dtype)
    total = weight @ there.reshape(len(y), -1).astype(weight.dtype)
    found = weight @ values / jnp.where(total > 0, total, 1)
    return found.reshape(y.shape[1:])
