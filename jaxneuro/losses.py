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
      constant: mean of `y` (of labels: share of each class) -> the constant prediction of least
        loss, elementwise. None: not known; fits then start where the model does.
      curvature: the same mean -> second derivative of the mean loss in a constant prediction,
        there: what `make_fit(relative=True)` takes penalties relative to. None: not known.
      equivariant: loss(a·p + c, a·y + c) = a²·loss(p, y), with the identity for response: `y` may
        be fitted in other units.
      most: `y` at most, or None: constants are infinite there.
    """

    elementwise: Callable[[Array, Array], Array]
    response: Callable[[Array], Array]
    valid: Callable[[Array], Array]
    expects: str
    labels: bool = False
    constant: Callable[[Array], Array] | None = None
    curvature: Callable[[Array], Array] | None = None
    equivariant: bool = False
    most: float | None = None

    def __call__(self, prediction: Array, y: Array) -> Array:
        return self.elementwise(prediction, y)


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
    with jax.default_matmul_precision("highest"):
        total = weight @ there.astype(weight.dtype)
        means = (weight @ values) / jnp.where(total > 0, total, 1)
    return means.sum() / jnp.maximum((total > 0).sum(), 1)


def mean_loss(loss: Loss, prediction: Array, y: Array, weight: Array) -> Array:
    """The weighted mean of a loss, where NaN in `y` marks a missing value: of (sample, output)
    that output does without that sample."""
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


def _identity(prediction: Array) -> Array:
    return prediction


def _finite(y: Array) -> Array:
    return jnp.isfinite(y)


def _exp(prediction: Array) -> Array:
    return jnp.exp(prediction)


def _log(mean: Array) -> Array:
    return jnp.log(mean)


def _softmax(logits: Array) -> Array:
    return jax.nn.softmax(logits)


def _sigmoid(logits: Array) -> Array:
    return jax.nn.sigmoid(logits)


def _squared_error(prediction: Array, y: Array) -> Array:
    return jnp.square(prediction - y)


def _half_squared_error(prediction: Array, y: Array) -> Array:
    return 0.5 * jnp.square(prediction - y)


def _cross_entropy(logits: Array, y: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y.astype(jnp.int32))


def _poisson(log_rate: Array, y: Array) -> Array:
    return jnp.exp(log_rate) - y * log_rate


def _bernoulli(logits: Array, y: Array) -> Array:
    return optax.sigmoid_binary_cross_entropy(logits, y)


def _softplus_poisson(prediction: Array, y: Array) -> Array:
    rate = jax.nn.softplus(prediction) + 1e-6
    return rate - y * jnp.log(rate)


def _softplus_rate(prediction: Array) -> Array:
    return jax.nn.softplus(prediction) + 1e-6


def _softplus_inverse(rate: Array) -> Array:
    rate = jnp.maximum(rate - 1e-6, 1e-12)
    return rate + jnp.log(-jnp.expm1(-rate))


def _softplus_curvature(rate: Array) -> Array:
    return jnp.square(jax.nn.sigmoid(_softplus_inverse(rate))) / rate


def _logit(probability: Array) -> Array:
    return jnp.log(probability) - jnp.log1p(-probability)


def _binomial_variance(probability: Array) -> Array:
    return probability * (1 - probability)


def _once(mean: Array) -> Array:
    return jnp.ones_like(mean)


def _twice(mean: Array) -> Array:
    return jnp.full_like(mean, 2)


def _is_label(y: Array) -> Array:
    return _is_count(y)


def _is_count(y: Array) -> Array:
    return jnp.isfinite(y) & (y >= 0) & (y == jnp.floor(y))


def _is_probability(y: Array) -> Array:
    return (y >= 0) & (y <= 1)


squared_error = Loss(
    _squared_error,
    _identity,
    _finite,
    "finite numbers",
    constant=_identity,
    curvature=_twice,
    equivariant=True,
)
"""(ŷ - y)², averaged: what the seed article's code minimises (`nn.MSELoss`)."""

half_squared_error = squared_error._replace(elementwise=_half_squared_error, curvature=_once)
"""½(ŷ - y)², averaged: the seed article's J(θ), sections 4.1 and 4.3."""

cross_entropy = Loss(
    _cross_entropy,
    _softmax,
    _is_label,
    "integer labels from 0",
    labels=True,
    constant=_log,
    curvature=_binomial_variance,
)
"""-log softmax(logits)[y], y (sample,) integers: the seed article's J(θ), section 4.2."""

poisson = Loss(
    _poisson,
    _exp,
    _is_count,
    "counts (whole numbers from 0)",
    constant=_log,
    curvature=_identity,
)
"""Negative log-likelihood of counts, log link, without its constant: exp(η) - yη."""

poisson_softplus = poisson._replace(
    elementwise=_softplus_poisson,
    response=_softplus_rate,
    constant=_softplus_inverse,
    curvature=_softplus_curvature,
)
"""The same with rate softplus(η) + 1e-6: linear where large, so deep models do not blow up."""

bernoulli = Loss(
    _bernoulli,
    _sigmoid,
    _is_probability,
    "numbers from 0 to 1",
    constant=_logit,
    curvature=_binomial_variance,
    most=1.0,
)
"""Negative log-likelihood of 0/1 outcomes, logit link."""


def as_loss(loss: "Loss | Callable[[Array, Array], Array]") -> Loss:
    """A plain elementwise function `(prediction, y)` becomes a `Loss` of identity response.

    Raises:
      TypeError: it is no function.
    """
    if isinstance(loss, Loss):
        return loss
    if not callable(loss):
        raise TypeError(
            f"loss is {loss!r}: pass one of jaxneuro.losses, such as losses.poisson, or a function "
            "(prediction, y) -> loss of each value"
        )
    return Loss(loss, _identity, _finite, "finite numbers")
