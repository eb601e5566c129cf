"""Labels in any form that people hold them: numbers, strings, one-hot rows, Python objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FORMS = "one whole number, string or bool for each sample, or one-hot rows (sample, class)"


def as_labels(y: ArrayLike, field: str = "y") -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Class labels numbered 0, 1, ..., and what each was called before.

    Args:
      y: (sample,) or (sample, 1) integers, strings, bytes, booleans, whole-number floats, or Python
        objects of one of these kinds; or one-hot (sample, class) of any numbers or booleans: zeros
        and a single 1 in each row, whose classes are called "0", "1", ... by their columns.
      field: what the messages call it.

    Returns:
      (sample,) int32 labels and the names of the classes that occur, in the order of numbers or of
      the alphabet.

    Raises:
      ValueError: missing values, fractions, kinds mixed, another shape, or one class only.

    >>> as_labels(["V1", "IT", "V1"])
    (array([1, 0, 1], dtype=int32), ('IT', 'V1'))
    """
    values = plain(y, field)
    if values.ndim == 0 or len(values) == 0:
        raise ValueError(f"{field} has no samples; it needs {_FORMS}.")
    if values.ndim == 2 and values.shape[1] > 1:
        values = _column_of_one(values, field)
    labels, names = categories(values, field)
    if len(names) < 2:
        only = "".join(names)
        raise ValueError(f"{field} has one class only ({only}); there is nothing to tell apart.")
    return labels, names


def categories(values: np.ndarray, field: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """As `as_labels`, of arrays that `plain` has seen; one class is enough, one-hot is not known.

    Raises:
      ValueError: missing values, fractions, or another shape.
    """
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise ValueError(f"{field} has shape {values.shape}; it needs {_FORMS}.")
    if values.dtype.kind not in "biufUS":
        raise ValueError(f"{field} has dtype {values.dtype}; it needs {_FORMS}.")
    if values.dtype.kind == "f":
        _check_whole(values, field)
    found, labels = np.unique(values, return_inverse=True)
    return labels.reshape(-1).astype(np.int32), _names(found)


def plain(values: Any, field: str) -> np.ndarray:
    """An array of numbers, booleans, strings or bytes, from anything that holds such.

    Python objects take the type that they share; None among numbers is NaN.

    Raises:
      ValueError: objects of several kinds, or of none of these.
    """
    # numpy would make strings of the numbers in a list that holds both.
    array = np.asarray(values) if hasattr(values, "__array__") else np.asarray(values, object)
    if array.dtype.kind == "T":  # numpy's strings of variable width
        array = array.astype(object)
    if array.dtype.kind != "O":
        return array
    flat = list(array.flat)
    kinds = [_kind(value) for value in flat]
    present = set(kinds) - {"missing"}
    if present <= {"whole number", "number"} and "missing" in kinds:
        flat = [np.nan if kind == "missing" else v for v, kind in zip(flat, kinds, strict=True)]
    elif "missing" in kinds:
        raise ValueError(
            f"{field} has {kinds.count('missing')} missing values, the first at sample "
            f"{_row(kinds.index('missing'), array.shape)}: leave those samples out."
        )
    if odd := sorted(kind for kind in present if kind.endswith(" object")):
        raise ValueError(f"{field} holds {', '.join(odd)}s: save numbers, booleans or strings.")
    if len(present) > 1 and present != {"whole number", "number"}:
        raise ValueError(
            f"{field} mixes {' and '.join(f'{kind}s' for kind in sorted(present))}: save one kind."
        )
    made = np.array(flat) if flat else np.zeros(0)
    if made.dtype.kind == "O":
        raise ValueError(f"{field} has whole numbers beyond 64 bits: save strings or floats.")
    return made.reshape(array.shape)


def _kind(value: Any) -> str:
    """What a Python object is, in words."""
    for kind, types in (
        ("bool", bool | np.bool_),
        ("whole number", int | np.integer),
        ("number", float | np.floating),
        ("string", str),
        ("byte string", bytes),
    ):
        if isinstance(value, types):
            return "missing" if kind == "number" and value != value else kind
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return "missing" if missing else f"{type(value).__name__} object"


def _row(place: int, shape: tuple[int, ...]) -> int:
    return int(np.unravel_index(place, shape)[0]) if shape else 0


def _check_whole(values: np.ndarray, field: str) -> None:
    """Labels as floats are fine as long as each is a whole number."""
    if (missing := np.flatnonzero(np.isnan(values))).size:
        raise ValueError(
            f"{field} has {missing.size} missing values (NaN), the first at sample {missing[0]}: "
            "leave those samples out."
        )
    if (odd := np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))).size:
        raise ValueError(
            f"{field} has {odd.size} values that are not whole numbers, the first {values[odd[0]]} "
            f"at sample {odd[0]}; it needs {_FORMS}."
        )


def _names(found: np.ndarray) -> tuple[str, ...]:
    if found.dtype.kind == "S":
        raw = [bytes(value) for value in found]
        try:
            return tuple(value.decode() for value in raw)
        except UnicodeDecodeError:
            return tuple(value.decode("latin-1") for value in raw)  # never fails, never the same
    if found.dtype.kind == "f":
        return tuple(str(int(value)) for value in found)
    return tuple(str(value) for value in found)


def _column_of_one(values: np.ndarray, field: str) -> NDArray[np.intp]:
    """(sample,) the column of the 1 in each one-hot row."""
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"{field} has shape {values.shape}; it needs {_FORMS}.")
    wrong = np.flatnonzero(~is_one_hot(values))
    if wrong.size:
        raise ValueError(
            f"{field} has shape {values.shape}, but row {wrong[0]} is not zeros and a single 1; it "
            f"needs {_FORMS}."
        )
    return np.argmax(values == 1, axis=1)


def is_one_hot(values: np.ndarray) -> NDArray[np.bool_]:
    """(sample, class) numbers or booleans -> (sample,) whether a row is zeros and a single 1."""
    ones = values == 1
    return (ones.sum(axis=1) == 1) & (ones | (values == 0)).all(axis=1)
