"""Readers of files whose writers we do not know: npz, mat, csv. Nothing in them is ever run."""

import csv
import math
import os
import zipfile
import zlib
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.data.objects import plain_objects

NPZ_LIMIT = 8 * 2**30  # bytes of all arrays of a file, uncompressed

PathLike = str | os.PathLike[str]


def npz_names(path: PathLike) -> tuple[str, ...]:
    """The names of the fields of an npz file, none of which is read.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not an npz, or damaged.
    """
    path = _existing_npz(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(_members(archive))
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path}: damaged ({error}).") from error


def read_npz(
    path: PathLike, limit: int = NPZ_LIMIT, only: Container[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an npz file.

    Sizes are looked at before anything is unpacked, since half a megabyte of zip can hold
    gigabytes. Unpickling runs code, and so is never done: of arrays of Python objects, those of
    strings, bytes, numbers and None are read by other means, and all others are refused.

    Args:
      path: the file.
      limit: the most bytes that its arrays together may take in memory.
      only: names of the fields to read; the others are not looked at. None: all.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not an npz, damaged, too large, or an array of objects; file and field are named.
    """
    path = _existing_npz(path)
    try:
        with zipfile.ZipFile(path) as archive:
            fields = {
                name: info
                for name, info in _members(archive).items()
                if only is None or name in only
            }
            if (size := sum(info.file_size for info in fields.values())) > limit:
                raise ValueError(
                    f"{path}: its arrays take {size} bytes unpacked, above the limit of {limit}. "
                    "If the file is meant to be that large, raise `limit`."
                )
            return {name: _npy(archive, info, path, name) for name, info in fields.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"{path}: damaged or encrypted ({error}).") from error


def _existing_npz(path: PathLike) -> Path:
    path = _existing(path)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not an npz file. Write one with np.savez({path.name!r}, x=..).")
    return path


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The fields of an npz by name."""
    return {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }


def _npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> np.ndarray:
    """One array of an npz, if its header tells the truth about its size."""
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, _, dtype = read(file)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path}: field {name!r} is not a plain array ({error}).") from error
        if dtype.hasobject:
            try:
                return plain_objects(file.read(), shape)
            except ValueError as error:
                raise ValueError(
                    f"{path}: field {name!r} holds Python objects that are not all strings or "
                    f"numbers ({error}), which are never unpickled. Save plain numbers, "
                    "np.asarray(field, dtype=np.float32), padded if ragged, or strings, "
                    "np.asarray(field, dtype=str)."
                ) from error
        # numpy reserves what the header claims before it reads, so a lie could exhaust memory.
        if math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise ValueError(f"{path}: field {name!r} does not have the size its header claims.")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def is_mat73(path: PathLike) -> bool:
    """Whether a MATLAB file is of version 7.3, which is HDF5.

    Raises:
      FileNotFoundError: no such file.
    """
    with _existing(path).open("rb") as file:
        start = file.read(520)
    return start.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n" in start


def read_mat(path: PathLike) -> dict[str, Any]:
    """The variables of a MATLAB file, versions 4 to 7.2.

    Structs become objects with attributes, and axes of length 1 are dropped.

    Raises:
      FileNotFoundError: no such file.
      ImportError: scipy is not installed.
      ValueError: version 7.3 (which is HDF5), or not a MATLAB file.
    """
    path = _existing(path)
    if is_mat73(path):
        raise ValueError(
            f"{path}: MATLAB version 7.3 (HDF5): jaxneuro.adapters.read_mat73 reads it; or, in "
            "MATLAB, save it again with save(file, variables, '-v7')."
        )
    try:
        from scipy.io import loadmat
    except ImportError as error:
        message = 'Reading .mat files needs scipy: pip install "jaxneuro[experiments]"'
        raise ImportError(message) from error
    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # scipy raises many kinds for files that are not MATLAB's
        raise ValueError(f"{path}: not a readable MATLAB file ({error}).") from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def read_csv(path: PathLike) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and numbers of a comma-separated table with one header line.

    Returns:
      The column names, and the table (row, column) as float64; write a missing value as `nan`.

    Raises:
      FileNotFoundError: no such file.
      ValueError: no header, no rows, or a cell that is no number; line and column are named.
    """
    path = _existing(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        names = tuple(name.strip() for name in next(csv.reader(file), []))
        if not names or all(_is_number(name) for name in names):
            raise ValueError(f"{path}: the first line must name the columns.")
        if len(set(names)) < len(names):
            raise ValueError(f"{path}: two columns have the same name.")
        lines = file.read().splitlines()
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path}: no rows under the header.")
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise ValueError(f"{path}: {_bad_cell(lines, names) or error}") from error
    if table.shape[1] != len(names):
        raise ValueError(f"{path}: {len(names)} names but {table.shape[1]} columns.")
    return names, table


def _bad_cell(lines: list[str], names: tuple[str, ...]) -> str:
    """What is wrong with the first line that is not all numbers; empty if each one is."""
    for number, row in enumerate(csv.reader(lines), start=2):
        if row and len(row) != len(names):
            return f"line {number} has {len(row)} cells, not {len(names)}."
        for name, cell in zip(names, row, strict=False):
            if not _is_number(cell):
                what = f"line {number}, column {name!r}: {cell!r} is no number"
                return f"{what}; write a missing value as nan."
    return ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _existing(path: PathLike) -> Path:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    return path
