"""Classifiers of some windows tested in every window: one test trial after the other, so that the
scores of a moment stay in the cache and trials come out in their own order."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.classify.scaling import Scaling
from jaxneuro.classify.trials import Trials
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_SCORES = 2**19  # made at a time


class Rows(NamedTuple):
    """Classifiers of C classes, as differences from the first, and what is true for each.

    Attributes:
      kernel: (row, fold, feature, class - 1), of scaled features.
      bias: (row, fold, class - 1).
      truth: (row, trial) classes.
    """

    kernel: Array
    bias: Array
    truth: Array


def everywhere(
    x: Array, scaling: Scaling, rows: Rows, trials: Trials, by_fold: bool
) -> tuple[Array, Any]:
    """Weight of the test trials that each row takes for what they are, and what it takes them for.

    Args:
      x: (window, trial, feature).
      scaling: (window, fold, feature).
      rows: the classifiers.
      trials: of the folds.
      by_fold: whether to tell folds apart, and of each test what it was taken for.

    Returns:
      (row, window, fold), NaN where a fit failed, or (row, window); and (row, window, trial) codes,
      int16, -1 where it failed or the trial is in no test, or nothing.
    """
    count, classes = len(rows.bias), rows.bias.shape[-1]
    size = min(count, max(8, _SCORES // (len(x) * classes)))
    blocks = -(-count // size)
    if blocks == 1:
        return _block(x, scaling, rows, trials, by_fold)

    def padded(a: Array) -> Array:
        widths = [(0, blocks * size - count)] + [(0, 0)] * (a.ndim - 1)
        return jnp.pad(a, widths).reshape(blocks, size, *a.shape[1:])

    made = jax.lax.map(
        lambda some: _block(x, scaling, some, trials, by_fold), jax.tree.map(padded, rows)
    )
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], made)


def _block(x, scaling: Scaling, rows: Rows, trials: Trials, by_fold: bool):
    folds, windows, size = len(trials.test), len(x), len(rows.bias)
    kernel = jnp.transpose(rows.kernel, (1, 2, 3, 0)).reshape(folds, x.shape[2], -1)
    bias = jnp.moveaxis(rows.bias, 0, 2)  # (fold, class - 1, row)

    @in_full
    def test(right: Array, at: tuple[Array, Array, Array]) -> tuple[Array, Array | None]:
        k, trial, weight = at
        z = (x[:, trial] - scaling.mean[:, k]) * scaling.gain[:, k]
        scores = (z @ kernel[k]).reshape(windows, -1, size) + bias[k]
        told = winner(scores, 1)
        hit = weight * (told == rows.truth[:, trial])
        if not by_fold:
            return right + hit, None
        return right.at[k].add(jnp.where(told < 0, jnp.nan, hit)), told

    fold = jnp.repeat(jnp.arange(folds), trials.test.shape[1])
    flat = fold, jnp.asarray(trials.test).ravel(), jnp.asarray(trials.test_weight).ravel()
    none = jnp.zeros((folds, windows, size) if by_fold else (windows, size), x.dtype)
    right, told = jax.lax.scan(test, none, flat)
    return right.T, None if told is None else at_home(told, trials).T


def at_home(told: Array, trials: Trials) -> Array:
    """(trial, ...) codes of (fold · place, ...) codes; -1 of a trial that is in no test."""
    there = (trials.home >= 0).reshape(-1, *[1] * (told.ndim - 1))
    return jnp.where(there, told[trials.home], jnp.int16(-1))


def winner(scores: Array, axis: int) -> Array:
    """The class of the highest score, of differences from the first class; -1 where one is NaN."""
    best = scores.max(axis=axis)
    if scores.shape[axis] == 1:
        found = best > 0
    else:
        found = jnp.where(best > 0, scores.argmax(axis=axis) + 1, 0)
    return jnp.where(jnp.isnan(best), -1, found).astype(jnp.int16)
