"""Features made of each value, or of a few successive ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def with_squares(x: ArrayLike, fitted: ArrayLike | None = None) -> NDArray[np.float32]:
    """Features and their squares about the mean: (time, *feature) -> (time, 2·features).

    The mean is that of the samples `fitted` (time,) bool, so that held-out ones have no say; None:
    of all.
    """
    flat = np.asarray(x, np.float64).reshape(len(np.asarray(x)), -1)
    known = flat if fitted is None else flat[np.asarray(fitted, bool)]
    squares = np.square(flat - known.mean(axis=0))
    return np.concatenate([flat, squares], axis=1).astype(np.float32)


def bin_means(x: ArrayLike, size: int) -> NDArray[np.float32]:
    """Means of `size` successive samples: (time, *) -> (time // size, *).

    >>> bin_means([1, 3, 5, 7, 9], 2).tolist()
    [2.0, 6.0]
    """
    x = np.asarray(x, np.float64)
    whole = len(x) // size * size
    return x[:whole].reshape(-1, size, *x.shape[1:]).mean(axis=1).astype(np.float32)
