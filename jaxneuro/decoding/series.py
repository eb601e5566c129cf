"""Folds, trials and scores of time series, on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.labels import categories, plain
from jaxneuro.sizes import bucket
from jaxneuro.splits import NestedSplits, Splits, blocks, group_k_fold, nested

_INNER = 3  # folds


def folds_of(splits: Any, samples: int) -> tuple[Splits, NestedSplits | None]:
    if not hasattr(splits, "train") or splits.train.ndim not in (2, 3):
        raise ValueError(f"splits is {splits!r:.80}: pass what jaxneuro.splits gives")
    if splits.train.shape[-1] != samples:
        raise ValueError(f"splits are of {splits.train.shape[-1]} samples, and x has {samples}")
    if splits.train.ndim == 2:
        return splits, None
    outer = Splits(splits.train[:, -1], splits.test[:, -1], splits.names)
    return outer, splits if splits.train.shape[1] > 1 else None


def inner_of(outer: Splits, trials: ArrayLike | None) -> NestedSplits:
    def split(index: NDArray[np.intp]) -> Splits:
        if trials is None:
            return blocks(len(index), _INNER)
        return group_k_fold(np.asarray(trials)[index], _INNER)

    return nested(outer, split)


def trials_of(
    trials: ArrayLike | None, samples: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(time,) numbers of the trials, padded by -1, and where one starts.

    Raises:
      ValueError: of another length, or a trial in pieces.
    """
    number = np.zeros(samples, np.int32)
    if trials is not None:
        number = categories(plain(trials, "trials"), "trials")[0]
        if len(number) != samples:
            raise ValueError(f"trials is ({len(number)},): it must be (time,) = ({samples},)")
    starts = np.r_[True, number[1:] != number[:-1]]
    if starts.sum() > len(np.unique(number)):
        raise ValueError("trials: one of them is in pieces: each must be contiguous")
    padding = bucket(samples) - samples
    return np.pad(number, (0, padding), constant_values=-1), np.pad(
        starts, (0, padding), constant_values=True
    )


def choices(name: str, values: Any) -> NDArray[np.float64]:
    found = np.atleast_1d(np.asarray(values, np.float64))
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise ValueError(f"{name} is {values!r:.80}: it must be a number or a list of them")
    return found


def r2(y: NDArray, prediction: NDArray) -> NDArray[np.float64]:
    """(output,) 1 - SSE / SST where y is there; NaN where it does not vary."""
    there = ~np.isnan(y)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, y, 0).sum(axis=0, dtype=np.float64) / count
    left = np.square(np.where(there, y - prediction, 0)).sum(axis=0, dtype=np.float64)
    total = np.square(np.where(there, y - mean, 0)).sum(axis=0, dtype=np.float64)
    return np.where(total > 0, 1 - left / np.where(total > 0, total, 1), np.nan)
