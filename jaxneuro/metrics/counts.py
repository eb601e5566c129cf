"""Scores of a predicted rate of counts."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy
from jax.typing import ArrayLike

from jaxneuro.metrics.contract import explained, per_target, weighted_mean
from jaxneuro.metrics.score import higher_is_better, lower_is_better


@lower_is_better
def poisson_deviance(y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted mean of the unit Poisson deviance 2 (y log(y / rate) - y + rate), per target.

    Args:
      y: spike counts, (sample,) or (sample, output), not negative; y log y is 0 at 0.
      rate: shape of `y`: expected counts *per sample*, not per second.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), in nats. Infinite where a spike falls on a rate of 0; NaN where
      nothing is scored, or where a scored count or rate is negative.
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        return weighted_mean(_poisson(y, rate), weight)

    return per_target(one, y, rate, weight)


@higher_is_better
def explained_deviance_poisson(
    y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Fraction of Poisson deviance explained, 1 - D(rate) / D(mean rate), per target.

    The R² of count models of Cameron & Windmeijer (1997, J. Econometrics 77:329, R²_KL), also
    known as pseudo-R² (`pseudo_r2` is the same function) and D². As in McFadden's, 0 is a constant
    rate; but the ceiling is the saturated model, so that 1 can be reached. The constant rate is the
    weighted mean of the scored samples.

    Args:
      y: spike counts, (sample,) or (sample, output), not negative.
      rate: shape of `y`: expected counts per sample.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), at most 1. -inf where a spike falls on a rate of 0; NaN where `y` is
      constant (no spikes at all included), nothing is scored, or a count or rate is negative.
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        return explained(_poisson, y, rate, weight)

    return per_target(one, y, rate, weight)


pseudo_r2 = explained_deviance_poisson


@higher_is_better
def bits_per_spike(y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Poisson log-likelihood above that of the mean rate, in bits for each spike, per target.

    sum(y log(rate / mean) - (rate - mean)) / (sum(y) log 2), with the mean of the scored samples
    (Pillow et al. 2008, Nature 454:995). For the true rate it estimates the single-spike
    information of Brenner et al. (2000, Neural Computation 12:1531).

    Args:
      y: spike counts, (sample,) or (sample, output), not negative.
      rate: shape of `y`: expected counts per sample.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), bits per spike. -inf where a spike falls on a rate of 0; NaN where no
      spike is scored, or where a scored count or rate is negative.

    >>> y = [0.0, 2.0, 0.0, 2.0]
    >>> round(float(bits_per_spike(y, y)), 3)  # beside the mean rate, 1
    1.0
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        mean = weighted_mean(y, weight)
        nats = xlogy(y, rate / mean) - (rate - mean)
        nats = jnp.where((y >= 0) & (rate >= 0), nats, jnp.nan)
        spikes = (weight * y).sum()
        bits = (weight * nats).sum() / (spikes * jnp.log(2.0))
        return jnp.where(spikes > 0, bits, jnp.nan)

    return per_target(one, y, rate, weight)


def _poisson(y: Array, rate: Array) -> Array:
    """2 (rate - y - y log1p((rate - y) / y)): log1p, for log(rate / y) cancels where y is large."""
    positive = jnp.where(y > 0, y, 1.0)
    excess = jnp.where(y > 0, y * jnp.log1p((rate - positive) / positive), 0.0)
    return jnp.where((y >= 0) & (rate >= 0), 2 * (rate - y - excess), jnp.nan)
