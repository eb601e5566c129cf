"""What the cast to float32 would lose: found, shifted and scaled away before it, taken back after.

A magnetometer's 1e-13 tesla, a clock's 1e9 seconds and a count of 1e39 are all fine numbers in a
file and nothing at all in float32. Fits see `z = value / 2^exponent - offset`, in double precision
and exactly invertible; ordinary values are left as they are, to the bit.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxneuro.types import Origin

_FAR = 100.0  # times its range: a feature so far from 0 is shifted
_SMALL, _LARGE = 1e-12, 1e12  # largest magnitudes that are left alone
_LONG = 1024  # numbers in a row that NumPy is quick with
_LOST = 0.5  # of a feature's changes: if more vanish in the cast, it is named


def centred(
    name: str, values: np.ndarray, conditioned: bool = True
) -> tuple[np.ndarray, Origin | None]:
    """`values` (sample, *feature) as float32, relative to the origin returned (None: unchanged).

    Scales are per feature in (sample, feature) and one for all in arrays of more axes, whose
    neighbours a convolution compares; shifts are per feature. NaN stays.

    Args:
      name: of the field, for messages.
      values: finite numbers or NaN, in the precision they came in.
      conditioned: whether to shift, too, what is far from 0 and would lose nothing but the
        conditioning of a fit.
    """
    wide = values.dtype.itemsize > 4 or values.dtype.kind in "iu"
    low, high = _range(values)
    exponent = _exponent(low, high, values.ndim > 2)
    unit = np.ldexp(1.0, exponent) if exponent is not None else 1.0
    span = high / unit - low / unit
    far = np.maximum(np.abs(low), np.abs(high)) / unit > _FAR * span
    far &= (span > 0) & conditioned
    if wide or exponent is not None:  # an outlier can hide how far from 0 the others are
        some = _some(values).astype(np.float64) / unit
        far |= _lost(some, some.astype(np.float32)) > 0.01
    if exponent is None and not far.any():
        return values.astype(np.float32), None
    scaled = values.astype(np.float64) / unit
    offset = np.where(far, _median(scaled), 0).astype(np.float32)
    shifted = scaled - offset
    cast = _cast(name, shifted)
    whole = np.zeros(values.shape[1:], np.int32) if exponent is None else exponent
    return cast, Origin(offset, np.broadcast_to(whole, values.shape[1:]).astype(np.int32))


def cast(name: str, values: np.ndarray) -> np.ndarray:
    """As float32, without an origin; what that loses is named."""
    return _cast(name, np.asarray(values, np.float64))


def apply(values: Any, origin: Origin | None) -> np.ndarray:
    """Values of a recording -> what fits see of them, float32."""
    if origin is None:
        return np.asarray(values, np.float32)
    values = np.asarray(values, np.float64)
    return (values / _unit(origin) - np.asarray(origin.offset, np.float64)).astype(np.float32)


def undo(values: Any, origin: Origin | None) -> np.ndarray:
    """What fits see, or predict -> values of the recording, float64 where an origin was set."""
    if origin is None:
        return np.asarray(values)
    values = np.asarray(values, np.float64)
    return (values + np.asarray(origin.offset, np.float64)) * _unit(origin)


def of_features(dense: dict, origin: Origin | None, back: bool = False) -> dict:
    """A first layer {kernel (..., feature, unit), bias (..., unit)} for features relative to the
    origin -> the same function of the recording's own, in float64; or back."""
    if origin is None:
        return dense
    unit = _unit(origin).reshape(-1, 1)
    offset = np.asarray(origin.offset, np.float64).reshape(-1)
    kernel, bias = (np.asarray(dense[name], np.float64) for name in ("kernel", "bias"))
    if back:
        kernel = kernel * unit
        return {**dense, "kernel": kernel, "bias": bias + _sum(offset, kernel)}
    return {**dense, "kernel": kernel / unit, "bias": bias - _sum(offset, kernel)}


def of_outputs(dense: dict, origin: Origin | None, back: bool = False) -> dict:
    """A readout {kernel (..., unit, output), bias (..., output)} of outputs relative to the origin
    (..., output) -> one of the recording's own, in float64; or back."""
    if origin is None:
        return dense
    kernel, bias = (np.asarray(dense[name], np.float64) for name in ("kernel", "bias"))
    unit = _unit(origin).reshape(bias.shape)
    offset = np.asarray(origin.offset, np.float64).reshape(bias.shape)
    if back:
        return {**dense, "kernel": kernel / unit[..., None, :], "bias": bias / unit - offset}
    return {**dense, "kernel": kernel * unit[..., None, :], "bias": (bias + offset) * unit}


def _cast(name: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # becomes infinite, which losses refuse
        made = values.astype(np.float32)
    lost = np.flatnonzero(_lost(values, made) > _LOST)
    if lost.size:
        column = "feature" if name == "x" else "column"
        warnings.warn(
            f"{name}: {lost.size} {column}s vary by less than float32 can hold beside their other "
            f"values, the first is {column} {lost[0]}: look for outliers in it",
            stacklevel=5,
        )
    return made


def _sum(offset: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.einsum("f,...fu->...u", offset, kernel)


def _unit(origin: Origin) -> np.ndarray:
    return np.ldexp(1.0, np.asarray(origin.exponent))


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(*feature) least and greatest finite value, float64; 0 where there is none."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        there = np.isfinite(values)
        low = np.min(values, axis=0, where=there, initial=np.inf)
        high = np.max(values, axis=0, where=there, initial=-np.inf)
        empty = ~there.any(axis=0)
        return np.where(empty, 0, low).astype(float), np.where(empty, 0, high).astype(float)
    return _over(np.min, values).astype(float), _over(np.max, values).astype(float)


def _over(extreme: Callable, values: np.ndarray) -> np.ndarray:
    """`extreme` of each feature, of several samples at a time: NumPy is slow over short rows."""
    several = min(len(values), _LONG // max(1, values[0].size))
    if several < 2 or not values.flags.c_contiguous:
        return extreme(values, axis=0)
    whole = len(values) // several * several
    found = extreme(values[:whole].reshape(whole // several, -1), axis=0)
    found = extreme(found.reshape(several, *values.shape[1:]), axis=0)
    return extreme(np.concatenate([found[None], values[whole:]]), axis=0)


def _exponent(low: np.ndarray, high: np.ndarray, together: bool) -> np.ndarray | None:
    """Powers of two that bring features of extreme magnitude near 1; None if there are none."""
    size = np.maximum(np.abs(low), np.abs(high))
    if together:
        size = size.max(keepdims=True)
    extreme = ((size < _SMALL) & (size > 0)) | (size > _LARGE)
    if not extreme.any():
        return None
    return np.where(extreme, np.frexp(np.where(size > 0, size, 1))[1], 0)


def _some(values: np.ndarray) -> np.ndarray:
    """At most some thousand samples, evenly spread."""
    return values[:: max(1, len(values) // 1000)]


def _median(values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of features without a value
        return np.nan_to_num(np.nanmedian(_some(values), axis=0))


def _lost(values: np.ndarray, cast: np.ndarray) -> np.ndarray:
    """(*feature) share of the different values, among some samples, that the cast made equal."""
    different, left = _different(_some(values)), _different(_some(cast))
    return np.where(different > 0, 1 - left / np.maximum(different, 1), 0)


def _different(values: np.ndarray) -> np.ndarray:
    ordered = np.sort(values, axis=0)
    return np.count_nonzero((ordered[1:] != ordered[:-1]) & ~np.isnan(ordered[1:]), axis=0)
