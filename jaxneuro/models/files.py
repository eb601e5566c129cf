"""Any model of samples that lie in a file, told which rows of it: they may be more than memory."""

from __future__ import annotations

import functools
import mmap
import os
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.models.seen import seen_by
from jaxneuro.types import Array, Closed, Model

_KEPT_BYTES = 2**30  # that any system keeps of a file that it has read


class _File(NamedTuple):
    """A `.npy` file as a value; `changed`: when it was written, so that another is another."""

    path: str
    tail: tuple[int, ...]
    rows: int
    changed: int
    unit: float


def of_file(model: Model, path: str | os.PathLike, unit: float = 1.0) -> Model:
    """`model` of the rows of a `.npy` file that is larger than memory, for an `x` that says which
    row is each sample: `make_inputs({"row": np.arange(len(y))}, y)`.

    A step reads the rows of its minibatch (`make_fit(batch=)`), each fit its own, and scores are
    read a block of so many rows at a time: the same fit, to rounding, as of the array in memory.
    Without `batch` each fit would read all rows in every step. The disk is asked for all rows of a
    step at once, and the system keeps in free memory what it has read. The file must lie where
    every process of the run finds it; `Search.save` needs the model of the array itself.

    Args:
      model: of (sample, *feature) float32; its first layer is no longer one that `x` meets, so that
        `standardise` has nothing to fold into.
      path: of (row, *feature) numbers.
      unit: what they are divided by, such as 255 of pixels.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it holds no array of numbers, or the unit is not positive.
      TypeError: at tracing, of an `x` that is no array of whole numbers.
    """
    path = Path(path).resolve()
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim < 1 or not array.size or array.dtype.kind not in "biuf":
        raise ValueError(f"of_file: {path.name} holds {array.dtype} {array.shape}: it must be "
                         "numbers (row, *feature)")  # fmt: skip
    if not 0 < unit < np.inf:
        raise ValueError(f"of_file: unit is {unit!r}, must be positive")
    changed = path.stat().st_mtime_ns
    held = _File(str(path), array.shape[1:], len(array), changed, float(unit))
    return seen_by(model, Closed(_read, (held,)))


def _numbers(x: Array) -> Array:
    leaves = jax.tree.leaves(x)
    if len(leaves) != 1 or not jnp.issubdtype(leaves[0].dtype, jnp.integer):
        told = ", ".join(f"{a.dtype} {a.shape}" for a in leaves)
        raise TypeError(f'of_file: x is {told}: give the numbers of rows by a name, {{"row": '
                        "numbers}, so that they stay whole")  # fmt: skip
    return leaves[0].reshape(leaves[0].shape[0])


def _read(held: _File, x: Array) -> Array:
    """(sample, *feature) by a call back to the host."""
    numbers, kind = _numbers(x), jnp.result_type(float)
    shape = jax.ShapeDtypeStruct((*numbers.shape, *held.tail), kind)
    read = functools.partial(_rows, held, np.dtype(kind))
    return jax.pure_callback(read, shape, numbers, vmap_method="expand_dims")


def _rows(held: _File, kind: np.dtype, numbers: Array) -> np.ndarray:
    asked = np.asarray(numbers)
    if asked.size and not (asked.min() >= 0 and asked.max() < held.rows):
        wrong = asked[(asked < 0) | (asked >= held.rows)][0]
        raise IndexError(f"of_file: row {wrong} of {held.path}, which has {held.rows}")
    once, back = np.unique(asked, return_inverse=True)  # in the order of the file
    found = np.asarray(_opened(held).read(once), kind) / kind.type(held.unit)
    return found[back.reshape(asked.shape)]


@functools.lru_cache(8)
def _opened(held: _File) -> _Disk:
    return _Disk(np.load(held.path, mmap_mode="r", allow_pickle=False))


class _Disk:
    """Rows of an array in a file, of which the disk is asked for many at once. Read one after the
    other, each waits for its own, and for what the system reads ahead around it."""

    def __init__(self, array: np.ndarray):
        self.array, self._pages = array, array.base
        self._recent = np.zeros(len(array), bool)  # asked for, and hardly forgotten since
        self._bytes = 0  # of these

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Rising rows."""
        row, pages = self.array.strides[0], self._pages
        if isinstance(pages, mmap.mmap) and self.array.flags.c_contiguous and row:
            self._fetch(rows[~self._recent[rows]].astype(np.int64), row, pages)
        return self.array[rows]

    def _fetch(self, rows: np.ndarray, row: int, pages: mmap.mmap) -> None:
        if not rows.size or not hasattr(pages, "madvise"):  # as on Windows
            return
        if self._bytes > _KEPT_BYTES:
            self._recent[:], self._bytes = False, 0
        self._recent[rows] = True
        self._bytes += rows.size * row
        begins = rows * row + (len(pages) - self.array.nbytes)  # behind the header
        first, last = begins // mmap.PAGESIZE, (begins + row - 1) // mmap.PAGESIZE
        apart = np.flatnonzero(first[1:] > last[:-1] + 1) + 1
        for begin, end in zip(first[np.r_[0, apart]], last[np.r_[apart - 1, -1]], strict=True):
            place, size = int(begin) * mmap.PAGESIZE, int(end - begin + 1) * mmap.PAGESIZE
            pages.madvise(mmap.MADV_WILLNEED, place, min(size, len(pages) - place))
