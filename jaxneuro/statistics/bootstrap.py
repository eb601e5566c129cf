"""Bootstrap intervals of anything: of a statistic of weighted samples, or of many fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxneuro import compat
from jaxneuro.engine.lanes import fit_many
from jaxneuro.engine.rows import flatten_axes
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.statistics.draws import Draws, make_axis, make_draws
from jaxneuro.statistics.intervals import interval
from jaxneuro.types import Array, Axis, Inputs, Status

_METHODS = ("bca", "percentile")
_NUMBERS = 200_000  # of an array and its resamples worked on at a time: they stay in the cache
_BLOCK = 256  # fits of which a function is taken at a time


class Bootstrapped(NamedTuple):
    """A statistic and how sure it is; arrays, or trees of arrays as the statistic is.

    Attributes:
      estimate: of the data as they are.
      standard_error: standard deviation over resamples.
      low, high: ends of the interval.
    """

    estimate: Any
    standard_error: Any
    low: Any
    high: Any


def bootstrap(
    statistic: Callable[..., Any],
    *arrays: ArrayLike,
    weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    length: float | None = None,
    resamples: int = 1000,
    method: str = "bca",
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrapped:
    """Intervals of a statistic of weighted samples: of a score, `bootstrap(metrics.r2, y,
    prediction)`; of a mean over neurons, `bootstrap(lambda v, weight: weight @ v / weight.sum(),
    scores)`; of a tuning curve.

    Args:
      statistic: (*arrays, weight) -> array or tree of arrays, in JAX; any of `jaxneuro.metrics`.
      arrays: (sample, ...) each.
      weight: (sample,); 0 is never drawn. None: ones.
      groups: (sample,) labels; whole trials, subjects or other groups are drawn. None: samples.
      length: of blocks of a time series, in samples, in place of groups; see `block_length`.
      resamples: how many.
      method: "bca" (Efron 1987; the acceleration from leaving out each group, or 100 parts) or
        "percentile".
      level: of the interval.
      seed: of the draws.

    Raises:
      ValueError: arrays of other lengths; bad weights, groups or length; no such method.
    """
    samples = {len(np.asarray(a)) if np.ndim(a) else 0 for a in arrays}
    if len(samples) != 1 or 0 in samples:
        shapes = [np.shape(a) for a in arrays]
        raise ValueError(f"arrays have the shapes {shapes}: each must be (sample, ...)")
    (count,), bca = samples, _is_bca(method)
    whole = np.ones(count) if weight is None else np.asarray(weight, np.float32)
    if whole.shape != (count,) or not (whole >= 0).all() or not (whole > 0).any():
        raise ValueError(f"weight {whole.shape} must be ({count},), 0 or more and not all 0")
    draws = make_draws(count, resamples, groups, length, bca, seed)
    size = max(1, min(64, _NUMBERS // max(np.size(a) for a in arrays)))
    # Whole batches: a smaller last one would be compiled anew.
    indices = np.arange(-(-draws.size // size) * size, dtype=np.int32)
    given, whole = tuple(np.asarray(a) for a in arrays), whole.astype(np.float32)
    with compat.own_settings():
        found = _mapped(statistic, size, draws.weights, whole, indices, given)
        found = jax.tree.map(lambda a: np.asarray(a)[: draws.size], found)
    return _reduced(found, draws, bca, level)


def bootstrap_fits(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]] = (),
    of: str | Callable[[Any], Any] | None = None,
    *,
    groups: ArrayLike | None = None,
    length: float | None = None,
    resamples: int = 1000,
    method: str = "bca",
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Bootstrapped:
    """Intervals of what is fitted: every resample is one more fit, of other weights, in the same
    compiled program. What is held out stays as it is.

    Args:
      fit, inputs, axes: as for `fit_many`.
      of: None: the parameters; a name: that held-out score; or a function of the parameters of one
        fit, in JAX: a receptive field, a tuning curve.
      groups, length, resamples, method, level, seed: as for `bootstrap`.
      options: handed to `fit_many` (key, lanes, out, devices, progress).

    Returns:
      Each with the axes in front, (*axes, ...). A resample whose fit diverged, or could not be
      fitted, is left out.

    Raises:
      ValueError: as for `bootstrap` and `fit_many`, or a score that the fit has not.
    """
    every, bca = flatten_axes(axes), _is_bca(method)
    names = [name for name, _ in fit.better]
    if isinstance(of, str) and of not in names:
        raise ValueError(f"of is {of!r}: the fit has the scores {names}")
    samples = inputs.weight.shape[-1]
    draws = make_draws(samples, resamples, groups, length, bca, seed)
    axis = make_axis(draws, "resample")
    keep = "scores" if isinstance(of, str) else "all"
    found = fit_many(fit, inputs, [*every, axis], keep=keep, **options)
    return _reduced(_values(found, of, len(every)), draws, bca, level)


def bootstrap_conditions(
    score: Callable[..., Any],
    y: ArrayLike,
    *prediction: ArrayLike,
    resamples: int = 1000,
    method: str = "bca",
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrapped:
    """Intervals of `metrics.ceilings`, `feve` and their like, over the repeated conditions.

    Args:
      score: (y, *prediction, weight (*resample, condition)) -> array or tree, (*resample, target).
      y: (condition, repeat, target), NaN = missing.
      prediction: (condition, target), where the score takes one.
      resamples, method, level, seed: as for `bootstrap`.

    Returns:
      Each as the score returns it, (target,).
    """
    conditions, bca = len(np.asarray(y)), _is_bca(method)
    draws = make_draws(conditions, resamples, None, None, bca, seed)
    weight = np.asarray(_drawn(draws.weights, jnp.ones(conditions), jnp.arange(draws.size)))
    first, others = (score(y, *prediction, weight=w) for w in np.split(weight, [1]))
    found = jax.tree.map(lambda *a: np.concatenate(a), first, others)
    return _reduced(found, draws, bca, level)


def _values(found: Fits, of: Any, depth: int) -> Any:
    """(change, *axes, ...), NaN where the fit failed."""
    if isinstance(of, str):
        values: Any = found.scores[of]
    elif of is None:
        values = found.params
    else:
        values = _applied(of, found)
    failed = np.isin(found.status, (Status.DIVERGED, Status.BAD_DATA, Status.LOST))

    def ahead(leaf: np.ndarray) -> np.ndarray:
        lost = failed.reshape(*failed.shape, *[1] * (leaf.ndim - failed.ndim))
        return np.moveaxis(np.where(lost, np.nan, leaf), depth, 0)

    return jax.tree.map(ahead, values)


def _applied(of: Callable, found: Fits) -> Any:
    """A function of the parameters of each fit, (*axes, ...)."""
    depth, fits = len(found.shape), len(found)
    flat = jax.tree.map(lambda a: a.reshape(fits, *a.shape[depth:]), found.params)
    size, parts = min(_BLOCK, fits), []
    for first in range(0, fits, size):
        places = np.minimum(np.arange(first, first + size), fits - 1)  # one program
        part = jax.tree.map(lambda a, p=places: jnp.asarray(a[p]), flat)
        parts.append(jax.tree.map(np.asarray, _each(of, part)))
    joined = jax.tree.map(lambda *a: np.concatenate(a)[:fits], *parts)
    return jax.tree.map(lambda a: a.reshape(*found.shape, *a.shape[1:]), joined)


@partial(jax.jit, static_argnums=0)
def _each(of: Callable, params: Any) -> Any:
    return jax.vmap(of)(params)


@jax.jit
def _drawn(weights: Partial, weight: Array, indices: Array) -> Array:
    return jax.vmap(weights, in_axes=(None, 0))(weight, indices)


@partial(jax.jit, static_argnums=(0, 1))
def _mapped(
    statistic: Callable, size: int, weights: Partial, weight: Array, indices: Array, arrays: tuple
) -> Any:
    def one(index: Array) -> Any:
        return statistic(*arrays, weights(weight, index))

    return jax.lax.map(one, indices, batch_size=size)


def _reduced(values: Any, draws: Draws, bca: bool, level: float) -> Bootstrapped:
    """Of a tree of (change, *target)."""
    leaves, structure = jax.tree.flatten(values)
    parts = []
    for leaf in leaves:
        leaf = np.where(np.isinf(leaf), np.nan, leaf).astype(np.float64)
        first, (replicates, jackknife) = leaf[0], np.split(leaf[1:], [draws.resamples])
        ends = interval(replicates, *((first, jackknife) if bca else ()), level=level)
        parts.append((first, _deviation(replicates), ends.low, ends.high))
    trees = (jax.tree.unflatten(structure, part) for part in zip(*parts, strict=True))
    return Bootstrapped(*trees)


def _deviation(values: np.ndarray) -> np.ndarray:
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    mean = np.where(there, values, 0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(there, np.square(values - mean), 0).sum(axis=0)
    return np.where(count > 1, np.sqrt(square / np.maximum(count - 1, 1)), np.nan)


def _is_bca(method: str) -> bool:
    if method not in _METHODS:
        raise ValueError(f"method is {method!r}: one of {', '.join(_METHODS)}")
    return method == "bca"
