"""The programs behind time generalisation: all windows, folds and permutations at once.

A fold's trials are gathered; padding has weight 0. A classifier of C classes is kept as C - 1
differences from the first class, which is all that a choice depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.classify.classifiers import Linear
from jaxneuro.classify.logistic import log_loss, logistic
from jaxneuro.classify.scaling import gain
from jaxneuro.types import Array

_BLOCK = 2**19  # scores made at a time: they stay in the cache


class Trials(NamedTuple):
    """The trials of each fold, (fold, place): which, and their weight; 0 is padding."""

    train: Any
    train_weight: Any
    test: Any
    test_weight: Any


class _Trained(NamedTuple):
    """Classifiers (permutation, window, fold, ...) and the scaled test trials of every window."""

    kernel: Array  # (permutation, window, fold, feature, class - 1)
    bias: Array  # (permutation, window, fold, class - 1)
    tested: Array  # (window, fold, place, feature)


@partial(jax.jit, static_argnames=("classify", "classes", "group", "diagonal"))
def predicted(
    x: Array, labels: Array, trials: Trials, l2: Array | None, *, classify, classes, group, diagonal
) -> Array:
    """The class that each test trial is taken for, -1 where a fit failed.

    Args:
      x: (window, trial, feature).
      labels: (permutation, trial); of the first alone is predicted.
      trials: of the folds.
      l2: (permutation, window, fold) strengths of `classify`, or (1, window, fold) the same of all
        permutations, which then share more; None: it takes none.
      classify: `(x, y, weight, classes[, l2]) -> Linear`.
      group: pairs of window and fold that are fitted together.
      diagonal: whether windows are tested on themselves alone.

    Returns:
      (fold, window, test window, place), without the test window where `diagonal`; int16.
    """
    found = _train(x, labels[:1], trials, l2, classify, classes, group)
    kernel, bias = found.kernel[0], found.bias[0]
    if diagonal:
        scores = (
            jnp.einsum("wkpf,wkfc->kwpc", found.tested, kernel) + bias.swapaxes(0, 1)[:, :, None]
        )
        return jnp.where(jnp.isfinite(scores).all(axis=-1), _winner(scores, -1), -1)

    def fold(k: Array) -> Array:
        def rows(part) -> Array:
            kernel, bias = part
            return _winner(_scores(kernel, bias, found.tested[:, k]), 1)

        return _by_rows(rows, (kernel[:, k], bias[:, k]), found.tested[:, k])

    return jax.lax.map(fold, jnp.arange(trials.test.shape[0]))


@partial(jax.jit, static_argnames=("classify", "classes", "group", "diagonal"))
def counted(
    x: Array, labels: Array, trials: Trials, l2: Array | None, *, classify, classes, group, diagonal
) -> Array:
    """(permutation, window, test window) weight of the test trials that are taken for what their
    permuted label says; without the test window where `diagonal`. Takes what `predicted` takes."""
    found = _train(x, labels, trials, l2, classify, classes, group)
    permutations, windows = found.kernel.shape[:2]
    truth = labels[:, trials.test]  # (permutation, fold, place)
    if diagonal:
        scores = jnp.einsum("wkpf,rwkfc->rwkpc", found.tested, found.kernel)
        right = _winner(scores + found.bias[:, :, :, None], -1) == truth[:, None]
        return (right * trials.test_weight).sum(axis=(2, 3))

    def fold(k: Array) -> Array:
        def rows(part) -> Array:
            kernel, bias, truth = part
            right = _winner(_scores(kernel, bias, found.tested[:, k]), 1) == truth[:, None]
            return right @ trials.test_weight[k]

        every = jnp.repeat(truth[:, k], windows, axis=0)
        flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]),
                            (found.kernel[:, :, k], found.bias[:, :, k]))  # fmt: skip
        return _by_rows(rows, (*flat, every), found.tested[:, k])

    counts = jax.lax.map(fold, jnp.arange(trials.test.shape[0])).sum(axis=0)
    return counts.reshape(permutations, windows, -1)


@partial(jax.jit, static_argnames=("classes", "group"))
def losses(x: Array, labels: Array, trials: Trials, l2: Array, *, classes: int, group: int):
    """(permutation, window, fold, strength) mean cross-entropy of logistic regression on the test
    trials of each fold, in the window it was trained on; `l2` (strength,)."""

    def pair(window: Array, k: Array) -> Array:
        inside, outside, weight = _scaled(x, trials, window, k)

        def one(labels: Array, l2: Array) -> Array:
            fitted = logistic(inside, labels[trials.train[k]], weight, classes, l2)
            scores = fitted.scores(outside)
            return log_loss(scores, labels[trials.test[k]], trials.test_weight[k])

        return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(labels, l2)

    return jnp.moveaxis(_by_pairs(pair, x, trials, group), 2, 0)


def _train(
    x: Array, labels: Array, trials: Trials, l2: Array | None, classify, classes: int, group: int
) -> _Trained:
    def pair(window: Array, k: Array):
        inside, outside, weight = _scaled(x, trials, window, k)

        def one(labels: Array, strength: tuple[Array, ...]) -> Linear:
            made = classify(inside, labels[trials.train[k]], weight, classes, *strength)
            return Linear(made.kernel[:, 1:] - made.kernel[:, :1], made.bias[1:] - made.bias[:1])

        if l2 is None:
            return jax.vmap(lambda labels: one(labels, ()))(labels), outside
        strength = l2[:, window, k]
        if len(l2) == 1:  # what the permutations share is done once
            return jax.vmap(lambda labels: one(labels, (strength[0],)))(labels), outside
        return jax.vmap(one)(labels, (strength,)), outside

    made, tested = _by_pairs(pair, x, trials, group)
    kernel, bias = (jnp.moveaxis(part, 2, 0) for part in made)
    return _Trained(kernel, bias, tested)


def _scaled(x: Array, trials: Trials, window: Array, k: Array) -> tuple[Array, Array, Array]:
    """A window's training and test trials of one fold, by mean and deviation of the former; and the
    training weights. The `x` of other trials is never seen."""
    weight = trials.train_weight[k]
    share = weight / weight.sum()
    inside, outside = x[window, trials.train[k]], x[window, trials.test[k]]
    with jax.default_matmul_precision("highest"):
        mean = share @ inside
        inside = jnp.where(weight[:, None] > 0, inside - mean, 0)
        deviation = jnp.sqrt(share @ jnp.square(inside))
    scale = gain(mean, deviation)
    return inside * scale, (outside - mean) * scale, weight


def _by_pairs(pair: Callable, x: Array, trials: Trials, group: int) -> Any:
    """`pair(window, fold)` of all of them, (window, fold, ...), so many together."""
    windows, folds = x.shape[0], trials.train.shape[0]
    chunks = -(-windows * folds // group)
    places = jnp.minimum(jnp.arange(chunks * group), windows * folds - 1).reshape(chunks, group)
    made = jax.lax.map(jax.vmap(lambda at: pair(at // folds, at % folds)), places)
    return jax.tree.map(
        lambda a: a.reshape(-1, *a.shape[2:])[: windows * folds].reshape(
            windows, folds, *a.shape[2:]
        ),
        made,
    )


def _by_rows(function: Callable, rows: Any, tested: Array) -> Array:
    """`function` of blocks of `rows` (row, ...), as many as keep their scores in the cache."""
    count, classes = rows[1].shape
    size = min(count, max(8, _BLOCK // (tested.shape[0] * tested.shape[1] * classes)))
    blocks = -(-count // size)

    def padded(a: Array) -> Array:
        widths = [(0, blocks * size - count)] + [(0, 0)] * (a.ndim - 1)
        return jnp.pad(a, widths).reshape(blocks, size, *a.shape[1:])

    made = jax.lax.map(function, jax.tree.map(padded, rows))
    return made.reshape(-1, *made.shape[2:])[:count]


def _scores(kernel: Array, bias: Array, tested: Array) -> Array:
    """(row, class - 1, window, place) of `kernel` (row, feature, class - 1)."""
    with jax.default_matmul_precision("highest"):
        return jnp.einsum("rfc,wpf->rcwp", kernel, tested) + bias[:, :, None, None]


def _winner(scores: Array, axis: int) -> Array:
    """The class of the highest score, of differences from the first class; -1 where one is NaN."""
    best = scores.max(axis=axis)
    if scores.shape[axis] == 1:
        found = best > 0
    else:
        found = jnp.where(best > 0, scores.argmax(axis=axis) + 1, 0)
    return jnp.where(jnp.isnan(best), -1, found).astype(jnp.int16)
