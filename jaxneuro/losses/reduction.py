"""The one weighted reduction of all losses: over samples by weight, over outputs evenly."""

import jax.numpy as jnp

from jaxneuro.losses.contract import Loss
from jaxneuro.precision import in_full
from jaxneuro.types import Array


@in_full
def weighted_mean(values: Array, weight: Array, there: Array | None = None) -> Array:
    """Mean of `values` (sample,) or (sample, output) over samples by `weight` (sample,), and over
    outputs evenly.

    Args:
      values: of a loss; finite wherever they count.
      weight: (sample,).
      there: bool, shape of `values`: False marks a missing value, which its output does without.
        An output without any is left out of the mean over outputs.
    """
    if there is None:
        values = values.reshape(values.shape[0], -1).mean(axis=1)
        total = weight.sum()
        return jnp.where(weight > 0, weight * values, 0).sum() / jnp.where(total > 0, total, 1)
    there = there.reshape(there.shape[0], -1) & (weight > 0)[:, None]
    values = jnp.where(there, values.reshape(there.shape), 0)
    total = weight @ there.astype(weight.dtype)
    means = (weight @ values) / jnp.where(total > 0, total, 1)
    return means.sum() / jnp.maximum((total > 0).sum(), 1)


def mean_loss(loss: Loss, prediction: Array, y: Array, weight: Array) -> Array:
    """The weighted mean of a loss, where NaN in `y` marks a missing value: of (sample, output)
    that output does without that sample.

    >>> from jaxneuro.losses import squared_error
    >>> y, weight = jnp.array([1.0, jnp.nan, 9.0]), jnp.array([1.0, 0.0, 1.0])
    >>> float(mean_loss(squared_error, jnp.array([0.0, 5.0, 7.0]), y, weight))  # (1 + 4) / 2
    2.5
    """
    there = jnp.broadcast_to((weight > 0).reshape(-1, *[1] * (y.ndim - 1)), y.shape)
    by_value = y.ndim > 1 and jnp.issubdtype(y.dtype, jnp.floating)
    if by_value:
        there = there & ~jnp.isnan(y)
    seen = there[:, None] if loss.labels and prediction.ndim > y.ndim else there
    # 0 · inf is NaN: what is left out must not be computed from, whatever stands there.
    values = loss(jnp.where(seen, prediction, 0), jnp.where(there, y, 0))
    if not by_value:
        return weighted_mean(values, weight)
    if values.ndim < y.ndim:  # a loss of all outputs together needs them all
        there = there.reshape(len(there), -1).all(axis=1)
    return weighted_mean(values, weight, there)
