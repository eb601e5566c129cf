"""Values as strict JSON, as CSV, and as people read them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any, where: str) -> Any:
    """`value` in the types of strict JSON: arrays become lists, NaN and infinity `None`.

    Raises:
        TypeError: JSON cannot say it; the message starts with its place, `where`.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy's and JAX's arrays and scalars
        return plain(value.tolist(), where)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where}: JSON cannot hold a {type(value).__name__}: {value!r}")


def as_columns(table: Mapping[str, Sequence[object] | np.ndarray]) -> dict[str, list[Any]]:
    """The columns of fits.csv as lists of Python values.

    Raises:
        ValueError: a column has not one axis, or they differ in length.
    """
    for name, column in table.items():
        if (shape := getattr(column, "shape", (0,)))[1:] or not shape:
            raise ValueError(f"fits[{name!r}]: a column has one axis, got shape {shape}")
    columns: dict[str, list[Any]] = {
        name: np.asarray(column).tolist() if hasattr(column, "shape") else list(map(item, column))
        for name, column in table.items()
    }
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"fits: columns must be equally long, got {lengths}")
    return columns


def as_csv(columns: Mapping[str, list[Any]]) -> str:
    """Comma-separated rows; floats by `repr`, so that reading them gives the same bits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow("" if _absent(value) else value for value in row)
    return text.getvalue()


def item(value: Any) -> Any:
    """A Python scalar for NumPy's and JAX's scalars; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def number(value: Any) -> str:
    """A number for people: 0.412, 0.041, 3.14, 12.3, 1,234, 0.00123, 1e-05."""
    if _absent(value):
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size >= 999.5:
        return f"{value:,.0f}" if size < 1e7 else f"{value:.3g}"
    if 0.01 <= size < 1:
        return f"{value:.3f}"
    return f"{value:#.3g}".rstrip(".") if size >= 1 else f"{value:.3g}"


def shown(value: object) -> str:
    """A cell's text; a number has a true minus sign."""
    if _absent(value):
        return "–"
    return number(value).replace("-", "−") if _is_number(value) else str(value)


def numeric(values: Iterable[object]) -> bool:
    """Whether a column holds numbers and gaps, and not gaps alone."""
    values = list(values)
    return any(map(_is_number, values)) and all(_is_number(v) or _absent(v) for v in values)


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
