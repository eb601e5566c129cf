"""xarray and pandas in and out: arrays with the names they had. Neither is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.labels import plain

_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
            "millisecond": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Named:
    """An array, and what it was called.

    Attributes:
      values: (sample, ...) numbers, NaN where something is missing; or (sample,) strings.
      dims: (dimension,) names.
      names: (feature,) labels of the last dimension; of (sample,) the name of the whole.
      like: what it was made of, the samples first.
    """

    values: NDArray[Any]
    dims: tuple[str, ...]
    names: tuple[str, ...]
    like: Any

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(sample,) the samples' own labels as seconds: numbers as they are, or by the attribute
        `units` of an xarray coordinate; dates and durations from the first sample on.

        Raises:
          ValueError: they are no times, or in units that are not known.
        """
        if _is_pandas(self.like):
            label = self.like.index
            zone = getattr(label, "tz", None)
            times = np.asarray(label if zone is None else label.tz_convert(None))
        elif self.dims[0] in self.like.coords:
            label = self.like.coords[self.dims[0]]
            times = np.asarray(label.values)
        else:
            raise ValueError(f"dimension {self.dims[0]!r} has no coordinate: no times")
        if times.dtype.kind in "mM":
            return (times - times[0]) / np.timedelta64(1, "s")
        if times.dtype.kind not in "iuf":
            raise ValueError(f"the labels of {self.dims[0]!r} are {times.dtype}: no times")
        unit = getattr(label, "attrs", {}).get("units", "s")
        if unit not in _SECONDS:
            raise ValueError(f"{self.dims[0]!r} is in {unit!r}: of {', '.join(_SECONDS)} none")
        return times.astype(np.float64) * _SECONDS[unit]

    def back(self, values: ArrayLike) -> Any:
        """Other values, such as predictions, under the same names: what `from_xarray` or
        `from_pandas` was given, the samples first.

        Raises:
          ValueError: another shape.
        """
        given = np.asarray(values)
        if given.shape != self.values.shape:
            raise ValueError(f"back: values have shape {given.shape}, and the names are of "
                             f"{self.values.shape}")  # fmt: skip
        if not _is_pandas(self.like):
            return self.like.copy(data=given)
        if given.ndim == 1:
            return type(self.like)(given, index=self.like.index, name=self.like.name)
        return type(self.like)(given, index=self.like.index, columns=self.like.columns)

    def __repr__(self) -> str:
        sizes = zip(self.dims, self.values.shape, strict=True)
        return f"<{', '.join(f'{name}: {size}' for name, size in sizes)}>"


def from_xarray(array: Any, samples: str) -> Named:
    """A DataArray with the dimension of the samples first, the others in their order.

    Args:
      array: a DataArray of numbers, or of labels (sample,).
      samples: the name of the dimension of the samples, such as "time" or "trial".

    Raises:
      ValueError: names the dimension that is missing, or says what the values are.
    """
    if not hasattr(array, "dims") or not hasattr(array, "transpose"):
        raise ValueError(f"from_xarray: a {type(array).__name__} is no DataArray")
    if hasattr(array, "data_vars"):
        raise ValueError(f"from_xarray: a Dataset: pick one of {list(array.data_vars)}")
    if samples not in array.dims:
        raise ValueError(f"from_xarray: no dimension {samples!r} among {list(array.dims)}")
    like = array.transpose(samples, ...)
    dims = tuple(str(name) for name in like.dims)
    values = _checked(plain(np.asarray(like.values), "from_xarray: array"), "from_xarray: array")
    if like.ndim == 1:
        return Named(values, dims, (_name(like),), like)
    last = like.dims[-1]
    names = like.coords[last].values if last in like.coords else range(like.shape[-1])
    return Named(values, dims, tuple(str(name) for name in names), like)


def from_pandas(frame: Any) -> Named:
    """A DataFrame of numbers (sample, feature), or a Series of numbers or labels (sample,).

    Missing values are NaN. Columns of strings are no numbers: `frame["stimulus"]` is a Series.

    Raises:
      ValueError: names the column that holds no numbers.
    """
    if not _is_pandas(frame):
        raise ValueError(f"from_pandas: a {type(frame).__name__} is no DataFrame and no Series")
    if frame.ndim == 1:
        name = _name(frame)
        kind = getattr(frame.dtype, "kind", "O")
        values = _numbers(frame) if kind in "biuf" else plain(list(frame), f"column {name!r}")
        return Named(_checked(values, f"column {name!r}"), ("sample",), (name,), frame)
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    for column in columns:
        if getattr(column.dtype, "kind", "O") not in "biuf":
            raise ValueError(f"from_pandas: column {column.name!r} is {column.dtype}, no numbers")
    if not columns:
        raise ValueError("from_pandas: no columns")
    values = np.stack([_numbers(column) for column in columns], axis=1)
    return Named(values, ("sample", "feature"), tuple(map(str, frame.columns)), frame)


def _name(array: Any) -> str:
    return "" if array.name is None else str(array.name)


def _is_pandas(given: Any) -> bool:
    return hasattr(given, "iloc") and hasattr(given, "index")


def _numbers(column: Any) -> NDArray[Any]:
    """Of numpy's kinds as they are; of pandas' own, which may hold NA, float64."""
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column.values)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _checked(values: NDArray[Any], field: str) -> NDArray[Any]:
    if values.dtype.kind not in "biuf" and (values.dtype.kind not in "US" or values.ndim > 1):
        raise ValueError(f"{field} has dtype {values.dtype} and shape {values.shape}; it must be "
                         "numbers, or labels (sample,)")  # fmt: skip
    return values
