"""Checks of arguments that the features share: each message names the function and the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def whole(where: str, name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{where}: {name} is {value!r}; it must be a whole number from {least}")
    return int(value)


def positive(where: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < np.inf:
        raise ValueError(f"{where}: {name} is {value!r}; it must be a positive number")
    return float(value)


def bounds(where: str, value: Any) -> tuple[float, float] | None:
    """(low, high), both finite and in this order."""
    if value is None:
        return None
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: bounds is {value!r}; it must be (low, high)") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"{where}: bounds is {value!r}; it must be finite, the lower first")
    return low, high


def word(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: name is {value!r}; it must be a name")
    return value


def numbers(where: str, name: str, value: Any) -> NDArray[Any]:
    """An array of real numbers, in the dtype as given."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{where}: {name} has dtype {array.dtype}; it must be real numbers")
    return array


def given_values(
    names: tuple[str, ...], values: Sequence[Any], partly: bool = False
) -> dict[str, NDArray[Any]]:
    """What `Basis.evaluate` was called with, by the names of the variables."""
    if len(values) == 1 and isinstance(values[0], Mapping):
        lacking = [name for name in names if name not in values[0]]
        if lacking and not partly:
            raise ValueError(f"evaluate: {lacking} missing; the basis is of {list(names)}")
        names = tuple(name for name in names if name in values[0])
        values = [values[0][name] for name in names]
    if len(values) != len(names):
        raise ValueError(f"evaluate: {len(values)} arrays; the basis is of {list(names)}")
    return {n: numbers("evaluate", repr(n), v) for n, v in zip(names, values, strict=True)}


def given_weights(names: tuple[str, ...], size: int, weights: Any, at: Any) -> NDArray[np.float64]:
    """What `Basis.curves` was called with."""
    array = numbers("curves", "weights", weights).astype(np.float64)
    if array.ndim < 1 or array.shape[-1] != size:
        raise ValueError(
            f"curves: weights has shape {array.shape}; it must be (..., feature), and the basis "
            f"has {size} features"
        )
    if isinstance(at, Mapping):
        strange = [name for name in at if name not in names]
        if strange:
            raise ValueError(f"curves: at has {strange}; the basis is of {list(names)}")
    elif at is not None and not isinstance(at, Integral) and len(names) > 1:
        raise ValueError(f"curves: at must be given by name, for any of {list(names)}")
    return array
