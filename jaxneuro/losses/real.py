"""Losses of real numbers: squared errors of any, gamma deviance of those above 0."""

import jax.numpy as jnp
from jax.scipy.special import gammaln

from jaxneuro.losses import links
from jaxneuro.losses.contract import Loss
from jaxneuro.types import Array


def _squared_error(prediction: Array, y: Array) -> Array:
    return jnp.square(prediction - y)


def _half_squared_error(prediction: Array, y: Array) -> Array:
    return 0.5 * jnp.square(prediction - y)


def _gaussian(y: Array, dispersion: Array) -> Array:
    """φ is the variance."""
    return 0.5 * jnp.log(2 * jnp.pi * dispersion) + 0 * y


def _gaussian_twice(y: Array, dispersion: Array) -> Array:
    """φ is twice the variance."""
    return 0.5 * jnp.log(jnp.pi * dispersion) + 0 * y


def _gamma(log_mean: Array, y: Array) -> Array:
    return y * jnp.exp(-log_mean) + log_mean - jnp.log(y) - 1


def _gamma_normaliser(y: Array, dispersion: Array) -> Array:
    shape = 1 / dispersion
    return shape - shape * jnp.log(shape) + gammaln(shape) + jnp.log(y)


squared_error = Loss(
    _squared_error,
    links.identity,
    links.is_finite,
    "finite numbers",
    constant=links.identity,
    curvature=links.twice,
    equivariant=True,
    normaliser=_gaussian_twice,
)
"""(ŷ - y)², averaged: what the seed article's code minimises (`nn.MSELoss`)."""

half_squared_error = squared_error._replace(
    elementwise=_half_squared_error, curvature=links.once, normaliser=_gaussian
)
"""½(ŷ - y)², averaged: the seed article's J(θ), sections 4.1 and 4.3."""

gamma = Loss(
    _gamma,
    links.exp,
    links.is_positive,
    "numbers above 0",
    constant=links.log,
    curvature=links.once,
    normaliser=_gamma_normaliser,
)
"""Half the deviance of the gamma distribution, log link: y/μ - log(y/μ) - 1 with μ = exp(η)
(McCullagh & Nelder 1989, Generalized Linear Models, §8.2).

For numbers above 0 whose deviation grows with their mean: durations, latencies, power, calcium
transients. Its minimum does not depend on the shape of the distribution; Var y = φμ², and
`statistics.wald` estimates φ. It does not depend on the unit of `y` either.
"""
