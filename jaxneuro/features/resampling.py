"""Resampling: behaviour with times of its own, brought to bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.features import checks
from jaxneuro.features.basis import Values
from jaxneuro.features.bins import Bins


def resample(
    times: ArrayLike,
    values: ArrayLike,
    bins: Bins,
    how: str = "linear",
    *,
    gap: float | None = None,
    period: float | None = None,
) -> NDArray[np.float64]:
    """Behaviour, sampled at times of its own, brought to the bins.

    Args:
      times: (sample,) seconds, in any order, no two the same.
      values: (sample,) or (sample, channel); NaN is missing, channel by channel.
      bins: from `time_bins`.
      how: "linear": between the neighbours of the centre of each bin; "mean": of the samples in
        each bin, for what is sampled more finely than the bins.
      gap: longest time in seconds between neighbours that is interpolated. None: three times their
        median distance.
      period: of an angle, 360 or 2π: it goes the short way round, and means are those of
        directions. Results lie from 0 to the period.

    Returns:
      (time,) or (time, channel). NaN where the neighbours of a centre are further apart than `gap`
      or there is but one (no extrapolation); of means, where no sample is in the bin.

    Raises:
      ValueError: names the argument.
    """
    seconds = checks.numbers("resample", "times", times).astype(np.float64)
    given = checks.numbers("resample", "values", values).astype(np.float64)
    if seconds.ndim != 1 or given.ndim not in (1, 2) or len(given) != len(seconds):
        raise ValueError(f"resample: times has shape {seconds.shape} and values {given.shape}; they"
                         " must be (sample,) and (sample,) or (sample, channel)")  # fmt: skip
    if how not in ("linear", "mean"):
        raise ValueError(f"resample: how is {how!r}; it must be 'linear' or 'mean'")
    for name, value in (("gap", gap), ("period", period)):
        if value is not None:
            checks.positive("resample", name, value)
    order = np.argsort(seconds)
    seconds, flat = seconds[order], given[order].reshape(len(given), -1)
    if not np.isfinite(seconds).all() or (np.diff(seconds) == 0).any():
        raise ValueError("resample: times has values that are not finite, or one twice")
    out = np.empty((len(bins), flat.shape[1]))
    for channel, column in enumerate(flat.T):
        known = np.isfinite(column)
        if how == "mean":
            out[:, channel] = _means(seconds[known], column[known], bins, period)
        else:
            out[:, channel] = _between(seconds[known], column[known], bins.centres, gap, period)
    return out.reshape(len(bins), *given.shape[1:])


def _means(seconds: Values, values: Values, bins: Bins, period: float | None) -> Values:
    places, found = bins.place(seconds)
    count = np.bincount(found, minlength=len(bins))

    def total(each: Values) -> Values:
        return np.bincount(found, each[places], len(bins))

    if period is None:
        mean: Any = total(values) / np.maximum(count, 1)
    else:
        angle = 2 * np.pi / period * values
        mean = np.arctan2(total(np.sin(angle)), total(np.cos(angle))) * period / (2 * np.pi)
        mean %= period
    return np.where(count > 0, mean, np.nan)


def _between(
    seconds: Values, values: Values, at: Values, gap: float | None, period: float | None
) -> Values:
    if len(seconds) < 2:
        return np.full(len(at), np.nan)
    steps, rise = np.diff(seconds), np.diff(values)
    longest = 3 * np.median(steps) if gap is None else gap
    left = np.clip(np.searchsorted(seconds, at, side="right") - 1, 0, len(steps) - 1)
    share = (at - seconds[left]) / steps[left]
    if period is not None:
        rise = (rise + period / 2) % period - period / 2
    found = values[left] + share * rise[left]
    if period is not None:
        found %= period
    near = (steps[left] <= longest * (1 + 1e-9)) | (share == 0) | (share == 1)  # or on a sample
    return np.where((share >= 0) & (share <= 1) & near, found, np.nan)
