"""Ridge regression exactly: the twin that gradient descent is held against, and its path."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.inputs import make_inputs
from jaxneuro.splits import Splits
from jaxneuro.types import Array

_BLOCK = 256  # targets whose predictions are made at a time: they stay in the cache


class RidgeSearch(NamedTuple):
    """What `ridge_search` found, for P penalties.

    Attributes:
      l2: (target,) the penalty of least held-out error, each target its own.
      kernel, bias: (feature, target), (target,) fitted with it on all samples of any fold.
      errors: (P, target) mean squared error of held-out samples, averaged over folds.
    """

    l2: Array
    kernel: Array
    bias: Array
    errors: Array


def ridge(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    """Minimises ½·Σ w(ŷ - y)²/Σ w + ½·l2·Σ kernel², ŷ = x·kernel + bias, exactly.

    The objective of `losses.half_squared_error` with `penalties.ridge`; with scikit-learn's
    `Ridge`, alpha = l2·Σ w. By the normal equations where features are fewer than samples, else by
    the dual's (Hastie, Tibshirani & Friedman 2009, §3.4.1, 18.3.5): use float64 where l2 is tiny.

    Args:
      x: (sample, *feature), flattened.
      y: (sample,) or (sample, output).
      weight: (sample,).
      l2: scalar, above 0.

    Returns:
      kernel (feature,) or (feature, output), and bias () or (output,).
    """
    x = x.reshape(x.shape[0], -1)
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
    2009, eq. 3.47): of the features' Gram matrix, or of the samples' where these are fewer. The
    objective is that of `ridge`; use float64 where the least l2 is below 1e-6 of x's variance.

    Args:
      x: (sample, *feature), flattened.
      y: (sample, target), finite.
      splits: from `jaxneuro.splits`: weights of 0 and 1.
      l2: (P,) penalties above 0.

    Raises:
      ValueError: bad shapes or values, or a fold without samples to fit or to score.
    """
    inputs = make_inputs(x, y)
    flat, targets = inputs.x.reshape(len(inputs.x), -1), inputs.y.astype(inputs.x.dtype)
    if targets.ndim != 2 or not jnp.isfinite(targets).all():
        raise ValueError(f"ridge_search: y {targets.shape} must be (sample, target) and finite")
    strengths = np.asarray(l2, flat.dtype)
    if strengths.ndim != 1 or not strengths.size or not (strengths > 0).all():
        raise ValueError("ridge_search: l2 must be a list of penalties above 0")
    train, test = np.asarray(splits.train) > 0, np.asarray(splits.test) > 0
    if train.shape[1] != len(flat):
        raise ValueError(f"ridge_search: splits of {train.shape[1]} samples, x has {len(flat)}")
    if not (train.any(axis=1) & test.any(axis=1)).all():
        raise ValueError("ridge_search: a fold has no samples to fit, or none to score")
    errors = jnp.zeros((len(strengths), targets.shape[1]), flat.dtype)
    for fitted, scored in zip(_padded(train), _padded(test), strict=True):
        errors += _fold_errors(flat, targets, fitted, scored, strengths) / len(train)
    best = jnp.asarray(strengths)[jnp.argmin(errors, axis=0)]
    (every,) = _padded(np.any(train | test, axis=0, keepdims=True))
    kernel, bias = _fit_each(flat, targets, every, best)
    return RidgeSearch(best, kernel, bias, errors)


class _Part(NamedTuple):
    """Some of the samples: their places and weights (n,)."""

    places: Any
    weight: Any


def _padded(masks: np.ndarray) -> list[_Part]:
    """Each mask's samples, as many for all (the rest of weight 0): one program serves them."""
    most = int(masks.sum(axis=1).max())
    parts = []
    for mask in masks:
        places = np.flatnonzero(mask)
        spare = np.zeros(most - len(places), int)
        weight = np.r_[np.ones(len(places)), spare].astype(np.float32)
        parts.append(_Part(np.r_[places, spare], weight))
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
    share = (weight / weight.sum()).astype(x.dtype)
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
