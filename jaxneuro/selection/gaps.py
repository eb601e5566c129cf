"""Contiguous parts of a time series, with as wide a gap between them as there is room for."""

import numpy as np

from jaxneuro import splits
from jaxneuro.splits import Splits


def contiguous(count: int, folds: int, gap: int, told: list[str]) -> Splits:
    """Blocks of time with the gap, or with as many folds and as wide a gap as there is room for."""
    possible = [f for f in range(2, min(folds, count) + 1) if _widest(count, f) >= gap]
    if not possible:
        narrower = _widest(count, 2)
        told.append(
            f"{count} samples to fit are too few for gaps of {gap} samples: the inner folds are 2 "
            f"instead of {folds}, with gaps of {narrower}; neighbours in time may make their "
            "scores too good"
        )
        return splits.blocks(count, 2, narrower)
    if max(possible) < folds:
        told.append(
            f"{count} samples to fit are too few for {folds} inner folds with gaps of {gap} "
            f"samples: {max(possible)} inner folds"
        )
    return splits.blocks(count, max(possible), gap)


def _widest(count: int, folds: int) -> int:
    """The widest gap that leaves each of `folds` contiguous folds a sample to train on."""
    parts = np.array_split(np.arange(count), folds)
    return min(max(part[0], count - 1 - part[-1]) for part in parts) - 1


def with_gap(outer: Splits, gap: int, told: list[str]) -> Splits:
    """Training samples within the gap of a test sample lose their weight."""
    test, time = np.flatnonzero(outer.test[0]), np.arange(outer.test.shape[1])
    after = np.searchsorted(test, time)
    distance = np.minimum(
        np.abs(time - test[np.minimum(after, len(test) - 1)]),
        np.abs(time - test[np.maximum(after - 1, 0)]),
    )
    away = np.sort(distance[distance > 0])  # of the samples to fit, nearest first
    # Two folds of two samples are the least that the rest must allow.
    asked, gap = gap, min(gap, int(away[-min(4, len(away))]) - 1)
    left = int(np.count_nonzero(away > gap))
    if gap < asked:
        told.append(
            f"{len(time)} samples are too few for a gap of {asked} around the held-out part: the "
            f"gap is {gap}; neighbours in time may make the score too good"
        )
    if left < len(away) / 2:
        told.append(
            f"gaps of {gap} samples around the held-out part leave {left} of {len(away)} samples "
            "to fit"
        )
    train = np.where(distance > gap, outer.train, 0).astype(np.float32)
    return Splits(train, outer.test, outer.names)
