"""Coordinates in which the objective is round at the start: fewer steps, the same optimum.

A linear model's curvature is that of its loss times the features' covariance, plus that of the
penalties. With correlated features it is a long valley, in which every gradient method takes many
steps. The covariance belongs to `x`, so all fits share its eigenvectors; each fit adds its own
penalty along them and descends in coordinates without that valley, as Newton's method would from
the same start (Nocedal & Wright 2006, Numerical Optimization, section 5.1, preconditioning).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.compat import Once
from jaxneuro.fit.scaling import Scaling, at_layer, total
from jaxneuro.several import single
from jaxneuro.types import Array, Moments, Params

_FEW_NUMBERS = 2**18  # of x on the host, done there before a program for them is compiled
_FLOOR = 1e-6  # of the mean curvature: directions in which x hardly varies stay finite


class Basis(NamedTuple):
    """The first layer's parameters p from others, q. With the eigenvectors U of `Moments`:
    kernel = ratio · U · (width · kernel_q), bias = bias_width · bias_q - offset · kernel.

    Attributes:
      offset: (feature,) mean of the features as the layer meets them.
      ratio: (feature,) from the units of `Moments` to the layer's; 0 where a feature is left out.
      width: (feature,) 1/√curvature along each eigenvector.
      bias_width: () the same of the bias.
    """

    offset: Array
    ratio: Array
    width: Array
    bias_width: Array


def moments(x: Array, weight: Array, scaled: bool) -> Moments:
    """Mean and principal axes of the flattened features of `x` (sample, *feature).

    Args:
      x: shared by all fits.
      weight: (sample,) before any fold: samples of weight 0 do not count.
      scaled: by the features' deviations first, as fits that standardise do.
    """
    flat: Any = single(x, "precondition=True").reshape(x.shape[0], -1)
    if isinstance(flat, np.ndarray) and flat.size <= _FEW_NUMBERS:
        share = np.asarray(weight, np.float64) / weight.sum()
        found = _about(np, flat, share, share @ flat, scaled)
        return jax.tree.map(lambda a: np.asarray(a, flat.dtype), found)
    return _moments(flat, weight, scaled)


@partial(Once, static=("scaled",))
def _moments(flat: Array, weight: Array, scaled: bool) -> Moments:
    share = (weight / weight.sum()).astype(flat.dtype)
    return _about(jnp, flat, share, total(share, flat), scaled)


def _about(numpy: Any, flat: Any, share: Any, mean: Any, scaled: bool) -> Moments:
    """About this mean of the samples' shares, by `jax.numpy` or by NumPy."""
    centred = (flat - mean) * numpy.sqrt(share)[:, None]
    deviation = numpy.sqrt(numpy.square(centred).sum(axis=0))
    varies = deviation > 1e-5 * numpy.abs(mean)  # below, rounding alone
    deviation = numpy.where(varies & scaled, deviation, 1)
    centred = centred / deviation
    values, vectors = numpy.linalg.eigh(centred.T @ centred)
    return Moments(mean, deviation, numpy.maximum(values, 0), vectors)


def measure(known: Moments, scaling: Scaling | None, curvature: Array, stiffness: Array) -> Basis:
    """The basis in which the objective's second derivative is near the identity.

    Args:
      known: of the raw features.
      scaling: what the features are before the first layer meets them.
      curvature: () second derivative of the loss in the prediction.
      stiffness: (feature,) that of the penalties along each eigenvector.
    """
    mean, ratio = known.mean, jnp.ones_like(known.mean)
    if scaling is not None:
        mean = (mean - scaling.mean) * scaling.gain
        there = scaling.gain > 0
        ratio = jnp.where(there, 1 / jnp.where(there, known.deviation * scaling.gain, 1), 0)
    curvature = jnp.where(curvature > 0, curvature, 1).astype(mean.dtype)
    bends = curvature * known.values + stiffness
    bends = jnp.maximum(bends, jnp.maximum(_FLOOR * bends.mean(), 1e-30))
    return Basis(mean, ratio, 1 / jnp.sqrt(bends), 1 / jnp.sqrt(curvature))


def natural(params: Params, layer: tuple[str, ...], known: Moments, basis: Basis) -> Params:
    """q -> p, linear in q: the model's own parameters."""

    def change(dense):
        kernel = known.vectors @ (basis.width[:, None] * dense["kernel"])
        kernel = basis.ratio[:, None] * kernel
        bias = basis.bias_width * dense["bias"] - basis.offset @ kernel
        return {**dense, "kernel": kernel, "bias": bias}

    return at_layer(params, layer, change)


def inverse(params: Params, layer: tuple[str, ...], known: Moments, basis: Basis) -> Params:
    """p -> q; weights of features left out become 0."""

    def change(dense):
        there = basis.ratio[:, None] > 0
        kernel = jnp.where(there, dense["kernel"], 0)
        bias = (dense["bias"] + basis.offset @ kernel) / basis.bias_width
        kernel = jnp.where(there, kernel / jnp.where(there, basis.ratio[:, None], 1), 0)
        kernel = known.vectors.T @ kernel / basis.width[:, None]
        return {**dense, "kernel": kernel, "bias": bias}

    return at_layer(params, layer, change)
