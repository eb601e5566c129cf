"""Losses: elementwise, then one weighted reduction.

Order of arguments is optax's, `loss(prediction, y)`, with the raw output of the model: logits, or
the logarithm of a rate. Metrics take `(y, prediction)`, as scikit-learn's do.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxneuro.types import Array


class Loss(NamedTuple):
    """A loss and what goes with it.

    Attributes:
      elementwise: `(prediction, y) -> (sample,)` or (sample, output).
      response: the model's output -> what it predicts of `y` (a rate, probabilities): metrics
        compare this with `y`.
      valid: `y -> bool`, elementwise: which values this loss can take.
      expects: what `valid` asks for, in words, for messages.
      labels: `y` (sample,) are class labels, the prediction is (sample, class).
    """

    elementwise: Callable[[Array, Array], Array]
    response: Callable[[Array], Array]
    valid: Callable[[Array], Array]
    expects: str
    labels: bool = False

    def __call__(self, prediction: Array, y: Array) -> Array:
        return self.elementwise(prediction, y)


def weighted_mean(values: Array, weight: Array) -> Array:
    """Mean of `values` (sample,) or (sample, output) over samples by `weight` (sample,), and over
    outputs evenly."""
    values = values.reshape(values.shape[0], -1).mean(axis=1)
    total = weight.sum()
    return jnp.where(weight > 0, weight * values, 0).sum() / jnp.where(total > 0, total, 1)


def _identity(prediction: Array) -> Array:
    return prediction


def _squared_error(prediction: Array, y: Array) -> Array:
    return jnp.square(prediction - y)


def _half_squared_error(prediction: Array, y: Array) -> Array:
    return 0.5 * jnp.square(prediction - y)


def _cross_entropy(logits: Array, y: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y.astype(jnp.int32))


def _poisson(log_rate: Array, y: Array) -> Array:
    return jnp.exp(log_rate) - y * log_rate


def _softplus_poisson(prediction: Array, y: Array) -> Array:
    rate = jax.nn.softplus(prediction) + 1e-6
    return rate - y * jnp.log(rate)


def _softplus_rate(prediction: Array) -> Array:
    return jax.nn.softplus(prediction) + 1e-6


def _is_label(y: Array) -> Array:
    return _is_count(y)


def _is_count(y: Array) -> Array:
    return jnp.isfinite(y) & (y >= 0) & (y == jnp.floor(y))


def _is_probability(y: Array) -> Array:
    return (y >= 0) & (y <= 1)


squared_error = Loss(_squared_error, _identity, jnp.isfinite, "finite numbers")
"""(ŷ - y)², averaged: what the seed article's code minimises (`nn.MSELoss`)."""

half_squared_error = Loss(_half_squared_error, _identity, jnp.isfinite, "finite numbers")
"""½(ŷ - y)², averaged: the seed article's J(θ), sections 4.1 and 4.3."""

cross_entropy = Loss(_cross_entropy, jax.nn.softmax, _is_label, "integer labels from 0", True)
"""-log softmax(logits)[y], y (sample,) integers: the seed article's J(θ), section 4.2."""

poisson = Loss(_poisson, jnp.exp, _is_count, "counts (whole numbers from 0)")
"""Negative log-likelihood of counts, log link, without its constant: exp(η) - yη."""

poisson_softplus = Loss(_softplus_poisson, _softplus_rate, _is_count, poisson.expects)
"""The same with rate softplus(η) + 1e-6: linear where large, so deep models do not blow up."""

bernoulli = Loss(
    optax.sigmoid_binary_cross_entropy, jax.nn.sigmoid, _is_probability, "numbers from 0 to 1"
)
"""Negative log-likelihood of 0/1 outcomes, logit link."""


def as_loss(loss: "Loss | Callable[[Array, Array], Array]") -> Loss:
    """A plain elementwise function `(prediction, y)` becomes a `Loss` of identity response."""
    return loss if isinstance(loss, Loss) else Loss(loss, _identity, jnp.isfinite, "finite numbers")
