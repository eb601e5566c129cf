"""Spikes: times of events to counts in bins."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spike_counts(
    times: ArrayLike | Mapping[Any, Any] | list[Any] | tuple[Any, ...], dt: float, samples: int
) -> NDArray[np.float32]:
    """Spikes in each bin of `dt` seconds from 0.

    Args:
      times: of one unit, (spike,) in seconds, in any order; or of several: a mapping (a dict, a
        pynapple TsGroup) or a list of such times. A pynapple Ts stands for its times. A unit may
        have no spike.
      dt: width of a bin in seconds.
      samples: how many bins.

    Returns:
      (time,) counts of one unit, (time, unit) of several, in the order in which they are given.

    Raises:
      ValueError: a spike outside the bins, NaN or infinite, or what is no times at all; it names
        the unit. Or a `dt` or `samples` that is not positive.

    >>> spike_counts({"a": [0.1, 0.2], "b": [0.9]}, dt=0.5, samples=2).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    width = np.asarray(dt)
    if width.shape != () or width.dtype.kind not in "iuf" or not 0 < width < np.inf:
        raise ValueError(f"spike_counts: dt is {dt!r}; it must be a positive number of seconds")
    try:
        bins = operator.index(samples)
    except TypeError:
        bins = 0
    if bins < 1:
        raise ValueError(f"spike_counts: samples is {samples!r}; it must be a positive integer")
    units = _units(times)
    if units is None:
        return _counts(times, dt, bins, "")
    counts = np.empty((bins, len(units)), np.float32)
    for k, (name, unit) in enumerate(units):
        counts[:, k] = _counts(unit, dt, bins, f"unit {name}: ")
    return counts


def _units(times: Any) -> list[tuple[Any, Any]] | None:
    """(name, times) of each unit; None where `times` are those of a single one."""
    if isinstance(times, Mapping):
        return list(times.items())
    ragged = isinstance(times, np.ndarray) and times.dtype == object and times.ndim == 1
    if (isinstance(times, list | tuple) or ragged) and any(_holds_times(one) for one in times):
        return list(enumerate(times))
    return None


def _holds_times(value: Any) -> bool:
    return np.ndim(value) > 0 if isinstance(value, np.ndarray | list | tuple) else _is_ts(value)


def _is_ts(value: Any) -> bool:
    """Has its times as pynapple's objects have them, which numpy cannot always convert."""
    return hasattr(value, "t") or callable(getattr(value, "times", None))


def _seconds(times: Any, where: str) -> NDArray[np.float64]:
    if _is_ts(times):
        times = times.times() if callable(getattr(times, "times", None)) else times.t
    try:
        array = np.asarray(times)
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.ndim == 1 and array.size == 0:
        return np.zeros(0)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise ValueError(
            f"spike_counts: {where}has dtype {array.dtype} and shape {array.shape}; it must be "
            "(spike,) times in seconds"
        )
    return array.astype(np.float64)


def _counts(times: Any, dt: float, samples: int, where: str) -> NDArray[np.float32]:
    """(time,) counts of one unit; `where` begins the messages."""
    seconds = _seconds(times, where)
    if (odd := np.flatnonzero(~np.isfinite(seconds))).size:
        raise ValueError(
            f"spike_counts: {where}spike {odd[0]} is at {seconds[odd[0]]}; leave out spikes "
            "without a time"
        )
    ratio = seconds / dt
    near = np.rint(ratio)  # a spike on an edge begins its bin, whatever the division rounds to
    at_edge = np.abs(ratio - near) <= 4 * np.finfo(float).eps * np.abs(ratio)
    bins = np.where(at_edge, near, np.floor(ratio))
    outside = np.flatnonzero((bins < 0) | (bins >= samples))
    if outside.size:
        raise ValueError(
            f"spike_counts: {where}spike {outside[0]} at {seconds[outside[0]]} s is outside 0 … "
            f"{samples * dt} s"
        )
    return np.bincount(bins.astype(np.intp), minlength=samples).astype(np.float32)
