"""Links between predictions and means, and what `y` may be: elementwise functions with names, so
that losses made of them are values (equal, hashable, picklable)."""

import jax
import jax.numpy as jnp

from jaxneuro.types import Array

LEAST_RATE = 1e-6  # of softplus: its logarithm stays finite


def identity(prediction: Array) -> Array:
    return prediction


def exp(prediction: Array) -> Array:
    return jnp.exp(prediction)


def log(mean: Array) -> Array:
    return jnp.log(mean)


def softmax(logits: Array) -> Array:
    return jax.nn.softmax(logits)


def sigmoid(logits: Array) -> Array:
    return jax.nn.sigmoid(logits)


def logit(probability: Array) -> Array:
    return jnp.log(probability) - jnp.log1p(-probability)


def softplus_rate(prediction: Array) -> Array:
    return jax.nn.softplus(prediction) + LEAST_RATE


def softplus_inverse(rate: Array) -> Array:
    rate = jnp.maximum(rate - LEAST_RATE, 1e-12)
    return rate + jnp.log(-jnp.expm1(-rate))


def once(mean: Array) -> Array:
    return jnp.ones_like(mean)


def twice(mean: Array) -> Array:
    return jnp.full_like(mean, 2)


def binomial_variance(probability: Array) -> Array:
    return probability * (1 - probability)


def is_finite(y: Array) -> Array:
    return jnp.isfinite(y)


def is_count(y: Array) -> Array:
    return jnp.isfinite(y) & (y >= 0) & (y == jnp.floor(y))


def is_probability(y: Array) -> Array:
    return (y >= 0) & (y <= 1)


def is_positive(y: Array) -> Array:
    return jnp.isfinite(y) & (y > 0)


def nothing(y: Array, dispersion: Array) -> Array:
    """The normaliser of a loss that is the whole negative log-likelihood."""
    return jnp.zeros_like(y * dispersion)
