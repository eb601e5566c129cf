"""Scores of the predicted rates of a whole population."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy
from jax.typing import ArrayLike

from jaxneuro.metrics.contract import checked_weight, per_target, weighted_mean
from jaxneuro.metrics.score import higher_is_better


@higher_is_better
def population_bits_per_spike(
    y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Poisson log-likelihood of all neurons above that of their mean rates, in bits for each spike
    of any of them.

    Of neurons held out, whose rates are predicted from the others, it is co-smoothing (Pei et al.
    2021, NeurIPS Datasets and Benchmarks, arXiv:2109.04463, eq. 1). A neuron counts by its spikes,
    where the mean of `bits_per_spike` lets a nearly silent one count like any other.

    Args:
      y: spike counts, (sample,) or (sample, neuron), not negative.
      rate: shape of `y`: expected counts per sample.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar, bits per spike. -inf where a spike falls on a rate of 0; NaN where no spike is scored,
      or where a scored count or rate is negative.
    """

    def above(y: Array, rate: Array, weight: Array) -> Array:
        mean = weighted_mean(y, weight)
        nats = xlogy(y, rate / jnp.where(mean > 0, mean, 1)) - (rate - mean)
        nats = jnp.where((y >= 0) & (rate >= 0), nats, jnp.nan)
        return jnp.where(weight.sum() > 0, (weight * nats).sum(), 0)

    def spikes(y: Array, rate: Array, weight: Array) -> Array:
        del rate
        return (weight * y).sum()

    weight = checked_weight(weight, jnp.asarray(y), jnp.asarray(rate))
    total = per_target(spikes, y, rate, weight).sum()
    bits = per_target(above, y, rate, weight).sum() / (total * jnp.log(2.0))
    return jnp.where(total > 0, bits, jnp.nan)
