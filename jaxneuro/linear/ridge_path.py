"""Ridge regression exactly: the twin that gradient descent is held against, and its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.linear.checks import checked
from jaxneuro.linear.columns import centred, groups, precision, rounded
from jaxneuro.splits import Splits
from jaxneuro.types import Array

_BLOCK = 256  # targets whose predictions are made at a time: they stay in the cache


class RidgeSearch(NamedTuple):
    """What `ridge_search` found, for P penalties; float64.

    Attributes:
      l2: (target,) the penalty of least held-out error, each target its own.
      kernel, bias: (feature, target), (target,) fitted with it on all samples of any fold.
      errors: (P, target) mean squared error of held-out samples, averaged over folds.
    """

    l2: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    errors: np.ndarray


def ridge(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    """Minimises ½·Σ w(ŷ - y)²/Σ w + ½·l2·Σ kernel², ŷ = x·kernel + bias, exactly.

    That is for each output alone, Σ kernel² over its features: `losses.half_squared_error` with
    `penalties.ridge` of one output. One fit of K outputs takes the *mean* of their losses, and so
    the same kernels with `penalties.ridge` of l2 / K. With scikit-learn's `Ridge`, alpha = l2·Σ w.
    By the normal equations where features are fewer than samples, else by the dual's (Hastie,
    Tibshirani & Friedman 2009, §3.4.1, 18.3.5): use float64 where l2 is tiny.

    Args:
      x: (sample, *feature), flattened; finite.
      y: (sample,) or (sample, output). Of no influence where its weight is 0, NaN included.
      weight: (sample,), or the shape of `y`: each output is then solved with its own.
      l2: scalar, above 0.

    Returns:
      kernel (feature,) or (feature, output), and bias () or (output,): NaN for an output without
      weight, or with NaN where it has weight.
    """
    x = x.reshape(x.shape[0], -1)
    if weight.ndim > 1:
        return jax.vmap(_solve, in_axes=(None, 1, 1, None), out_axes=(1, 0))(x, y, weight, l2)
    return _solve(x, y, weight, l2)


def _solve(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    by_sample = weight if y.ndim == 1 else weight[:, None]
    y = jnp.where(by_sample > 0, y, 0)
    with jax.default_matmul_precision("highest"):
        share = weight / weight.sum()
        mean_x, mean_y = share @ x, share @ y
        root = jnp.sqrt(share)
        centred = (x - mean_x) * root[:, None]
        target = (y - mean_y) * (root if y.ndim == 1 else root[:, None])
        samples, features = x.shape
        if features <= samples:
            gram = centred.T @ centred + l2 * jnp.eye(features, dtype=x.dtype)
            kernel = jnp.linalg.solve(gram, centred.T @ target)
        else:
            gram = centred @ centred.T + l2 * jnp.eye(samples, dtype=x.dtype)
            kernel = centred.T @ jnp.linalg.solve(gram, target)
        return kernel, mean_y - mean_x @ kernel


def ridge_search(x: ArrayLike, y: ArrayLike, splits: Splits, l2: ArrayLike) -> RidgeSearch:
    """Ridge regression of many targets, each with its own penalty chosen by cross-validation.

    One decomposition for each fold serves all targets and penalties (Hastie, Tibshirani & Friedman
    2009, eq. 3.47): of the features' Gram matrix, or of the samples' where these are fewer. Targets
    that miss the same samples share theirs, and are solved on the samples that they have. The
    objective is that of `ridge`. Offsets and units are taken out in float64 first; the rest is of
    float32 (with `jax_enable_x64`, of the precision of `x` and `y`): use float64 where the least
    l2 is below 1e-6 of x's variance.

    Args:
      x: (sample, *feature), flattened.
      y: (sample, target); NaN = missing. What no fold uses has no influence.
      splits: from `jaxneuro.splits`: weights of 0 and 1.
      l2: (P,) penalties above 0, in any order. Of equal errors the strongest is chosen.

    Returns:
      A fold in which a target has nothing to fit or nothing to score is left out of its `errors`.
      A target of which no fold is left is NaN throughout.

    Raises:
      ValueError: bad shapes or values, or a fold without samples to fit or to score.
    """
    x, y, train, test, l2 = checked("ridge_search", x, y, splits, l2)
    x = x.reshape(len(x), -1)
    used = (train | test).any(axis=0)
    if not used.all():
        x, y, train, test = x[used], y[used], train[:, used], test[:, used]
    dtype = precision(x, y)
    features = centred("ridge_search: x", x, dtype)
    targets = centred("ridge_search: y", y, dtype, missing=True)
    unit_x = features.unit.max() or 1.0  # one for all: the penalty must go on meaning the same
    shared = jnp.asarray(features.values * (features.unit / unit_x).astype(dtype))
    order = np.argsort(-l2, kind="stable")  # the strongest first, which argmin takes of equals
    limits = np.finfo(dtype)
    scaled = np.clip(l2[order] / unit_x**2, float(limits.tiny), float(limits.max)).astype(dtype)
    errors = np.full((len(l2), y.shape[1]), np.nan)
    kernel = np.full((x.shape[1], y.shape[1]), np.nan)
    best, bias = np.full((2, y.shape[1]), np.nan)
    for columns, seen in groups(y, targets.gaps):
        part = targets.values[:, rounded(columns)] if len(columns) < y.shape[1] else targets.values
        found = _search(shared, jnp.asarray(part), train, test, seen, scaled)
        if found is not None:
            missed, choice, slope, level = (np.array(a)[..., : len(columns)] for a in found)
            unit = targets.unit[columns]
            errors[:, columns], best[columns] = missed * unit**2, l2[order][choice]
            slope[features.unit == 0] = 0  # rounding, times an offset that may be large
            kernel[:, columns], bias[columns] = slope * (unit / unit_x), level * unit
    bias += targets.mean - features.mean @ kernel
    return RidgeSearch(best, kernel, bias, errors[np.argsort(order)])


def _search(x: Array, y: Array, train, test, seen: np.ndarray, l2: np.ndarray):
    """Errors (P, target), index of the least, kernel and bias of targets that have the samples
    `seen`; None if no fold is left."""
    fitted, scored = _parts(train, seen, y.dtype), _parts(test, seen, y.dtype)
    left = [pair for pair in zip(fitted, scored, strict=True) if all(p.weight.any() for p in pair)]
    if not left:
        return None
    errors = np.mean([np.asarray(_fold_errors(x, y, *pair, l2)) for pair in left], axis=0)
    choice = errors.argmin(axis=0)
    (every,) = _parts((train | test).any(axis=0)[None], seen, y.dtype)
    return errors, choice, *_fit_each(x, y, every, l2[choice])


class _Part(NamedTuple):
    """Some of the samples: their places and weights (n,)."""

    places: Any
    weight: Any


def _parts(masks: np.ndarray, seen: np.ndarray, dtype: Any) -> list[_Part]:
    """Each mask's samples, as many for all (the rest of weight 0): one program serves them."""
    most = int(masks.sum(axis=1).max())
    parts = []
    for mask in masks:
        places = np.flatnonzero(mask)
        weight = np.pad(seen[places], (0, most - len(places))).astype(dtype)
        parts.append(_Part(np.resize(places, most), weight))
    return parts


