"""Losses of what is one of a few: outcomes of 0 and 1, class labels."""

import jax.numpy as jnp
import optax

from jaxneuro.losses import links
from jaxneuro.losses.contract import Loss
from jaxneuro.types import Array


def _cross_entropy(logits: Array, y: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y.astype(jnp.int32))


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
