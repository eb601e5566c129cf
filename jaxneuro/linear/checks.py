"""What ridge searches ask of their arguments."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.blocks import cut, held, refuse_infinite
from jaxneuro.splits import Splits


def checked(
    where: str, x: ArrayLike, y: Any, splits: Splits, l2: ArrayLike
) -> tuple[np.ndarray, Any, np.ndarray, np.ndarray, np.ndarray]:
    """x (sample, *feature), y (sample, target) as it was given if it is cut by columns, both parts
    of the splits as bool (fold, sample), and l2 (P,) float64.

    Raises:
      ValueError: by `where`, what is wrong.
    """
    x, y, l2 = np.asarray(x), cut(y), np.asarray(l2, np.float64)
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        raise ValueError(f"{where}: x ({x.dtype}) and y ({y.dtype}) must be numbers")
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{where}: x {x.shape} must be (sample, *feature), and not empty")
    if len(y.shape) != 2 or y.shape[0] != len(x):
        raise ValueError(f"{where}: y {y.shape} must be (sample, target), x has {len(x)}")
    if l2.ndim != 1 or not l2.size or not (l2 > 0).all():
        raise ValueError(f"{where}: l2 must be a list of penalties above 0")
    train, test = np.asarray(splits.train) > 0, np.asarray(splits.test) > 0
    if train.shape[1] != len(x):
        raise ValueError(f"{where}: splits of {train.shape[1]} samples, x has {len(x)}")
    if not (train.any(axis=1) & test.any(axis=1)).all():
        raise ValueError(f"{where}: a fold has no samples to fit, or none to score")
    if held(y):
        refuse_infinite(f"{where}: y", y, used_of(train, test))
    return x, y, train, test, l2


def used_of(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(sample,) bool: those of any fold."""
    return np.any([*train, *test], axis=0)


def checked_results(where: str, keep: str, out: Any, shape: tuple[int, int]) -> Any:
    """Where kernels of that shape go; None if they are not kept.

    Raises:
      ValueError: by `where`, what is wrong.
    """
    if keep not in ("all", "scores"):
        raise ValueError(f'{where}: keep is {keep!r}: "all" or "scores"')
    if out is not None and keep == "scores":
        raise ValueError(f'{where}: with keep="scores" there are no kernels for out')
    if out is not None and tuple(out.shape) != shape:
        raise ValueError(f"{where}: out {tuple(out.shape)} must be (feature, target) = {shape}")
    return np.empty(shape) if out is None and keep == "all" else out
