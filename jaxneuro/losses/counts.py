"""Losses of counts: Poisson's, and with a variance above the mean."""

import math
from numbers import Real

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from jaxneuro.losses import links
from jaxneuro.losses.contract import Loss
from jaxneuro.types import Array, Closed


def _poisson(log_rate: Array, y: Array) -> Array:
    return jnp.exp(log_rate) - y * log_rate


def _softplus_poisson(prediction: Array, y: Array) -> Array:
    rate = links.softplus_rate(prediction)
    return rate - y * jnp.log(rate)


def _softplus_curvature(rate: Array) -> Array:
    return jnp.square(jax.nn.sigmoid(links.softplus_inverse(rate))) / rate


def _poisson_normaliser(y: Array, dispersion: Array) -> Array:
    return gammaln(y + 1) / dispersion


poisson = Loss(
    _poisson,
    links.exp,
    links.is_count,
    "counts (whole numbers from 0)",
    constant=links.log,
    curvature=links.identity,
    normaliser=_poisson_normaliser,
    dispersion=1.0,
)
"""Negative log-likelihood of counts, log link, without its constant: exp(η) - yη."""

poisson_softplus = poisson._replace(
    elementwise=_softplus_poisson,
    response=links.softplus_rate,
    constant=links.softplus_inverse,
    curvature=_softplus_curvature,
)
"""The same with rate softplus(η) + 1e-6: linear where large, so deep models do not blow up."""


def negative_binomial(dispersion: float) -> Loss:
    """Counts that vary more than Poisson's: Var y = μ + α·μ², log link (the NB2 model of Cameron &
    Trivedi 2013, Regression Analysis of Count Data, ch. 3). Of cortical spike counts α is the
    variance of a gain that multiplies the rate (Goris, Movshon & Simoncelli 2014, Nat. Neurosci.
    17:858).

    The negative log-likelihood of a fixed α, without its constants: (y + 1/α)·log(1 + αμ) - yη
    with μ = exp(η). As α goes to 0 it becomes `poisson`. The constants depend on α: to compare
    several, add the mean of `loss.normaliser(y, 1)`, or compare `log_likelihood` of
    `statistics.wald`. Near the right α, Pearson's dispersion (`Wald.dispersion`) is 1.

    Args:
      dispersion: α, a number above 0. It is part of the loss, so each value is a fit of its own,
        with programs of its own; equal values make equal losses.

    Raises:
      TypeError, ValueError: dispersion is no finite number above 0.
    """
    if isinstance(dispersion, bool) or not isinstance(dispersion, Real):
        raise TypeError(
            f"negative_binomial: dispersion is {dispersion!r:.80}, must be a number above 0 such "
            "as 0.5; a loss takes no hyper-parameter: make one fit for each value"
        )
    alpha = float(dispersion)
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(
            f"negative_binomial: dispersion is {alpha}, must be finite and above 0; without any, "
            "use losses.poisson"
        )
    return poisson._replace(
        elementwise=Closed(_negative_binomial, (alpha,)),
        curvature=Closed(_negative_binomial_curvature, (alpha,)),
        normaliser=Closed(_negative_binomial_normaliser, (alpha,)),
    )


def _negative_binomial(alpha: float, log_rate: Array, y: Array) -> Array:
    # log(1 + αμ) as softplus, which does not overflow where exp(η) does.
    return (y + 1 / alpha) * jax.nn.softplus(log_rate + math.log(alpha)) - y * log_rate


def _negative_binomial_curvature(alpha: float, rate: Array) -> Array:
    return rate / (1 + alpha * rate)


def _negative_binomial_normaliser(alpha: float, y: Array, dispersion: Array) -> Array:
    size = 1 / alpha
    found = gammaln(y + 1) + math.lgamma(size) - gammaln(y + size) - y * math.log(alpha)
    return found / dispersion
