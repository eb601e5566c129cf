"""Folds as sums of cells: samples that all folds treat alike are added up once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.classify.trials import trials_of
from jaxneuro.sizes import bucket
from jaxneuro.splits import Splits


class Cells(NamedTuple):
    """Folds whose training parts are sums of few cells of samples.

    Attributes:
      place: (cell, place) sample.
      inside: (cell, place) 1; 0 is padding.
      weight: (fold, cell) with which a cell trains a fold.
      test, test_weight: (fold, place) held-out samples, and their weight; 0 is padding.
    """

    place: Any
    inside: Any
    weight: Any
    test: Any
    test_weight: Any


def cells_of(splits: Splits) -> Iterator[tuple[NDArray[np.intp], Cells]]:
    """Which folds go together, and their cells. Folds that part the samples in one way, such as
    those of `k_fold`, have no more cells than folds; repeats with other parts go on their own."""
    left = list(range(len(splits.names)))
    while left:
        chosen: list[int] = []
        for fold in left:
            if not chosen or _kinds(splits, [*chosen, fold]) <= 2 * len(chosen) + 3:
                chosen.append(fold)
        left = [fold for fold in left if fold not in chosen]
        folds = np.array(chosen)
        yield folds, _cells(splits, folds)


def _kinds(splits: Splits, folds: list[int]) -> int:
    return len(np.unique(splits.train[folds], axis=1).T)


def _cells(splits: Splits, folds: NDArray[np.intp]) -> Cells:
    train = splits.train[folds]
    used = np.flatnonzero((train > 0).any(axis=0))
    weight, kind = np.unique(train[:, used], axis=1, return_inverse=True)
    members = [used[kind.ravel() == k] for k in range(weight.shape[1])]
    size = bucket(max(map(len, members)))
    place, inside = np.zeros((len(members), size), np.int32), np.zeros((len(members), size))
    for k, samples in enumerate(members):
        place[k, : len(samples)], inside[k, : len(samples)] = samples, 1
    tested = trials_of(splits.test[folds], splits.test[folds], splits.test.shape[1])
    return Cells(
        place, inside.astype(np.float32), weight.astype(np.float32),
        tested.test, tested.test_weight,
    )  # fmt: skip