class _Decomposed(NamedTuple):
    """The fitted part. With y centred on `share @ y`, kernel = back · (onto @ y) / (values + l2).

    Attributes:
      share: (n,) each sample's part of the weight.
      mean: (feature,) of x.
      values, back, onto: (rank,), (feature, rank), (rank, n).
    """

    share: Array
    mean: Array
    values: Array
    back: Array
    onto: Array


def _decompose(x: Array, weight: Array) -> _Decomposed:
    share = weight / weight.sum()
    mean, root = share @ x, jnp.sqrt(share)
    centred = (x - mean) * root[:, None]
    if x.shape[1] <= x.shape[0]:
        values, back = jnp.linalg.eigh(centred.T @ centred)
        onto = back.T @ centred.T
    else:
        values, vectors = jnp.linalg.eigh(centred @ centred.T)
        back, onto = centred.T @ vectors, vectors.T
    return _Decomposed(share, mean, jnp.maximum(values, 0), back, onto * root)


@jax.jit
def _fold_errors(x: Array, y: Array, fitted: _Part, scored: _Part, l2: Array) -> Array:
    """(P, target) mean squared error of the scored samples."""
    with jax.default_matmul_precision("highest"):
        parts = _decompose(x[fitted.places], fitted.weight)
        ahead = (x[scored.places] - parts.mean) @ parts.back
        ahead = (ahead / (parts.values + l2[:, None])[:, None]).reshape(-1, len(parts.values))
        share = scored.weight / scored.weight.sum()

        def errors(y: Array) -> Array:
            inside = y[fitted.places]
            mean = parts.share @ inside
            found = ahead @ (parts.onto @ (inside - mean))  # all penalties in one product
            missed = found.reshape(len(l2), -1, y.shape[1]) - (y[scored.places] - mean)
            return jnp.sum(jnp.square(missed) * share[:, None], axis=1)

        return _by_blocks(errors, y)


@jax.jit
def _fit_each(x: Array, y: Array, every: _Part, l2: Array) -> tuple[Array, Array]:
    """Kernel (feature, target) and bias (target,), each target with its own penalty."""
    with jax.default_matmul_precision("highest"):
        parts = _decompose(x[every.places], every.weight)
        used = y[every.places]
        mean = parts.share @ used
        along = (parts.onto @ (used - mean)) / (parts.values[:, None] + l2)
        kernel = parts.back @ along
        return kernel, mean - parts.mean @ kernel


def _by_blocks(function: Callable[[Array], Any], y: Array) -> Array:
    """`function` of blocks of the targets of `y` (sample, target), put together again."""
    targets = y.shape[1]
    blocks = -(-targets // _BLOCK)
    if blocks < 2:
        return function(y)
    y = jnp.pad(y, ((0, 0), (0, blocks * _BLOCK - targets)))

    def one(start: Array) -> Array:
        return function(jax.lax.dynamic_slice_in_dim(y, start, _BLOCK, axis=1))

    found = jax.lax.map(one, _BLOCK * jnp.arange(blocks))
    return jnp.moveaxis(found, 0, -2).reshape(*found.shape[1:-1], -1)[..., :targets]
