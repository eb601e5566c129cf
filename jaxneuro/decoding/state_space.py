"""A linear Gaussian state space: movement follows its own dynamics, and neurons tell of it.

y[t] = A y[t-1] + w, w ~ N(0, W), and x[t] = H y[t] + q, q ~ N(0, Q), about their means (Wu et al.
2006, Neural Comput. 18:80). Pure functions of one fit; `vmap` runs folds and settings side by side.
Neurons enter a step through Hᵀ Q⁻¹ x alone, so that it costs what the few outputs cost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.precision import in_full
from jaxneuro.types import Array

_CONSTANT = 1e-5  # of its mean: a deviation below is rounding
_JITTER = 1e-6  # of the predicted variance, where it is inverted


class StateSpace(NamedTuple):
    """What is estimated, in units of the deviation of each output.

    Attributes:
      transition: (output, output) A.
      noise: (output, output) W.
      prior: (output, output) covariance of y, where a trial starts.
      gain: (output, neuron) Hᵀ Q⁻¹ of x about its mean: all that a step asks of the neurons.
      precision: (output, output) Hᵀ Q⁻¹ H.
      x_mean: (neuron,).
      y_mean, y_deviation: (output,); the units.
    """

    transition: Array
    noise: Array
    prior: Array
    gain: Array
    precision: Array
    x_mean: Array
    y_mean: Array
    y_deviation: Array


class Belief(NamedTuple):
    """Mean (output,) and covariance (output, output) of the state."""

    mean: Array
    covariance: Array


@in_full
def estimate(x: Array, y: Array, weight: Array, starts: Array) -> StateSpace:
    """Least squares, which is maximum likelihood: A on pairs of neighbouring samples that both have
    weight, H on all that have. Covariances are sums of squares over their number.

    Args:
      x: (time, neuron).
      y: (time, output).
      weight: (time,) 0 or 1.
      starts: (time,) whether a trial starts: no pair reaches over.
    """
    x, x_mean, x_deviation = _standard(x, weight)
    y, y_mean, y_deviation = _standard(y, weight)
    pair = weight[1:] * weight[:-1] * ~starts[1:]
    transition, noise = _regress(y[:-1], y[1:], pair)
    emission, observation = _regress(y, x, weight)
    silent = jnp.diag(observation) <= 0
    observation = observation + jnp.diag(silent.astype(x.dtype))
    factor = jax.scipy.linalg.cho_factor(observation, lower=True)
    gain = jax.scipy.linalg.cho_solve(factor, emission).T
    prior = _products(y, y, weight) / weight.sum()
    precision = gain @ emission
    gain = gain / jnp.where(x_deviation > 0, x_deviation, 1)
    return StateSpace(
        transition, noise, prior, gain, precision, x_mean, y_mean, y_deviation
    )  # fmt: skip


def step(
    space: StateSpace, believed: Belief, told: Array, start: Array, there: Array
) -> tuple[Belief, Belief]:
    """One sample: what is predicted of the state before it, and what is known after.

    Args:
      believed: after the sample before.
      told: (output,) `gain` · (x - x_mean).
      start: () whether a trial starts: the prior is predicted.
      there: () whether there is an x: else nothing is told.
    """
    mean = jnp.where(start, 0, space.transition @ believed.mean)
    moved = space.transition @ believed.covariance @ space.transition.T + space.noise
    covariance = jnp.where(start, space.prior, moved)
    precision = jnp.where(there, space.precision, 0)
    seen = jnp.eye(len(mean), dtype=mean.dtype) + covariance @ precision
    after = jnp.linalg.solve(seen, covariance)  # (covariance⁻¹ + precision)⁻¹
    after = 0.5 * (after + after.T)
    innovation = jnp.where(there, told, 0) - precision @ mean
    return Belief(mean, covariance), Belief(mean + after @ innovation, after)


@in_full
def states(
    space: StateSpace,
    told: Array,
    starts: Array,
    there: Array,
    noise: Array | float = 1.0,
    smooth: bool = False,
) -> Array:
    """(time, output) the expected state given the samples up to its own (Kalman 1960), or with
    `smooth` the whole trial (Rauch, Tung & Striebel 1965); about the mean of y, in deviations.

    Args:
      told: (time, output) `gain` · (x - x_mean).
      starts: (time,) whether a trial starts.
      there: (time,) whether there is an x.
      noise: () what W is multiplied by: below 1 the trace is smoother.
    """
    space = space._replace(noise=space.noise * noise)

    def forward(believed: Belief, sample: Any) -> tuple[Belief, Any]:
        ahead, known = step(space, believed, *sample)
        return known, (ahead, known) if smooth else known.mean

    nothing = Belief(jnp.zeros(told.shape[1], told.dtype), space.prior)
    found: Any = jax.lax.scan(forward, nothing, (told, starts, there))[1]
    return _smoothed(space, found[0], found[1], starts) if smooth else found


def _smoothed(space: StateSpace, ahead: Belief, known: Belief, starts: Array) -> Array:
    """(time, output) means of the whole trial, of (time, ...) beliefs before and after a sample."""

    def backward(later: Array, sample):
        mean, covariance, ahead_mean, ahead_covariance, last = sample
        jitter = _JITTER * jnp.trace(ahead_covariance) * jnp.eye(len(mean), dtype=mean.dtype)
        back = jnp.linalg.solve(ahead_covariance + jitter, space.transition @ covariance).T
        mean = mean + jnp.where(last, 0, back @ (later - ahead_mean))
        return mean, mean

    later = jax.tree.map(lambda a: a[1:], ahead)
    now = jax.tree.map(lambda a: a[:-1], known)
    parts = (*now, *later, starts[1:])
    _, found = jax.lax.scan(backward, known.mean[-1], parts, reverse=True)
    return jnp.concatenate([found, known.mean[-1:]])


def _standard(values: Array, weight: Array) -> tuple[Array, Array, Array]:
    """(time, column) about its mean in units of its deviation, 0 without weight; these two."""
    share = weight / weight.sum()
    mean = share @ jnp.where(weight[:, None] > 0, values, 0)
    inside = jnp.where(weight[:, None] > 0, values - mean, 0)
    deviation = jnp.sqrt(share @ jnp.square(inside))
    deviation = jnp.where(deviation > _CONSTANT * jnp.abs(mean), deviation, 0)
    return (
        jnp.where(deviation > 0, inside / jnp.where(deviation > 0, deviation, 1), 0),
        mean,
        deviation,
    )


def _regress(x: Array, y: Array, weight: Array) -> tuple[Array, Array]:
    """Slopes (column of y, column of x), and the mean product of what is left over."""
    square = _products(x, x, weight)
    square = square + jnp.diag((jnp.diag(square) <= 0).astype(x.dtype))
    slope = jnp.linalg.solve(square, _products(x, y, weight)).T
    left = y - x @ slope.T
    return slope, _products(left, left, weight) / jnp.maximum(weight.sum(), 1)


def _products(x: Array, y: Array, weight: Array) -> Array:
    return (x * weight[:, None]).T @ y
