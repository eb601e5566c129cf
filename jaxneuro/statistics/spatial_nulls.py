"""Are two maps of the brain alike beyond their being smooth? Nulls that are as smooth as the map.

Neighbouring places of a map resemble each other, so that there are far fewer independent ones than
places: permuted maps lose this, and p-values of permutations are far too small. Each null here is
(resample, place), NaN where it has no value, and goes into `correlate_maps`, or as one more target
beside the map itself into any fit, whose scores then go into `p_values`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.statistics.arrays import Floats, numbers, resampled
from jaxneuro.statistics.significance import p_values
from jaxneuro.types import Array

_BLOCK = 512  # places compared with all others at a time
_UNROUND = 2.0  # longest over shortest radius, from which on points are not those of a sphere


def spins(
    coordinates: ArrayLike,
    resamples: int = 1000,
    *,
    hemisphere: ArrayLike | None = None,
    unique: bool = False,
    seed: int = 0,
) -> NDArray[np.int32]:
    """Random rotations of the cortical sphere (Alexander-Bloch et al. 2018, NeuroImage 178:540):
    which place each place gets its value from, so that `values[spins(...)]` are null maps.

    Each place takes the value of the nearest rotated one. The right hemisphere is rotated as the
    mirror image of the left. A map keeps its smoothness, its values, and its medial wall: leave
    that in, with NaN in the map; where it comes to lie, the null map is NaN.

    Args:
      coordinates: (place, 3) vertices of the spherical surface, or centres of parcels on it, about
        the middle of its own hemisphere's sphere.
      resamples: rotations, uniform over all.
      hemisphere: (place,) two labels, of which the latter in order is mirrored (so "L" and "R", or
        0 and 1); None: a single sphere.
      unique: each value is taken once: the place that is furthest from any rotated one chooses
        first, and so on (Váša et al. 2018, Cereb. Cortex 28:281). For parcels.
      seed: of the rotations.

    Returns:
      (resample, place) places.

    Raises:
      ValueError: points that are not about a sphere, or other than two hemispheres.
    """
    points = _on_sphere(coordinates)
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}: at least 1")
    side = np.zeros(len(points), int) if hemisphere is None else np.asarray(hemisphere)
    if side.shape != (len(points),) or len(sides := np.unique(side)) > 2:
        raise ValueError(f"hemisphere must be (place,) = ({len(points)},) of two labels")
    rotations = _rotations(resamples, seed)
    mirror = np.array([-1, 1, 1], np.float32)
    found = np.empty((resamples, len(points)), np.int32)
    for own, turn in zip(sides, (1, mirror[:, None] * mirror), strict=False):
        places = np.flatnonzero(side == own)
        assign = _once if unique else _nearest
        found[:, places] = places[np.asarray(assign(points[places], rotations * turn))]
    return found


class MapCorrelation(NamedTuple):
    """Of `correlate_maps`.

    Attributes:
      observed: (*map) Pearson's correlation over the places that both maps have.
      null: (resample, *map) likewise of the nulls.
      p: (*map) two-sided, of `p_values`.
    """

    observed: Floats
    null: Floats
    p: Floats


def correlate_maps(x: ArrayLike, y: ArrayLike, null: ArrayLike) -> MapCorrelation:
    """Whether maps go together more than one as smooth as `x` would by chance.

    Args:
      x: (place,), NaN where it has no value.
      y: (place,) or (map, place), likewise.
      null: (resample, place) of `x`: `x[spins(...)]`, or `variogram_surrogates(x, ...)`.

    Raises:
      ValueError: shapes that do not match, or infinite values.
    """
    x, y = numbers("x", x), numbers("y", y)
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[-1:] != x.shape:
        raise ValueError(f"x {x.shape} must be (place,), and y {y.shape} (place,) or (map, place)")
    null = resampled("null", null, x.shape)
    r = _correlations(np.concatenate([x[None], null]), np.atleast_2d(y))
    r = r.reshape(-1, *y.shape[:-1])
    return MapCorrelation(r[0], r[1:], p_values(r[0], r[1:], alternative="two-sided"))


def _correlations(x: Floats, y: Floats) -> Floats:
    """(one, other) of maps (one, place) and (other, place), over the places that both have."""
    in_x, in_y = (~np.isnan(x)).astype(float), (~np.isnan(y)).astype(float).T
    x, y = _about_mean(x), _about_mean(y).T
    count = np.maximum(in_x @ in_y, 1)
    mean_x, mean_y = x @ in_y / count, in_x @ y / count
    both = x @ y / count - mean_x * mean_y
    var_x, var_y = x**2 @ in_y / count - mean_x**2, in_x @ y**2 / count - mean_y**2
    product = np.sqrt(np.maximum(var_x, 0) * np.maximum(var_y, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((product > 0) & (count > 2), both / product, np.nan)


def _on_sphere(coordinates: ArrayLike) -> NDArray[np.float32]:
    """(place, 3) of unit length."""
    points = numbers("coordinates", coordinates)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or np.isnan(points).any():
        raise ValueError(f"coordinates {points.shape} must be finite (place, 3)")
    radius = np.linalg.norm(points, axis=1)
    if not radius.min() > 0 or radius.max() > _UNROUND * radius.min():
        raise ValueError(
            f"coordinates lie {radius.min():.3g} to {radius.max():.3g} from the origin: they must "
            "be of the spherical surface, each hemisphere about its own middle"
        )
    return (points / radius[:, None]).astype(np.float32)


def _about_mean(x: Floats) -> Floats:
    """Maps of like size, so that sums of squares lose nothing; 0 where there is no value."""
    known = ~np.isnan(x)
    mean = np.where(known, x, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known, x - mean[:, None], 0)


def _rotations(count: int, seed: int) -> NDArray[np.float32]:
    """(count, 3, 3) proper rotations, uniform: orthogonal factors of normal matrices, with the
    signs of a unique decomposition (Mezzadri 2007, Notices AMS 54:592)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    q[:, :, 0] *= np.linalg.det(q)[:, None]
    return q.astype(np.float32)


@jax.jit
def _nearest(points: Array, rotations: Array) -> Array:
    """(resample, place) the place that is nearest to each when all are rotated."""
    count = len(points)
    blocks = jnp.resize(points, (-(-count // _BLOCK), min(_BLOCK, count), 3))

    def one(rotation: Array) -> Array:
        rotated = _turned(points, rotation).T
        near = jax.lax.map(lambda block: _product(block, rotated).argmax(axis=1), blocks)
        return near.reshape(-1)[:count].astype(jnp.int32)

    return jax.lax.map(one, rotations)


@jax.jit
def _once(points: Array, rotations: Array) -> Array:
    """Likewise, each place taken once."""

    def one(rotation: Array) -> Array:
        near = _product(points, _turned(points, rotation).T)

        def choose(free: Array, place: Array) -> tuple[Array, Array]:
            best = jnp.where(free, near[place], -jnp.inf).argmax()
            return free.at[best].set(False), best

        order = jnp.argsort(near.max(axis=1))
        best = jax.lax.scan(choose, jnp.ones(len(points), bool), order)[1]
        return jnp.zeros(len(points), jnp.int32).at[order].set(best.astype(jnp.int32))

    return jax.lax.map(one, rotations)


def _turned(points: Array, rotation: Array) -> Array:
    return _product(points, rotation.T)


def _product(a: Any, b: Any) -> Array:
    return jnp.matmul(a, b, precision="highest")
