"""Predictions of samples by the fits that did not see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxneuro import several
from jaxneuro.fits import Fits
from jaxneuro.prediction import never_fitted, predict, to_raw
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis, Inputs


def predictions(
    fits: Fits, inputs: Inputs, splits: NestedSplits, repeats: Mapping[str, bool]
) -> np.ndarray:
    """(sample, *axes, *output) of refits (*axes, *repeats, outer); NaN where none is held out, or
    no fit that held it out ever ran.

    Raises:
      ValueError: the parameters were not kept.
    """
    if fits.params is None:
        raise ValueError('predictions: the parameters were not kept; fit with keep="all"')
    params = to_raw(fits.fit, fits.params, fits.x_origin, fits.y_origin, back=True)
    depth = len(fits.shape)
    test = splits.test[:, -1] > 0  # (outer, sample)
    total = count = None
    gone = never_fitted(np.asarray(fits.status))
    x = jax.tree.map(np.asarray, inputs.x)
    for outer, mask in enumerate(test):
        own, back, without = jax.tree.map(
            lambda a, o=outer: np.asarray(a).take(o, depth - 1), (params, fits.y_origin, gone)
        )
        found = _of_subjects(fits, own, x, mask, back, without, inputs.weight.ndim - 1)
        found = averaged(found, fits.axes[:-1], repeats)
        if total is None or count is None:
            total = np.zeros((len(mask), *found.shape[1:]), found.dtype)
            count = np.zeros(total.shape, np.uint16)
        there = ~np.isnan(found)
        total[mask] += np.where(there, found, 0)
        count[mask] += there
    assert total is not None and count is not None
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(total.dtype)


def _of_subjects(fits: Fits, params, x: Any, mask: np.ndarray, back, without, subjects: int):
    """(*axes, *repeats, sample, *output) of the samples in `mask`; with stacked subjects, which are
    the first axis, each one's own."""
    shape = fits.shape[:-1]
    if not subjects:
        return predict(fits.fit, params, shape, several.taken(x, mask), back, without)
    parts = [jax.tree.map(lambda a, i=i: a[i], (params, back, without)) for i in range(shape[0])]
    found = [
        predict(fits.fit, own, shape[1:], several.taken(several.taken(x, i), mask), its, gone)
        for i, (own, its, gone) in enumerate(parts)
    ]
    return np.stack(found)


def averaged(
    values: np.ndarray,
    axes: Sequence[Axis],
    repeats: Mapping[str, bool],
    over_folds: bool = False,
) -> np.ndarray:
    """Values (*axes, sample, *output) -> (sample, *axes, *output) without the repeated axes: the
    mean over seeds, index 0 of others; and the mean over the last axis, the folds, if asked."""
    last = len(axes) - 1 if over_folds else None
    for position in reversed(range(len(axes))):
        name = axes[position].name
        if position == last or repeats.get(name, False):
            values = _mean(values, position)
        elif name in repeats:
            values = values.take(0, axis=position)
    left = sum(a.name not in repeats for a in axes) - (last is not None)
    return np.moveaxis(values, left, 0)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Of those that are there; NaN where none is."""
    there = ~np.isnan(values)
    if there.all():
        return values.mean(axis=axis, dtype=values.dtype)
    total = np.where(there, values, 0).sum(axis=axis, dtype=values.dtype)
    count = there.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(values.dtype)


def repeated(values: np.ndarray, axes: Sequence[Axis], repeats: Mapping[str, bool]) -> np.ndarray:
    """Values (*axes, outer) without the repeated axes -> with them, each the same."""
    for position, axis in enumerate(axes):
        if axis.name in repeats:
            values = np.expand_dims(values, position)
    return np.broadcast_to(values, tuple(axis.size for axis in axes))
