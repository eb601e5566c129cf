"""Bins of time: one grid that spikes are counted in, and that behaviour is brought to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.features import checks
from jaxneuro.features.spikes import _seconds, _units

_ROUNDING = 4 * np.finfo(np.float64).eps  # 0.3 / 0.1 is less than 3


@dataclass(frozen=True)
class Bins:
    """Bins of one width, epoch after epoch, as a value.

    Attributes:
      dt: width in seconds.
      begins: of each epoch, in seconds.
      counts: how many bins each has.
    """

    dt: float
    begins: tuple[float, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def trials(self) -> NDArray[np.intp]:
        """(time,) the number of the epoch of each bin, for `trials=`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def starts(self) -> NDArray[np.floating]:
        """(time,) seconds at which each bin begins."""
        counts = np.asarray(self.counts)
        place = np.arange(len(self)) - np.repeat(counts.cumsum() - counts, counts)
        return np.repeat(np.asarray(self.begins), counts) + place * self.dt

    @property
    def centres(self) -> NDArray[np.floating]:
        """(time,) seconds."""
        return self.starts + self.dt / 2

    def by_epoch(self, values: ArrayLike) -> NDArray[Any]:
        """Values of the bins laid out by epoch: (time, ...) -> (epoch, bin, ...), NaN behind the
        end of an epoch that is shorter than others. Whole numbers become floats where that happens.

        Aligned to events: `bins = time_bins(dt, events[:, None] + [-0.2, 0.8])`, then
        `bins.by_epoch(bin_spikes(units, bins))` is what `decoding.sliding` takes.

        Raises:
          ValueError: not a value for each bin.
        """
        given = np.asarray(values)
        if given.shape[:1] != (len(self),):
            raise ValueError(f"by_epoch: values has shape {given.shape}; it must be (time, ...) = "
                             f"({len(self)}, ...)")  # fmt: skip
        counts = np.asarray(self.counts)
        if (counts == counts[0]).all():
            return given.reshape(len(counts), counts[0], *given.shape[1:])
        inside = np.arange(counts.max()) < counts[:, None]
        shape = (*inside.shape, *given.shape[1:])
        laid = np.full(shape, np.nan, np.result_type(given.dtype, np.float32))
        laid[inside] = given
        return laid

    def place(self, seconds: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of `seconds`, in rising order, lie in which bin: (found,) places, (found,) bins.
        In several, where epochs overlap. Within rounding of an edge counts as at the edge."""
        begins, counts = np.asarray(self.begins), np.asarray(self.counts)
        slack = _ROUNDING * (np.abs(begins) + counts * self.dt)
        low = np.searchsorted(seconds, begins - slack)
        high = np.searchsorted(seconds, begins + counts * self.dt - slack)
        each = high - low
        epoch = np.repeat(np.arange(len(begins)), each)
        places = np.arange(each.sum()) + (low - (each.cumsum() - each))[epoch]
        inside = (seconds[places] - begins[epoch] + slack[epoch]) / self.dt
        inside = np.clip(np.floor(inside).astype(np.intp), 0, counts[epoch] - 1)
        return places, (counts.cumsum() - counts)[epoch] + inside


def time_bins(dt: float, epochs: Any) -> Bins:
    """Bins of `dt` seconds within epochs; what is left at the end of an epoch has no bin.

    Args:
      dt: width of a bin in seconds.
      epochs: how long the recording is, in seconds from 0; or (epoch, 2) seconds at which each
        begins and ends, in any order, overlapping if they do; or a pynapple IntervalSet.

    Raises:
      ValueError: names the argument, and the epoch that is shorter than a bin.

    >>> time_bins(0.5, [(0, 1), (3, 4.2)]).starts.tolist()
    [0.0, 0.5, 3.0, 3.5]
    """
    dt = checks.positive("time_bins", "dt", dt)
    if hasattr(epochs, "start") and hasattr(epochs, "end"):  # an IntervalSet
        epochs = np.stack([np.asarray(epochs.start), np.asarray(epochs.end)], axis=1)
    array = checks.numbers("time_bins", "epochs", epochs).astype(np.float64)
    if array.ndim == 0:
        array = np.array([[0.0, float(array)]])
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"time_bins: epochs has shape {array.shape}; it must be (epoch, 2) seconds"
                         " at which each begins and ends")  # fmt: skip
    begins, lengths = array[:, 0], array[:, 1] - array[:, 0]
    slack = _ROUNDING * (np.abs(array).max(axis=1) + dt)
    with np.errstate(invalid="ignore"):
        counts = np.floor((lengths + slack) / dt)
    short = np.flatnonzero(~(np.isfinite(counts) & (counts >= 1)))
    if short.size:
        raise ValueError(f"time_bins: epoch {short[0]} from {array[short[0], 0]} to "
                         f"{array[short[0], 1]} s holds no bin of {dt} s")  # fmt: skip
    return Bins(dt, tuple(begins.tolist()), tuple(counts.astype(int).tolist()))


def bin_spikes(times: Any, bins: Bins) -> NDArray[np.float32]:
    """Spikes in each bin; those outside all epochs are left out.

    Args:
      times: of one unit, (spike,) in seconds, in any order; or of several, as in `spike_counts`: a
        mapping (a dict, a pynapple TsGroup) or a list of such times.
      bins: from `time_bins`.

    Returns:
      (time,) counts of one unit, (time, unit) of several, in the order in which they are given.

    Raises:
      ValueError: NaN, infinite, or no times at all; it names the unit.

    >>> bin_spikes([0.1, 0.2, 3.6], time_bins(0.5, [(0, 1), (3, 4)])).tolist()
    [2.0, 0.0, 0.0, 1.0]
    """
    units = _units(times)
    if units is None:
        return _counts(times, bins, "")
    counts = np.empty((len(bins), len(units)), np.float32)
    for k, (name, unit) in enumerate(units):
        counts[:, k] = _counts(unit, bins, f"unit {name}: ")
    return counts


def _counts(times: Any, bins: Bins, where: str) -> NDArray[np.float32]:
    seconds = np.sort(_seconds(times, where))
    if not np.isfinite(seconds).all():
        raise ValueError(f"bin_spikes: {where}has spikes without a finite time; leave them out")
    _, found = bins.place(seconds)
    return np.bincount(found, minlength=len(bins)).astype(np.float32)
