"""Columns of a recording on the host: their offsets, units and missing values."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

_BLOCK = 256  # columns at a time: they stay in the cache


class Centred(NamedTuple):
    """mean + unit · values (sample, column) are the values given; NaN became the column's least.

    Attributes:
      mean, unit: (column,) float64; the unit is a power of two, 0 of a constant: its values are 0.
      gaps: (column,) whether it had NaN.
      infinite: (column,) whether it had infinite values; it is then taken for all NaN.
    """

    values: np.ndarray
    mean: np.ndarray
    unit: np.ndarray
    gaps: np.ndarray
    infinite: np.ndarray


def precision(*dtypes: np.dtype) -> np.dtype:
    """float32; with `jax_enable_x64` float64, where any of the dtypes is wider than float32."""
    wide = np.result_type(*dtypes, np.float32).itemsize > 4
    own = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    return np.dtype(np.float64 if wide and own else np.float32)


def centred(
    name: str, given: np.ndarray, dtype: np.dtype, missing: bool = False, infinite: bool = False
) -> Centred:
    """Takes offsets and units out in float64, in one pass over memory.

    Args:
      name: for the message.
      given: (sample, column) numbers of any dtype.
      dtype: of the values returned.
      missing: whether NaN is allowed.
      infinite: whether infinite values make their column one of NaN, and are not refused.

    Raises:
      ValueError: values that are infinite, or NaN where none is allowed.
    """
    values, (gaps, overflown) = np.empty(given.shape, dtype), np.zeros((2, given.shape[1]), bool)
    mean, unit = np.empty((2, given.shape[1]))
    for start in range(0, given.shape[1], _BLOCK):
        at = slice(start, start + _BLOCK)
        part = given[:, at].astype(np.float64)
        with np.errstate(invalid="ignore"):  # of infinite values
            average = part.sum(axis=0) / len(part)
        if not np.isfinite(average).all():
            overflown[at] = np.isinf(part).any(axis=0)
            if (overflown[at].any() and not infinite) or (np.isnan(part).any() and not missing):
                raise ValueError(f"{name} must be finite" + " or NaN (missing)" * missing)
            gone = np.isnan(part) | overflown[at]
            gaps[at] = gone.any(axis=0)
            low = np.fmin.reduce(np.where(gone, np.nan, part), axis=0)
            part = np.where(gone, np.nan_to_num(low), part)
            average = part.mean(axis=0)
        low, high = part.min(axis=0), part.max(axis=0)
        mean[at] = np.clip(average, low, high)  # so that a constant becomes exactly 0
        exponent = np.clip(np.frexp(high - low)[1], -1000, 1000)
        unit[at] = np.where(high > low, np.ldexp(1.0, exponent), 0)
        part -= mean[at]
        part *= np.ldexp(1.0, -exponent)
        values[:, at] = part
    return Centred(values, mean, unit, gaps, overflown)


class Problem(NamedTuple):
    """Features and penalties in units in which float32 suffices.

    Attributes:
      features: as they are given.
      unit: one for all of them: a penalty must go on meaning the same.
      x: (sample, feature) in that unit, centred.
      order: (P,) which penalty is the strongest, the next, ...: argmin takes the first of equals.
      l2: (P,) in that order and unit.
    """

    features: Centred
    unit: float
    x: np.ndarray
    order: np.ndarray
    l2: np.ndarray


def in_units(name: str, x: np.ndarray, l2: np.ndarray, dtype: np.dtype) -> Problem:
    """Of `x` (sample, feature), named so in messages, and penalties (P,) in any order.

    Raises:
      ValueError: values that are not finite.
    """
    features = centred(name, x, dtype)
    unit = features.unit.max() or 1.0
    order = np.argsort(-l2, kind="stable")
    limits = np.finfo(dtype)
    scaled = np.clip(l2[order] / unit**2, float(limits.tiny), float(limits.max)).astype(dtype)
    return Problem(
        features, unit, features.values * (features.unit / unit).astype(dtype), order, scaled
    )


def groups(
    y: np.ndarray, gaps: np.ndarray, infinite: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Targets (index) that have the same samples, and which these are: bool (sample,).

    Args:
      y: (sample, target), NaN where a value is missing.
      gaps: (target,) whether there are any.
      infinite: (target,) which have none at all; None: none of them.
    """
    if not gaps.all():
        yield np.flatnonzero(~gaps), np.ones(len(y), bool)
    if gaps.any():
        some = np.flatnonzero(gaps)
        seen = ~np.isnan(y[:, some])
        if infinite is not None:
            seen &= ~infinite[some]
        bits = np.packbits(seen, axis=0).T
        _, first, which = np.unique(bits, axis=0, return_index=True, return_inverse=True)
        for group, one in enumerate(first):
            yield some[which.ravel() == group], seen[:, one]


def rounded(columns: np.ndarray) -> np.ndarray:
    """The columns, some of them again: of few lengths, so that few programs are compiled."""
    step = 1 << max(len(columns).bit_length() - 3, 0)
    return np.resize(columns, -(-len(columns) // step) * step)
