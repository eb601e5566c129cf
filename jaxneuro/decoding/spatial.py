"""Features of epochs that lie in the covariance of their channels: common spatial patterns.

Pure functions of one fit. A trial enters by its covariance alone, so folds and permutations are
weights and labels over one small array. What is fitted sees trials with weight only.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.classify.classifiers import members
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_RANK = 1e-5  # of the greatest: a variance below is rounding, or an average reference


class Csp(NamedTuple):
    """Of `csp`.

    Attributes:
      filters: (component, channel).
      patterns: (component, channel) how the channels change with a component (`patterns`).
      share: (component,) the variance in one class over that in both, from 0 to 1.
    """

    filters: Array
    patterns: Array
    share: Array

    @in_full
    def features(self, covariance: Array) -> Array:
        """(trial, component) log-variances of `covariance` (trial, channel, channel)."""
        power = jnp.einsum("kc,tcd,kd->tk", self.filters, covariance, self.filters)
        return jnp.log(jnp.maximum(power, jnp.finfo(power.dtype).tiny))


@in_full
def covariances(x: Array) -> Array:
    """(trial, channel, channel) of `x` (trial, channel, time), each trial about its own mean."""
    x = x - x.mean(axis=2, keepdims=True)
    return x @ x.swapaxes(1, 2) / x.shape[2]


@in_full
def csp(covariance: Array, y: Array, weight: Array, classes: int, components: int = 6) -> Csp:
    """Common spatial patterns (Koles 1991, Electroencephalogr. Clin. Neurophysiol. 79:440;
    Blankertz et al. 2008, IEEE Signal Process. Mag. 25:41): filters that one class drives most and
    the other least, by the generalised eigenproblem

        C_1 w = share · (C_1 + C_2) w

    of the classes' mean covariances, solved where C_1 + C_2 is white. Components alternate between
    the greatest and the least share. Of more than two classes each is set against the mean of the
    others (Dornhege et al. 2004, IEEE Trans. Biomed. Eng. 51:993), and gives as many components.

    Args:
      covariance: (trial, channel, channel) of `covariances`.
      y: (trial,) classes from 0.
      weight: (trial,) 0 = left out.
      classes: how many, each with weight.
      components: of each pair, at most the channels.
    """
    components = min(components, covariance.shape[1])
    member = members(y, classes, covariance) * weight[:, None]
    count = member.sum(axis=0)
    share = member / jnp.where(count > 0, count, 1)
    mean = jnp.einsum("tk,tcd->kcd", share, covariance)
    if classes == 2:
        return _against(mean[0], mean[1], components)
    rest = (mean.sum(axis=0) - mean) / (classes - 1)
    made = jax.vmap(lambda one, other: _against(one, other, components))(mean, rest)
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), made)


def _against(one: Array, other: Array, components: int) -> Csp:
    """Of two mean covariances."""
    total = one + other
    white, there = whitening(total)
    nothing = jnp.diag(jnp.where(there, 0, 0.5))  # no end of the shares, but their middle
    values, vectors = jnp.linalg.eigh(white @ one @ white.T + nothing)
    places = jnp.arange(components)
    ends = jnp.where(places % 2 == 0, len(values) - 1 - places // 2, places // 2)
    filters = (vectors.T @ white)[ends]
    return Csp(filters, filters @ total, values[ends])


def whitening(covariance: Array) -> tuple[Array, Array]:
    """(direction, channel) rows that make `covariance` (channel, channel) the identity, and whether
    there is any variance along each; where not, the row is 0. Channels may have other units: they
    are first brought to variance 1."""
    variance = jnp.diag(covariance)
    gain = jnp.where(variance > 0, 1 / jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
    values, vectors = jnp.linalg.eigh(covariance * gain[:, None] * gain)
    there = values > _RANK * values[-1]
    inverse = jnp.where(there, 1 / jnp.sqrt(jnp.where(there, values, 1)), 0)
    return inverse[:, None] * vectors.T * gain, there
