"""What `decode_epochs` is made with, chosen on inner folds: by every order of the labels anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.splits import NestedSplits, Splits


class Setting(NamedTuple):
    """See `decode_epochs`."""

    components: int
    shrinkage: float
    l2: float


Run = Callable[[Setting, NDArray[Any]], NDArray[Any]]
"""A setting, and weights (fold, trial) -> the classes (fold, order, trial) that trials are taken
for, by every order of the labels."""


def settings(
    features: str,
    decoder: str,
    components: int | Sequence[int],
    shrinkage: float | Sequence[float],
    l2: float | Sequence[float],
) -> tuple[Setting, ...]:
    """All that there is to choose from. What the features or the decoder do not take stays out.

    Raises:
      ValueError: an empty list, or a value out of range.
    """
    given = [np.atleast_1d(np.asarray(a)) for a in (components, shrinkage, l2)]
    counts, shares, strengths = given
    fine = all(a.ndim == 1 and a.size and a.dtype.kind in "iuf" for a in given)
    fine = fine and (counts >= 1).all() and (counts % 1 == 0).all() and (strengths > 0).all()
    if not fine or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(
            "components must be whole numbers from 1, shrinkage from 0 to 1, and l2 above 0: each "
            "a number, or a list to choose from"
        )
    taken = taken_by(features, decoder)
    kept = (a if name in taken else a[:1] for name, a in zip(Setting._fields, given, strict=True))
    every = itertools.product(*(a.tolist() for a in kept))
    return tuple(Setting(int(count), share, strength) for count, share, strength in every)


def taken_by(features: str, decoder: str) -> tuple[str, ...]:
    """Names of what the features and the decoder take of a setting."""
    own = "components" if features == "csp" else "shrinkage"
    return (own, "l2") if decoder == "logistic" else (own,)


def inner_splits(nested: NestedSplits) -> Splits:
    """All inner folds in a row."""
    folds, count = nested.train.shape[0], nested.train.shape[1] - 1
    train, test = (part[:, :-1].reshape(folds * count, -1) for part in (nested.train, nested.test))
    names = tuple(f"{name}, inner {i}" for name in nested.names for i in range(count))
    return Splits(train, test, names)


def chosen(
    run: Run, every: Sequence[Setting], nested: NestedSplits, orders: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The place of the setting with the most inner trials right, of equal ones the first, and that
    share: (fold, order) and (fold, order, setting).

    Args:
      orders: (order, trial) labels.
    """
    folds, count = nested.train.shape[0], nested.train.shape[1] - 1
    train, test, _ = inner_splits(nested)
    weight = test.astype(np.float64)
    found = []
    for setting in every:
        right = ((run(setting, train) == orders) * weight[:, None]).sum(axis=2)  # (row, order)
        together = right.reshape(folds, count, -1).sum(axis=1)
        found.append(together / weight.sum(axis=1).reshape(folds, count).sum(axis=1)[:, None])
    shares = np.stack(found, axis=-1)
    return shares.round(9).argmax(axis=-1), shares
