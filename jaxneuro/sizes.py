"""Few sizes in place of many, so that programs compiled for one recording serve the next."""

from typing import Any

import numpy as np


def bucket(size: int, octave: int = 8) -> int:
    """The least of so many sizes an octave (a power of two) that is not below `size`."""
    step = max(1, (1 << size.bit_length() - 1) // octave)
    return -(-size // step) * step


def grown(array: Any, size: int, at: int = -1, zeros: bool = False) -> np.ndarray:
    """`array` with its axis `at` of that size: by zeros, or by its last part over again, so that
    what takes logarithms of real data takes those of the padding too."""
    array = np.asarray(array)
    last = np.take(array, [-1], axis=at)  # np.pad takes several times as long
    more = np.repeat(np.zeros_like(last) if zeros else last, size - array.shape[at], axis=at)
    return np.concatenate([array, more], axis=at)
