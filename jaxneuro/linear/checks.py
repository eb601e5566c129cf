"""What ridge searches ask of their arguments."""

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.splits import Splits


def checked(
    where: str, x: ArrayLike, y: ArrayLike, splits: Splits, l2: ArrayLike
) -> tuple[np.ndarray, ...]:
    """x (sample, *feature), y (sample, target), both parts of the splits as bool (fold, sample),
    and l2 (P,) float64.

    Raises:
      ValueError: by `where`, what is wrong.
    """
    x, y, l2 = np.asarray(x), np.asarray(y), np.asarray(l2, np.float64)
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        raise ValueError(f"{where}: x ({x.dtype}) and y ({y.dtype}) must be numbers")
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{where}: x {x.shape} must be (sample, *feature), and not empty")
    if y.ndim != 2 or len(y) != len(x):
        raise ValueError(f"{where}: y {y.shape} must be (sample, target), x has {len(x)}")
    if l2.ndim != 1 or not l2.size or not (l2 > 0).all():
        raise ValueError(f"{where}: l2 must be a list of penalties above 0")
    train, test = np.asarray(splits.train) > 0, np.asarray(splits.test) > 0
    if train.shape[1] != len(x):
        raise ValueError(f"{where}: splits of {train.shape[1]} samples, x has {len(x)}")
    if not (train.any(axis=1) & test.any(axis=1)).all():
        raise ValueError(f"{where}: a fold has no samples to fit, or none to score")
    return x, y, train, test, l2
