"""MATLAB files of version 7.3, which are HDF5."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.adapters import hdf5
from jaxneuro.data.files import NPZ_LIMIT
from jaxneuro.extras import needed

_DEEPEST = 32  # cells within each other
_RANK = 32  # of an HDF5 array, at most
_NUMBERS = ("double", "single", "logical", "char", *(f"{u}int{b}" for u in ("", "u")
                                                    for b in (8, 16, 32, 64)))  # fmt: skip


def read_mat73(
    path: str | os.PathLike[str], only: Collection[str] | None = None, limit: int = NPZ_LIMIT
) -> dict[str, Any]:
    """The variables of a MATLAB file of version 7.3, in MATLAB's order of axes.

    As `data.read_mat` of older versions: axes of length 1 are dropped, and an array of one is a
    number. Cells are lists (of a cell matrix, lists of its rows), structs are dicts, of a struct
    array with a list for each field. Nothing outside of the file is ever read: links and data that
    lie elsewhere are refused.

    Args:
      path: the file.
      only: names of the variables to read. None: all.
      limit: the most bytes that they together may take in memory.

    Raises:
      FileNotFoundError: no such file.
      ImportError: h5py is not installed.
      ValueError: not HDF5; or names the variable that is missing, is a link, is of a class that is
        not known (tables, strings, handles, sparse), or is too large.
    """
    with hdf5.opened(path, "matlab") as file, hdf5.reading(str(path)):
        there = [name for name in map(str, file) if not name.startswith("#")]
        wanted = there if only is None else list(only)
        for name in wanted:
            if name not in there:
                raise ValueError(f"{path}: no variable {name!r} among {there}")
        reader = _Reader(file, str(path), limit)
        return {name: reader.variable(name) for name in wanted}


_UNDONE = object()


@dataclass
class _Reader:
    file: Any
    path: str
    left: int  # bytes
    known: dict[int, Any] = field(default_factory=dict)  # by address

    def variable(self, name: str) -> Any:
        where = f"{self.path}: variable {name!r}"
        with hdf5.reading(where):
            return self.read(hdf5.member(self.file, name, where), name)

    def read(self, found: Any, name: str, depth: int = 0) -> Any:
        """Each object once, however many cells hold it; `_UNDONE` while it is being read."""
        where = f"{self.path}: variable {name!r}"
        if depth > _DEEPEST:
            raise ValueError(f"{where}: more than {_DEEPEST} cells or structs within each other")
        place = hdf5.address(found)
        if self.known.get(place) is _UNDONE:
            raise ValueError(f"{where}: holds itself")
        if place not in self.known:
            self.known[place] = _UNDONE
            self.known[place] = self._read(found, name, where, depth)
        return self.known[place]

    def _read(self, found: Any, name: str, where: str, depth: int) -> Any:
        hdf5.check_inside(found, where)
        attributes = found.attrs
        kind = attributes.get("MATLAB_class", b"")
        kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
        if "MATLAB_sparse" in attributes:
            raise ValueError(f"{where}: is sparse; save full({name})")
        if not hasattr(found, "shape"):  # a group
            if kind not in ("", "struct") or not hasattr(found, "keys"):
                raise ValueError(f"{where}: of class {kind or 'unknown'}, which is not read")
            fields = {key: f"{name}.{key}" for key in found}
            return {
                key: self.read(
                    hdf5.member(found, key, f"{self.path}: variable {full!r}"), full, depth + 1
                )
                for key, full in fields.items()
            }
        if "MATLAB_empty" in attributes:
            return self._empty(found, kind, where)
        if found.dtype.kind == "O":
            return self._cells(found, kind, name, where, depth)
        if (kind and kind not in _NUMBERS) or "MATLAB_object_decode" in attributes:
            raise ValueError(f"{where}: of class {kind}, which is not read; save numbers or cells")
        return _values(self._array(found, where), kind, where)

    def _array(self, found: Any, where: str) -> NDArray[Any]:
        """As MATLAB has it, if it is no larger than allowed."""
        # A chunk is unpacked whole, and may claim to be larger than the array.
        self.left -= max(found.size, math.prod(found.chunks or (0,))) * found.dtype.itemsize
        if self.left < 0:
            raise ValueError(f"{where}: larger than the limit; if it is meant to be, raise `limit`")
        return np.asarray(found[()]).T

    def _empty(self, found: Any, kind: str, where: str) -> Any:
        if kind == "char":
            return ""
        if kind == "cell":
            return []
        if not 0 < found.size <= _RANK or found.dtype.kind not in "iu":
            raise ValueError(f"{where}: is empty, but of {found.size} axes")
        shape = self._array(found, where).ravel()
        if np.prod(shape.astype(float)) != 0 or shape.max() > np.iinfo(np.int32).max:
            raise ValueError(f"{where}: is empty, but of shape {shape.tolist()}")
        return np.zeros(tuple(int(size) for size in shape))

    def _cells(self, found: Any, kind: str, name: str, where: str, depth: int) -> Any:
        h5py = needed("h5py", "matlab")
        if h5py.check_ref_dtype(found.dtype) is not h5py.Reference:
            raise ValueError(f"{where}: of class {kind or 'unknown'}, which is not read")
        references = self._array(found, where)

        def follow(place: tuple[int, ...]) -> Any:
            own = f"{name}{{{', '.join(str(i + 1) for i in place)}}}"
            if not references[place]:
                raise ValueError(f"{self.path}: variable {own!r}: a reference to nothing")
            return self.read(self.file[references[place]], own, depth + 1)

        if references.ndim > 2:
            raise ValueError(f"{where}: a cell array of {references.ndim} axes; save a matrix")
        if references.ndim < 2 or 1 in references.shape:
            return [follow(place) for place in np.ndindex(references.shape)]
        rows, columns = references.shape
        return [[follow((row, column)) for column in range(columns)] for row in range(rows)]


def _values(array: NDArray[Any], kind: str, where: str) -> Any:
    if kind == "char":
        rows = array.reshape(1, -1) if array.ndim < 2 else array
        if rows.ndim > 2 or rows.dtype.kind not in "iu":
            raise ValueError(f"{where}: characters of shape {array.shape}")
        text = [row.astype("<u2").tobytes().decode("utf-16-le", "replace") for row in rows]
        return text[0] if len(text) == 1 else text
    if array.dtype.names and set(array.dtype.names) == {"real", "imag"}:
        array = array["real"] + 1j * array["imag"]
    if kind == "logical":
        array = array.astype(bool)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{where}: holds {array.dtype}, no numbers")
    array = np.squeeze(array)
    return array.item() if array.ndim == 0 else np.ascontiguousarray(array)
