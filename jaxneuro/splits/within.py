"""Folds within folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxneuro.splits.parts import checked
from jaxneuro.splits.types import NestedSplits, Splits


def nested(outer: Splits, inner: Callable[[NDArray[np.intp]], Splits]) -> NestedSplits:
    """Splits of each outer fold's training samples, for choosing hyper-parameters without leaks.

    The last inner row of each outer fold is the *refit*: all its training samples, scored on its
    test samples. Search and refit are then rows of one array, so that one compiled program, in one
    pass, fits both: choose by the mean score of the rows before the last, report the last.

    Samples outside an outer fold's training part (its test, its gap) have weight 0 in all of its
    search rows.

    Args:
      outer: the folds to report.
      inner: called for each outer fold with the sorted indices of its training samples; returns
        Splits of just these: `lambda index: group_k_fold(groups[index], 5)`. The same number
        of folds every time. The gap of `blocks` inside counts training samples only, and so is
        never narrower than outside.

    Raises:
      ValueError: what `inner` raises, with the outer fold's name before it; inner splits of other
        shapes, a differing number of them, or with an empty or overlapping train and test.
    """
    checked(outer, "outer")
    rows = [_inner_rows(outer, inner, fold) for fold in range(len(outer.names))]
    counts = [train.shape[0] - 1 for train, _ in rows]
    if len(set(counts)) > 1:
        listed = ", ".join(
            f"{count} in fold {name}" for name, count in zip(outer.names, counts, strict=True)
        )
        raise ValueError(f"inner must give each outer fold the same number of folds; got {listed}")
    train, test = (np.stack(part) for part in zip(*rows, strict=True))
    return NestedSplits(train, test, outer.names)


def _inner_rows(
    outer: Splits, inner: Callable[[NDArray[np.intp]], Splits], fold: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Train and test of one outer fold, each (inner + 1, sample), the refit last."""
    index = np.flatnonzero(outer.train[fold])
    try:
        splits = inner(index)
        expected = (len(splits.names), len(index))
        if not splits.train.shape == splits.test.shape == expected:
            raise ValueError(
                f"train {splits.train.shape} and test {splits.test.shape} must be (fold, training "
                f"sample of the outer fold) = {expected}"
            )
        checked(splits, "splits given by inner")
    except ValueError as error:
        raise ValueError(f"inner, within outer fold {outer.names[fold]}: {error}") from error
    train, test = np.zeros((2, len(splits.names) + 1, outer.train.shape[1]), np.float32)
    train[:-1, index], test[:-1, index] = splits.train, splits.test
    train[-1], test[-1] = outer.train[fold], outer.test[fold]
    return train, test
