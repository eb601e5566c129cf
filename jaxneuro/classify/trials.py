"""The trials of folds, as compiled programs take them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.sizes import bucket, grown


class Trials(NamedTuple):
    """The trials of each fold.

    Attributes:
      weight: (fold, trial) of training; 0: not trained on.
      train, train_weight: (fold, place) the same by places, of which some only fill up, weight 0.
      test, test_weight: (fold, place) likewise of testing.
      home: (trial,) where each is tested, fold · places + place, at last; -1: nowhere.
      some: (9,) trials that are trained on in some fold, spread evenly.
    """

    weight: Any
    train: Any
    train_weight: Any
    test: Any
    test_weight: Any
    home: Any
    some: Any


def trials_of(train: NDArray, test: NDArray, count: int) -> Trials:
    """Of (fold, trial) weights; places are padded to one of a few sizes, and trials to `count`."""
    places = _placed(train), _placed(test)
    home = np.full(count, -1, np.int32)
    for number, (place, weight) in enumerate(zip(*places[1], strict=True)):
        there = np.flatnonzero(weight)
        home[place[there]] = number * len(place) + there
    whole = grown(train.astype(np.float32), count, 1, zeros=True)
    used = np.flatnonzero((train > 0).any(axis=0))
    some = used[np.linspace(0, len(used) - 1, 9).round().astype(int)].astype(np.int32)
    return Trials(whole, *places[0], *places[1], home, some)


def _placed(weights: NDArray) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    size = bucket(int((weights > 0).sum(axis=1).max()))
    place = np.zeros((len(weights), size), np.int32)
    kept = np.zeros_like(place, np.float32)
    for row, where, weight in zip(weights, place, kept, strict=True):
        there = np.flatnonzero(row)
        where[: len(there)], weight[: len(there)] = there, row[there]
    return place, kept
