"""Losses of what is one of a few: outcomes of 0 and 1, class labels."""

import jax
import jax.numpy as jnp
import optax

from jaxneuro.losses import links
from jaxneuro.losses.contract import Loss
from jaxneuro.types import Array


def _cross_entropy(logits: Array, y: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y.astype(jnp.int32))


def _squared_hinge(scores: Array, y: Array) -> Array:
    sign = 2 * jax.nn.one_hot(y.astype(jnp.int32), scores.shape[-1], dtype=scores.dtype) - 1
    return jnp.square(jax.nn.relu(1 - sign * scores)).sum(axis=-1)


def _shares(scores: Array) -> Array:
    each = jax.nn.sigmoid(2 * scores)
    return each / each.sum(axis=-1, keepdims=True)


def _margin(share: Array) -> Array:
    return 2 * share - 1


def _bernoulli(logits: Array, y: Array) -> Array:
    return optax.sigmoid_binary_cross_entropy(logits, y)


cross_entropy = Loss(
    _cross_entropy,
    links.softmax,
    links.is_count,
    "integer labels from 0",
    labels=True,
    constant=links.log,
    curvature=links.binomial_variance,
    normaliser=links.nothing,
    dispersion=1.0,
)
"""-log softmax(logits)[y], y (sample,) integers: the seed article's J(θ), section 4.2."""

squared_hinge = Loss(
    _squared_hinge,
    _shares,
    links.is_count,
    "integer labels from 0",
    labels=True,
    constant=_margin,
    curvature=links.twice,
)
"""Σ over classes of max(0, 1 - t·score)², t = 1 for the class of the sample and -1 for others: a
support vector machine for each class against the rest, with a gradient everywhere (Chang, Hsieh &
Lin 2008, JMLR 9:1369; scikit-learn's `LinearSVC`). Its response are shares of σ(2·score), which at
the margin's middle is (1 + score)/2, the probability for which that score is best (Zhang 2004,
Ann. Statist. 32:56): they rank as the scores do, and are not calibrated."""

bernoulli = Loss(
    _bernoulli,
    links.sigmoid,
    links.is_probability,
    "numbers from 0 to 1",
    constant=links.logit,
    curvature=links.binomial_variance,
    most=1.0,
    normaliser=links.nothing,
    dispersion=1.0,
)
"""Negative log-likelihood of 0/1 outcomes, logit link."""
