"""What is asked of the arrays that go into a statistic, and said of those that do not fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def numbers(name: str, values: ArrayLike) -> Floats:
    """The values in float64: finite, or NaN where one is missing.

    Raises:
      ValueError: names the field: no numbers, or infinite ones.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}: it must be numbers")
    array = array.astype(np.float64)
    if (infinite := np.isinf(array)).any():
        at = tuple(int(i) for i in np.argwhere(infinite)[0])
        raise ValueError(
            f"{name} has {int(infinite.sum())} infinite values, the first at {at}: set them to "
            "NaN to leave them out"
        )
    return array


def resampled(name: str, values: ArrayLike, target: tuple[int, ...] | None = None) -> Floats:
    """`numbers` with a leading axis of resamples, (resample, *target).

    Raises:
      ValueError: there is no resample, or `*target` is another.
    """
    array = numbers(name, values)
    if not array.ndim or not len(array):
        raise ValueError(
            f"{name} has shape {array.shape}: it must be (resample, *target), not empty"
        )
    if target is not None and array.shape[1:] != target:
        raise ValueError(
            f"{name} has shape {array.shape}: it must be (resample, *target) = (resample, "
            f"{', '.join(map(str, target))})"
        )
    return array


def fraction(name: str, value: float) -> float:
    """A number between 0 and 1, neither included."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}: it must lie between 0 and 1")
    return float(value)
