"""The honest default for a data set: what is held out, and how the rest is split for choosing."""

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro import splits
from jaxneuro.splits import NestedSplits, Splits


def protocol(
    samples: int,
    *,
    test: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    series: bool = False,
    folds: int = 5,
    gap: int = 0,
    seed: int = 0,
) -> NestedSplits:
    """One held-out part, scored once, and inner folds of the rest.

    Args:
      samples: how many.
      test: (sample,) bool, the held-out part as the data's authors chose it. None: a fifth: whole
        groups where there are groups, the end of a time series, else samples at random (in each
        class, with `labels`).
      groups: (sample,) runs, subjects or blocks that no split divides.
      labels: (sample,) classes, kept in proportion.
      series: the samples are one time series: folds are contiguous.
      folds: inner folds.
      gap: samples left out on either side of every contiguous part; at least the lags in `x`.
      seed: of what is random.
    """
    groups = None if groups is None else np.asarray(groups)
    labels = None if labels is None else np.asarray(labels)
    if test is not None:
        outer = splits.holdout(test)
        if series and gap and groups is None:
            outer = _with_gap(outer, gap)
    elif groups is not None:
        outer = _first(splits.group_k_fold(groups, min(5, len(np.unique(groups)))))
    elif series:
        end = np.arange(samples) >= samples - samples // 5
        outer = _with_gap(splits.holdout(end), gap)
    elif labels is not None:
        outer = _first(splits.stratified(labels, 5, seed))
    else:
        outer = _first(splits.k_fold(samples, 5, seed))

    def inner(index: np.ndarray) -> Splits:
        if groups is not None and len(np.unique(groups[index])) > 1:
            return splits.group_k_fold(groups[index], min(folds, len(np.unique(groups[index]))))
        if series:
            return splits.blocks(len(index), folds, gap)
        if labels is not None:
            return splits.stratified(labels[index], folds, seed)
        return splits.k_fold(len(index), folds, seed)

    return splits.nested(outer, inner)


def _first(found: Splits) -> Splits:
    return Splits(found.train[:1], found.test[:1], ("holdout",))


def _with_gap(outer: Splits, gap: int) -> Splits:
    """Training samples nearer than `gap` to a test sample lose their weight."""
    test = outer.test[0] > 0
    if 2 * gap + 1 > len(test):
        raise ValueError(f"gap is {gap}: too wide for {len(test)} samples")
    near = np.convolve(test, np.ones(2 * gap + 1), mode="same") > 0
    return Splits(np.where(near, 0, outer.train).astype(np.float32), outer.test, outer.names)
