"""Targets a block at a time: of an array, of a memory map, or of whatever is cut by columns."""

import mmap
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

_HELD = 2**29  # bytes of a block of targets, with what is made of them
_ROUND = 256  # blocks are as many times so many targets
_MAPPED = 2**26  # bytes of a memory map that may be in this process at a time


def cut(y: Any) -> Any:
    """`y`, if its columns can be read apart (`shape`, `dtype` and `y[:, first:last]`, as arrays of
    zarr and h5py have); else the array made of it."""
    apart = isinstance(getattr(y, "dtype", None), np.dtype) and hasattr(y, "__array__")
    return y if apart and len(y.shape) == 2 and not isinstance(y, jax.Array) else np.asarray(y)


def held(y: Any) -> bool:
    """Whether it is all in memory anyway."""
    return isinstance(y, np.ndarray) and _map_of(y) is None


def width_of(y: Any, bytes_each: int) -> int:
    """Targets in a block, of so many bytes each beside the target itself, twice."""
    samples, targets = y.shape
    most = max(_HELD // (2 * samples * y.dtype.itemsize + bytes_each), _ROUND)
    if most >= targets:
        return targets
    even = -(-targets // -(-targets // (most // _ROUND * _ROUND)))
    return min(-(-even // _ROUND) * _ROUND, targets)


def blocks(y: Any, used: np.ndarray, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Which targets, and their samples that are `used`, (sample, width).

    The last block begins early, to be as wide as the others: one program serves all.
    """
    targets = y.shape[1]
    for first in range(0, targets, width or 1):
        first = min(first, targets - width)
        at = slice(first, first + width)
        block = read(y, at)
        yield at, block if used.all() else block[used]


def read(y: Any, at: slice) -> np.ndarray:
    """These targets of all samples."""
    if not isinstance(y, np.ndarray) or held(y):
        return np.asarray(y[:, at])
    block = np.empty((len(y), at.stop - at.start), y.dtype)
    for rows in _by_rows(y):
        block[rows] = y[rows, at]
    return block


def put(
    out: Any,
    bias: np.ndarray,
    at: slice,
    kernel: np.ndarray,
    mean_y: np.ndarray,
    mean_x: np.ndarray,
) -> None:
    """Kernels (feature, width) of a block into `out`; its biases are then of offsets, too."""
    # feature by feature, and not as a product, so that its bits are those of a block of any width
    bias[at] += mean_y - (mean_x[:, None] * kernel).sum(axis=0)
    for rows in _by_rows(out):
        out[rows, at] = kernel[rows]


def _by_rows(array: Any) -> Iterator[slice]:
    """All rows; of a memory map a few at a time, after which its pages leave this process. They are
    the file's, and the system keeps them while it has room; but for a few columns of a row it may
    bring in the row."""
    pages = _map_of(array) if isinstance(array, np.ndarray) else None
    if pages is None or not hasattr(pages, "madvise"):
        yield slice(None)
        return
    step = max(_MAPPED // max(abs(array.strides[0]), 1), 1)
    for first in range(0, len(array), step):
        yield slice(first, first + step)
        pages.madvise(mmap.MADV_DONTNEED)


def _map_of(array: Any) -> mmap.mmap | None:
    """The memory map behind an array; None where changes are the process' own (mode "c")."""
    while isinstance(array, np.ndarray):
        if getattr(array, "mode", None) == "c":
            return None
        array = array.base
    return array if isinstance(array, mmap.mmap) else None


def refuse_infinite(name: str, y: np.ndarray, used: np.ndarray) -> None:
    """Before the work, where that costs no reading.

    Raises:
      ValueError: a target of an array in memory has infinite values.
    """
    for start in range(0, y.shape[1] if y.dtype.kind == "f" else 0, _ROUND):
        if np.isinf(y[:, start : start + _ROUND])[used].any():
            raise ValueError(f"{name} must be finite or NaN (missing)")


def tell_infinite(name: str, infinite: np.ndarray) -> None:
    """Warns of targets (bool) that were found to have infinite values while they were read."""
    if infinite.any():
        warnings.warn(
            f"{name} has infinite values in {int(infinite.sum())} of {len(infinite)} targets, the "
            f"first is {int(infinite.argmax())}: these are NaN throughout",
            stacklevel=3,
        )
