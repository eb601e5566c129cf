"""What splitters share: parts of the samples as weights, and the checks of what was given."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.splits.types import Splits


def from_parts(
    parts: list[NDArray[np.intp]], samples: int, names: tuple[str, ...] | None = None
) -> Splits:
    """Each part (indices, disjoint) is the test of one fold, and trains all the others."""
    test = weights(parts, samples)
    train = test.sum(axis=0) - test
    return Splits(train, test, names or tuple(str(k) for k in range(len(parts))))


def weights(parts: list[NDArray[np.intp]], samples: int) -> NDArray[np.float32]:
    """(part, sample): 1 at the indices of each part."""
    made = np.zeros((len(parts), samples), np.float32)
    for row, index in zip(made, parts, strict=True):
        row[index] = 1
    return made


def checked(splits: Splits, reason: str) -> Splits:
    """The splits, if every fold has something to train on, something to test, and not the same."""
    for name, train, test in zip(splits.names, splits.train, splits.test, strict=True):
        for part, weight in (("train on", train), ("test", test)):
            if not weight.any():
                raise ValueError(f"{reason}: fold {name} has no samples to {part}")
        if np.any((train > 0) & (test > 0)):
            raise ValueError(f"{reason}: fold {name} tests samples that it trains on")
    return splits


def warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


def check_integer(name: str, value: int, least: int) -> None:
    try:
        enough = operator.index(value) >= least
    except TypeError:
        enough = False
    if not enough:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_folds(folds: int, available: int, what: str) -> None:
    check_integer("folds", folds, least=2)
    if folds > available:
        raise ValueError(f"folds = {folds}, but there are only {available} {what} to split")


def index_within(mask: ArrayLike | None, samples: int, name: str = "within") -> NDArray[np.intp]:
    """Sorted indices of the samples that the mask lets through."""
    check_integer("samples", samples, least=0)
    if mask is None:
        return np.arange(samples)
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (samples,):
        raise ValueError(
            f"{name} must be bool (sample,) = ({samples},), got {mask.dtype} {mask.shape}"
        )
    return np.flatnonzero(mask)


def values_within(
    name: str, values: ArrayLike, within: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Groups or labels, (sample,), and the indices to split; none of these may be missing."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be (sample,), got {array.shape}")
    index = index_within(within, len(array))
    split = array[index]
    missing = index[(split != split) | (split == np.array(None))]
    if len(missing):
        raise ValueError(
            f"{name} has {len(missing)} missing values, the first at sample {missing[0]}: "
            "leave these samples out by within"
        )
    return array, index
