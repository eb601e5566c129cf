"""Features of epochs that lie in the covariance of their channels: the Riemannian tangent space.

Covariances are points of a curved space, in which classes that no line divides may lie apart by a
plane of the space tangent to it (Barachant et al. 2012, IEEE Trans. Biomed. Eng. 59:920).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.precision import in_full
from jaxneuro.types import Array

_ITERATIONS = 10


class Tangent(NamedTuple):
    """Of `tangent_space`.

    Attributes:
      mean: (channel, channel) the Riemannian mean, of channels in the units of `gain`.
      white: (channel, channel) its inverse square root.
      gain: (channel,) that bring each channel's mean variance to 1.
      shrinkage: () as of `tangent_space`.
    """

    mean: Array
    white: Array
    gain: Array
    shrinkage: Array

    @in_full
    def features(self, covariance: Array) -> Array:
        """(trial, channel · (channel + 1) / 2) of `covariance` (trial, channel, channel): the upper
        triangle of log(mean^-½ C mean^-½), off the diagonal times √2, so that the length of a
        difference is a distance."""
        own = _shrunk(covariance, self.gain, self.shrinkage)
        logs = jax.vmap(_log)(self.white @ own @ self.white)
        rows, columns = jnp.triu_indices(logs.shape[1])
        return logs[:, rows, columns] * jnp.where(rows == columns, 1, jnp.sqrt(2.0))


@in_full
def tangent_space(covariance: Array, weight: Array, shrinkage: Array | float = 0.01) -> Tangent:
    """The tangent space at the Riemannian mean of the trials with weight, found by 10 fixed-point
    steps from their arithmetic mean,

        M ← M^½ exp(Σ w log(M^-½ C M^-½) / Σ w) M^½.

    Args:
      covariance: (trial, channel, channel) of `covariances`.
      weight: (trial,) 0 = left out.
      shrinkage: share, from 0 to 1, by which each is moved towards the channels' mean variances,
        uncorrelated: without it, a trial of fewer times than channels has no logarithm.
    """
    share = weight / weight.sum()
    variance = share @ jnp.diagonal(covariance, axis1=1, axis2=2)
    gain = jnp.where(variance > 0, 1 / jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
    own = _shrunk(covariance, gain, jnp.asarray(shrinkage))

    def step(mean: Array, _: None) -> tuple[Array, None]:
        root, white = _roots(mean)
        ahead = jnp.einsum("t,tcd->cd", share, jax.vmap(_log)(white @ own @ white))
        return root @ _of_values(jnp.exp, ahead) @ root, None

    mean, _ = jax.lax.scan(step, jnp.einsum("t,tcd->cd", share, own), length=_ITERATIONS)
    return Tangent(mean, _roots(mean)[1], gain, jnp.asarray(shrinkage))


def _shrunk(covariance: Array, gain: Array, shrinkage: Array) -> Array:
    """In standard units; a channel that never varies is 1 on its own."""
    one = jnp.eye(len(gain), dtype=covariance.dtype)
    there = jnp.where(gain > 0, shrinkage, 1)
    return covariance * gain[:, None] * gain * (1 - shrinkage) + one * there


def _roots(matrix: Array) -> tuple[Array, Array]:
    """Its square root, and the inverse of that."""
    values, vectors = jnp.linalg.eigh(matrix)
    root = jnp.sqrt(_above(values))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T


def _log(matrix: Array) -> Array:
    return _of_values(lambda values: jnp.log(_above(values)), matrix)


def _of_values(function: Callable[[Array], Array], matrix: Array) -> Array:
    values, vectors = jnp.linalg.eigh(matrix)
    return (vectors * function(values)) @ vectors.T


def _above(values: Array) -> Array:
    """Away from 0, by rounding."""
    least = jnp.finfo(values.dtype)
    return jnp.maximum(values, least.eps * jnp.abs(values).max() + least.tiny)
