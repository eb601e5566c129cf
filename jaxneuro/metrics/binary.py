"""Scores of one of two outcomes, by a number for each sample."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import xlog1py, xlogy
from jax.typing import ArrayLike

from jaxneuro.flags import any_of
from jaxneuro.metrics.contract import explained, per_target
from jaxneuro.metrics.score import higher_is_better


@higher_is_better
def auc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Area under the ROC curve, weighted, per target.

    The probability that a random positive outranks a random negative, ties counted half: the
    Mann-Whitney statistic (Hanley & McNeil 1982, Radiology 143:29). One sort, O(n log n).

    Args:
      y: 0 or 1, (sample,) or (sample, output).
      score: shape of `y`; only its order matters, so logits or probabilities, infinities too.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), within [0, 1]; 0.5 is chance. NaN where only one class is scored, or
      where a scored `y` is neither 0 nor 1 or its score is NaN.

    >>> float(auc([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8]))
    0.75
    """

    def one(y: Array, score: Array, weight: Array) -> Array:
        ranked, negative, positive = lax.sort(
            (score, weight * (y == 0), weight * (y == 1)), num_keys=1
        )
        upto = jnp.cumsum(negative)
        step, end = ranked[1:] != ranked[:-1], jnp.ones(1, bool)
        first, last = jnp.concatenate([end, step]), jnp.concatenate([step, end])  # of equal scores
        below = lax.cummax(jnp.where(first, upto - negative, 0.0))
        upto = lax.cummin(jnp.where(last, upto, jnp.inf), reverse=True)
        area = (positive * (below + upto) / 2).sum() / (positive.sum() * negative.sum())
        valid = ((y == 0) | (y == 1)) & ~jnp.isnan(score)
        return jnp.where(any_of(~valid), jnp.nan, jnp.clip(area, 0, 1))

    return per_target(one, y, score, weight)


@higher_is_better
def explained_deviance_bernoulli(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Fraction of Bernoulli deviance explained, 1 - D(probability) / D(mean of y), per target.

    R²_KL of Cameron & Windmeijer (1997, J. Econometrics 77:329); for `y` in {0, 1} it is McFadden's
    pseudo-R². The mean is the weighted one of the scored samples.

    Args:
      y: 0 or 1 (or a fraction of trials between), (sample,) or (sample, output).
      probability: shape of `y`, within [0, 1]. Float32 resolves it to 6e-8 below 1.
      weight: (sample,) or the shape of `y`, 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), at most 1. -inf where a certain prediction was wrong; NaN where `y` is
      constant, nothing is scored, or a value lies outside [0, 1].
    """

    def one(y: Array, probability: Array, weight: Array) -> Array:
        return explained(_bernoulli, y, probability, weight)

    return per_target(one, y, probability, weight)


def _bernoulli(y: Array, probability: Array) -> Array:
    saturated = xlogy(y, y) + xlog1py(1 - y, -y)
    model = xlogy(y, probability) + xlog1py(1 - y, -probability)
    valid = (y >= 0) & (y <= 1) & (probability >= 0) & (probability <= 1)
    return jnp.where(valid, 2 * (saturated - model), jnp.nan)
