"""Null maps whose values at a distance resemble each other as those of the map do."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.precision import in_full
from jaxneuro.statistics.arrays import Floats, numbers
from jaxneuro.types import Array

_SHARES = np.arange(1, 10) / 10  # of the places, that a permuted map is smoothed over
_NEAR = 25  # per cent of the distances: the variogram further away is not matched
_LAGS = 25  # distances that the variogram is looked at
_MOST = 3000  # places: the matrices take 136 bytes for each pair
_TOGETHER = 64  # surrogates at a time


def variogram_surrogates(
    values: ArrayLike, distance: ArrayLike, resamples: int = 1000, *, seed: int = 0
) -> NDArray[np.float32]:
    """Surrogate maps of matched spatial autocorrelation (Burt et al. 2020, NeuroImage 220:117038,
    BrainSMASH): the map is permuted, smoothed over so many nearest places that its variogram is
    most like the map's, scaled and mixed with white noise until it is, and given the map's own
    values in the order of its ranks.

    Needs no sphere, so it serves volumes, single hemispheres and the structures below the cortex.

    Args:
      values: (place,), NaN where there is no value.
      distance: (place, place) symmetric, in any unit: geodesic, or Euclidean.
      resamples: how many.
      seed: of permutations and noise.

    Returns:
      (resample, place), NaN where the map is.

    Raises:
      ValueError: other shapes, distances that are none, fewer than 10 places with different values
        or more than 3 000.
    """
    x, distance = numbers("values", values), numbers("distance", distance)
    if x.ndim != 1 or distance.shape != (len(x), len(x)):
        raise ValueError(
            f"values {x.shape} must be (place,), distance {distance.shape} (place, place)"
        )
    known = np.flatnonzero(~np.isnan(x))
    own, far = x[known], distance[np.ix_(known, known)]
    if not 10 <= len(own) <= _MOST or np.ptp(own) == 0 or resamples < 1:
        raise ValueError(
            f"values: {len(own)} places that have one, to make {resamples} surrogates of: 10 to "
            f"{_MOST} that differ, and 1 at least"
        )
    if not (far >= 0).all() or not np.allclose(far, far.T) or np.diag(far).any():
        raise ValueError("distance must be symmetric, from 0, and 0 on the diagonal, without NaN")
    rng = np.random.default_rng(seed)
    unit = (own - own.mean()) / own.std()
    lags = _lags(far)
    parts = _Parts(
        *map(jnp.asarray, (_smoothers(far), lags, np.einsum("hij,i,j->h", lags, unit, unit)))
    )
    found = np.full((resamples, len(x)), np.nan, np.float32)
    ranks = np.sort(own).astype(np.float32)
    for first in range(0, resamples, _TOGETHER):
        shuffled = rng.permuted(np.tile(unit, (_TOGETHER, 1)), axis=1).astype(np.float32)
        noise = rng.normal(size=shuffled.shape).astype(np.float32)
        order = np.asarray(_matched(parts, shuffled, noise))[: resamples - first]
        found[first : first + len(order), known] = ranks[order]
    return found


class _Parts(NamedTuple):
    smoothers: Array  # (share, place, place)
    lags: Array  # (lag, place, place) so that x'Lx is the variogram of x there
    target: Array  # (lag,) the map's own


@jax.jit
@in_full
def _matched(parts: _Parts, shuffled: Array, noise: Array) -> Array:
    """(map, place) ranks of the surrogates."""
    smooth = jnp.einsum("dij,mj->dmi", parts.smoothers, shuffled)
    smooth = smooth - smooth.mean(axis=-1, keepdims=True)
    smooth = smooth / smooth.std(axis=-1, keepdims=True)
    seen = jax.lax.map(lambda lag: ((smooth @ lag) * smooth).sum(axis=-1), parts.lags)
    target = parts.target[:, None, None]
    about = seen - seen.mean(axis=0)
    slope = (about * target).sum(axis=0) / jnp.square(about).sum(axis=0)
    level = target.mean() - slope * seen.mean(axis=0)
    left = jnp.square(target - level - slope * seen).sum(axis=0)
    best = left.argmin(axis=0)
    at = jnp.arange(len(best))
    slope, level = slope[best, at][:, None], level[best, at][:, None]
    made = jnp.sqrt(jnp.abs(slope)) * smooth[best, at] + jnp.sqrt(jnp.abs(level)) * noise
    return jnp.argsort(jnp.argsort(made, axis=1), axis=1)


def _smoothers(distance: Floats) -> NDArray[np.float32]:
    """(share, place, place): means over the nearest places, by exp(-d / furthest of them)."""
    made = []
    ordered = np.sort(distance, axis=1)
    for share in _SHARES:
        reach = ordered[:, max(1, int(share * (len(distance) - 1))), None]
        reach = np.where(reach > 0, reach, 1)
        weight = np.where(distance <= reach, np.exp(-distance / reach), 0)
        made.append(weight / weight.sum(axis=1, keepdims=True))
    return np.stack(made).astype(np.float32)


def _lags(distance: Floats) -> NDArray[np.float32]:
    """(lag, place, place) of half the mean squared difference of pairs about each distance."""
    pairs = distance[np.triu_indices(len(distance), 1)]
    limit = np.percentile(pairs, _NEAR)
    lags = np.linspace(pairs.min(), limit, _LAGS)
    band = max(3 * (lags[1] - lags[0]), 1e-12)
    made = []
    near = (distance <= limit) & ~np.eye(len(distance), dtype=bool)
    for lag in lags:
        weight = np.where(near, np.exp(-((2.68 * (distance - lag)) ** 2) / (2 * band**2)), 0)
        laplacian = (np.diag(weight.sum(axis=1)) - weight) / weight.sum()
        made.append(laplacian.astype(np.float32))
    return np.stack(made)
