"""How neurons fire at each place, and where the animal is, given what they fire: pure functions."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.precision import in_full
from jaxneuro.types import Array

_SAMPLES = 0.1  # at a place that was never visited, as if a neuron had its mean rate for so long
_FLOOR = 1e-6  # of a neuron's variance, and of its mean rate


class Places(NamedTuple):
    """Of a grid of places, the last output's place changing fastest.

    Attributes:
      centres: (place, output) in the units of y.
      rate: (place, neuron) mean of x there.
      variance: (neuron,) about it; of Poisson counts 1, and not used.
      prior: (place,) log of the share of time spent there; 0 where all places count alike.
    """

    centres: Array
    rate: Array
    variance: Array
    prior: Array


@in_full
def estimate(
    x: Array, y: Array, weight: Array, width: Array, bins: int, poisson: bool, uniform: Array | bool
) -> Places:
    """Means over the samples of each place, those of near places counting by a Gaussian.

    Args:
      x, y: (time, neuron), (time, output).
      weight: (time,) 0 = left out.
      width: () its deviation, in bins.
      bins: of the grid along each output, over the range of y.
      poisson: whether the noise is that of counts.
      uniform: () whether all places are as likely beforehand.
    """
    outputs, used = y.shape[1], weight[:, None] > 0
    low = jnp.where(used, y, jnp.inf).min(axis=0)
    reach = jnp.where(used, y, -jnp.inf).max(axis=0) - low
    step = jnp.where(reach > 0, reach, 1) / (bins - 1)
    at = jnp.clip(jnp.round((y - low) / step), 0, bins - 1).astype(jnp.int32)
    place = sum(at[:, i] * bins ** (outputs - 1 - i) for i in range(outputs))
    joined = weight[:, None] * jnp.concatenate([jnp.ones_like(x[:, :1]), x], axis=1)
    total = jax.ops.segment_sum(joined, place, bins**outputs)
    mean = total.sum(axis=0)[1:] / total[:, 0].sum()
    total = _along(_gaussian(bins, width), total, outputs)
    time = total[:, :1]
    rate = (total[:, 1:] + _SAMPLES * mean) / (time + _SAMPLES)
    variance = jnp.ones_like(mean)
    if poisson:
        rate = jnp.maximum(rate, _FLOOR * jnp.where(mean > 0, mean, 1))
    else:
        share = weight / weight.sum()
        spread = share @ jnp.square(x - mean)
        variance = share @ jnp.square(x - rate[place]) + _FLOOR * spread
        variance = jnp.where(spread > 0, variance, 1)
    share = (time[:, 0] + _SAMPLES / bins**outputs) / (time.sum() + _SAMPLES)
    grid = jnp.stack(jnp.meshgrid(*[jnp.arange(bins)] * outputs, indexing="ij"), axis=-1)
    centres = low + step * grid.reshape(-1, outputs)
    return Places(centres, rate, variance, jnp.where(uniform, 0, jnp.log(share)))


@in_full
def locate(
    places: Places, x: Array, starts: Array, move: Array, poisson: bool, smooth: bool
) -> Array:
    """(time, output) the posterior's mean: of a sample by itself and where the animal was before
    (Zhang et al. 1998, their two-step method),

        p_t(place) ∝ p(x_t | place) p(place) Σ_from p(place | from) p_{t-1}(from)

    with steps from a Gaussian; and with `smooth` of all samples of its trial.

    Args:
      places: from `estimate`.
      x: (time, neuron).
      starts: (time,) where a trial starts, before which nothing is known.
      move: () deviation of a step, in bins; infinite: samples are independent.
      poisson: whether the noise is that of counts.
      smooth: whether the future counts too.
    """
    count, outputs = places.centres.shape
    evidence, reach = seen(places, x, poisson), steps(places, move)
    even = jnp.full(count, 1 / count, evidence.dtype)

    def forward(before: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        told, first = now
        known = after(reach, before, told, first, outputs)
        return known, known

    def backward(behind: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        told, last = now
        behind = jnp.where(last, even, behind)
        return _normal(_along(reach.T, (told * behind)[:, None], outputs)[:, 0], even), behind

    _, known = jax.lax.scan(forward, even, (evidence, starts))
    if smooth:
        lasts = jnp.append(starts[1:], True)
        _, later = jax.lax.scan(backward, even, (evidence, lasts), reverse=True)
        known = jax.vmap(_normal)(known * later, known)
    return known @ places.centres


def seen(places: Places, x: Array, poisson: bool) -> Array:
    """(time, place) what each sample of `x` by itself tells, the most likely place 1."""
    if poisson:
        told = x @ jnp.log(places.rate).T - places.rate.sum(axis=1)
    else:
        scaled = places.rate / places.variance
        told = x @ scaled.T - 0.5 * (scaled * places.rate).sum(axis=1)
    told = told + places.prior
    return jnp.exp(told - told.max(axis=1, keepdims=True))


def steps(places: Places, move: Array) -> Array:
    """(bins, bins) probability of each step from each place, along one output; `move` () as of
    `locate`."""
    count, outputs = places.centres.shape
    reach = _gaussian(round(count ** (1 / outputs)), move)
    return reach / reach.sum(axis=0)  # of steps from a place, one is taken


def after(reach: Array, before: Array, told: Array, first: Array, outputs: int) -> Array:
    """(place,) what is known after a sample, given what was known before it; `reach` of `steps`,
    `told` (place,) of `seen`, `first` () whether a trial starts."""
    even = jnp.full_like(before, 1 / len(before))
    ahead = jnp.where(first, even, _along(reach, before[:, None], outputs)[:, 0])
    return _normal(told * ahead, told)


def _normal(weights: Array, otherwise: Array) -> Array:
    """Summing to 1; where all have vanished by rounding, `otherwise`."""
    total = weights.sum()
    weights = jnp.where(total > 0, weights, otherwise)
    return weights / jnp.where(total > 0, total, otherwise.sum())


def _gaussian(bins: int, width: Array) -> Array:
    """(bins, bins)."""
    place = jnp.arange(bins)
    return jnp.exp(-0.5 * jnp.square((place[:, None] - place) / width))


def _along(matrix: Array, values: Array, outputs: int) -> Array:
    """`matrix` (bins, bins) applied along every axis of the grid of `values` (place, ...)."""
    bins = len(matrix)
    made = values.reshape(*[bins] * outputs, -1)
    for axis in range(outputs):
        made = jnp.moveaxis(jnp.tensordot(matrix, made, axes=(1, axis)), 0, axis)
    return made.reshape(values.shape)
