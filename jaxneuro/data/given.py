"""Arrays that somebody gave, checked, with messages that name the field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbers_of(name: str, values: ArrayLike) -> np.ndarray:
    """(sample, ...) floating numbers.

    Raises:
      ValueError: names the field.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "biuf" or found.ndim == 0 or not found.size:
        raise ValueError(f"{name} has dtype {found.dtype} and shape {found.shape}: it must be "
                         "numbers, samples first")  # fmt: skip
    return found if found.dtype.kind == "f" else found.astype(np.float32)


def finite(name: str, values: np.ndarray) -> None:
    """Refuses values that are not.

    Raises:
      ValueError: names the field and the place of the first.
    """
    if not np.isfinite(values).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
        raise ValueError(f"{name} has values that are NaN or infinite, the first at {where}")


def labels_of(name: str, values: ArrayLike | None, samples: int) -> NDArray[Any] | None:
    """(sample,) labels of any kind; None stays None.

    Raises:
      ValueError: names the field.
    """
    if values is None:
        return None
    found = np.asarray(values)
    if found.shape != (samples,):
        raise ValueError(f"{name} has shape {found.shape}: it must be (sample,) = ({samples},)")
    return found
