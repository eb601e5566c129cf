"""Folds as weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Splits(NamedTuple):
    """Folds of one cross-validation; weights of 0 and 1 (or how often `from_indices` drew it)."""

    train: NDArray[np.float32]  # (fold, sample) what is fitted
    test: NDArray[np.float32]  # (fold, sample) what is scored
    names: tuple[str, ...]  # (fold,)


class NestedSplits(NamedTuple):
    """Folds within folds; the last of each outer fold's inner rows is its refit (see `nested`)."""

    train: NDArray[np.float32]  # (outer, inner + 1, sample) what is fitted
    test: NDArray[np.float32]  # (outer, inner + 1, sample) what is scored
    names: tuple[str, ...]  # (outer,)
