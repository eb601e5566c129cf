"""pynapple in and out: spikes and behaviour on one grid of bins, predictions as Tsd and TsdFrame.

Its objects are known by what they have (`t`, `time_support`, ...): pynapple itself is needed only
to make one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.extras import needed
from jaxneuro.features import checks
from jaxneuro.features.bins import Bins, bin_spikes, time_bins
from jaxneuro.features.resampling import resample

_EPS = np.finfo(np.float64).eps
_TOUCHING = 2e-6  # seconds
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Binned:
    """Spikes, and behaviour, of the same bins.

    Attributes:
      counts: (time, unit) float32.
      behaviour: (time, channel), of no channel where none was given; NaN where nothing is known.
      bins: the grid.
      epoch: (time,) the place of a bin's epoch among those given: `labels[epoch]` are a label of
        the epochs for each bin.
      units, channels: names.
    """

    counts: NDArray[np.float32]
    behaviour: Floats
    bins: Bins
    epoch: NDArray[np.intp]
    units: tuple[str, ...]
    channels: tuple[str, ...]

    @property
    def dt(self) -> float:
        """Seconds, the width of a bin."""
        return self.bins.dt

    @property
    def times(self) -> NDArray[np.floating]:
        """(time,) seconds, of the centres."""
        return self.bins.centres

    @property
    def trials(self) -> NDArray[np.intp]:
        """(time,) the number of the stretch without a gap, for `trials=`: no lag reaches over."""
        return self.bins.trials

    def __repr__(self) -> str:
        behaviour = f", {len(self.channels)} channels of behaviour" if self.channels else ""
        return (
            f"<{len(self.bins)} bins of {self.dt:g} s in {len(self.bins.counts)} stretches: "
            f"{len(self.units)} units{behaviour}>"
        )


def from_pynapple(
    spikes: Any,
    behaviour: Any = None,
    *,
    dt: float,
    epochs: Any = None,
    how: str = "linear",
    gap: float | None = None,
    period: float | None = None,
) -> Binned:
    """Spikes counted in bins, and behaviour brought to the same bins.

    Only what was recorded is looked at: epochs are cut to the time supports of spikes and
    behaviour, in whole bins, and no value is interpolated over the edge of a support.

    Args:
      spikes: a TsGroup; or a mapping or list of Ts or times in seconds, as of
        `features.bin_spikes`, whose time support is unknown and then not looked at.
      behaviour: a Tsd or TsdFrame.
      dt: width of a bin in seconds.
      epochs: an IntervalSet, or (epoch, 2) seconds. Bins are counted from the begin of each. None:
        all of what was recorded.
      how, gap, period: of behaviour, see `features.resample`.

    Raises:
      ValueError: names the field, the unit, or the epoch in which nothing was recorded.
    """
    dt = checks.positive("from_pynapple", "dt", dt)
    supports = [_intervals(s) for one in (spikes, behaviour)
                if (s := getattr(one, "time_support", None)) is not None]  # fmt: skip
    if epochs is not None:
        wanted = _intervals(epochs)
    elif supports:
        wanted = supports[0]
    else:
        raise ValueError("from_pynapple: neither spikes nor behaviour have a time support: give "
                         "epochs")  # fmt: skip
    pieces, epoch = _recorded(wanted, supports, dt, every=epochs is not None)
    bins = time_bins(dt, pieces)
    counts = bin_spikes(spikes, bins)
    if counts.ndim == 1:
        raise ValueError("from_pynapple: spikes is one unit; it must be a TsGroup, a mapping or a "
                         "list")  # fmt: skip
    units = spikes if isinstance(spikes, Mapping) else range(counts.shape[1])
    values, channels = np.empty((len(bins), 0)), ()
    if behaviour is not None:
        values, channels = _behaviour(behaviour, bins, how, gap, period)
    names = tuple(str(name) for name in units)
    return Binned(counts, values, bins, epoch[bins.trials], names, channels)


def to_pynapple(values: ArrayLike, bins: Bins, columns: Sequence[Any] | None = None) -> Any:
    """Predictions of bins as a Tsd (time,), TsdFrame (time, channel) or TsdTensor, at the centres
    of the bins, with the bins' epochs as time support.

    Args:
      values: (time, ...).
      bins: of `from_pynapple(...).bins` or `features.time_bins`.
      columns: (channel,) names.

    Raises:
      ImportError: pynapple is not installed.
      ValueError: not a value for each bin, or epochs that overlap.
    """
    nap = needed("pynapple", "pynapple")
    given = np.asarray(values)
    if given.ndim < 1 or len(given) != len(bins):
        raise ValueError(f"to_pynapple: values has shape {given.shape} for {len(bins)} bins")
    if columns is not None and (given.ndim != 2 or given.shape[1] != len(columns)):
        raise ValueError(
            f"to_pynapple: {len(columns)} columns for values {given.shape}: they are of the second "
            "axis"
        )
    order = np.argsort(bins.starts, kind="stable")
    times, starts = bins.centres[order], bins.starts[order]
    slack = 4 * _EPS * np.abs(starts).max() + 1e-9 * bins.dt
    steps = np.diff(starts)
    if (steps < bins.dt - slack).any():
        raise ValueError("to_pynapple: the epochs of the bins overlap: they are no time series")
    # Epochs that touch are one to pynapple.
    edge = np.flatnonzero(steps > bins.dt + slack)
    begins = starts[np.concatenate([[0], edge + 1])]
    ends = starts[np.concatenate([edge, [len(starts) - 1]])] + bins.dt
    support = nap.IntervalSet(start=begins, end=ends)
    if given.ndim == 2:
        return nap.TsdFrame(t=times, d=given[order], time_support=support, columns=columns)
    made = nap.Tsd if given.ndim == 1 else nap.TsdTensor
    return made(t=times, d=given[order], time_support=support)


def _intervals(epochs: Any) -> Floats:
    """(epoch, 2) seconds."""
    if hasattr(epochs, "start") and hasattr(epochs, "end"):
        epochs = np.stack([np.asarray(epochs.start), np.asarray(epochs.end)], axis=1)
        # pynapple takes a microsecond off an epoch that touches the next, and so a bin.
        touches = np.abs(epochs[1:, 0] - epochs[:-1, 1]) < _TOUCHING
        epochs[:-1, 1] = np.where(touches, epochs[1:, 0], epochs[:-1, 1])
    array = checks.numbers("from_pynapple", "epochs", epochs).astype(np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"from_pynapple: epochs has shape {array.shape}; it must be an "
                         "IntervalSet or (epoch, 2) seconds")  # fmt: skip
    forward = np.isfinite(array).all(axis=1) & (array[:, 1] >= array[:, 0])
    if (odd := np.flatnonzero(~forward)).size:
        raise ValueError(f"from_pynapple: epoch {odd[0]} goes from {array[odd[0], 0]} to "
                         f"{array[odd[0], 1]} s")  # fmt: skip
    return array


def _recorded(
    epochs: Floats, supports: Sequence[Floats], dt: float, every: bool
) -> tuple[Floats, NDArray[np.intp]]:
    """Epochs cut to the supports, in whole bins: (piece, 2) seconds, (piece,) epoch."""
    pieces, epoch = epochs, np.arange(len(epochs))
    for support in supports:
        low = np.searchsorted(support[:, 1], pieces[:, 0], side="right")
        high = np.searchsorted(support[:, 0], pieces[:, 1], side="left")
        each = np.maximum(high - low, 0)
        own = np.repeat(np.arange(len(pieces)), each)
        interval = np.arange(each.sum()) + (low - (each.cumsum() - each))[own]
        begin = np.maximum(pieces[own, 0], support[interval, 0])
        end = np.minimum(pieces[own, 1], support[interval, 1])
        pieces, epoch = np.stack([begin, end], axis=1), epoch[own]
    slack = _EPS * (np.abs(pieces).max(axis=1, initial=0) + dt)
    if every:  # stay on the grid of the epoch
        skipped = np.ceil((pieces[:, 0] - epochs[epoch, 0] - slack) / dt)
        pieces[:, 0] = np.maximum(epochs[epoch, 0] + skipped * dt, epochs[epoch, 0])
    there = pieces[:, 1] - pieces[:, 0] >= dt - slack
    pieces, epoch = pieces[there], epoch[there]
    none = np.setdiff1d(np.arange(len(epochs)), epoch)
    if none.size and (every or not len(pieces)):
        raise ValueError(
            f"from_pynapple: nothing was recorded for a bin of {dt} s in epoch {none[0]} from "
            f"{epochs[none[0], 0]} to {epochs[none[0], 1]} s"
        )
    return pieces, epoch


def _behaviour(
    behaviour: Any, bins: Bins, how: str, gap: float | None, period: float | None
) -> tuple[Floats, tuple[str, ...]]:
    """(time, channel) and names. Each support is a recording of its own."""
    for needs in ("t", "values"):
        if not hasattr(behaviour, needs):
            raise ValueError(f"from_pynapple: behaviour is a {type(behaviour).__name__}; it must "
                             "be a Tsd or TsdFrame")  # fmt: skip
    times, values = np.asarray(behaviour.t), np.asarray(behaviour.values)
    if values.ndim not in (1, 2):
        raise ValueError(f"from_pynapple: behaviour has shape {values.shape}; it must be "
                         "(time,) or (time, channel)")  # fmt: skip
    values = values.reshape(len(values), -1)
    names = tuple(str(n) for n in getattr(behaviour, "columns", range(values.shape[1])))
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if gap is None and len(times) > 1:
        gap = 3 * float(np.median(np.diff(times)))
    support = getattr(behaviour, "time_support", None)
    support = np.array([[-np.inf, np.inf]]) if support is None else _intervals(support)
    begins, counts = np.asarray(bins.begins), np.asarray(bins.counts)
    middle = begins + bins.dt / 2
    owner = np.searchsorted(support[:, 0], middle, side="right") - 1
    found = np.full((len(bins), values.shape[1]), np.nan)
    for interval in np.unique(owner):
        own = owner == interval
        some = Bins(bins.dt, tuple(begins[own].tolist()), tuple(counts[own].tolist()))
        inside = slice(
            np.searchsorted(times, support[interval, 0], side="left"),
            np.searchsorted(times, support[interval, 1], side="right"),
        )
        at = np.repeat(own, counts)
        found[at] = resample(times[inside], values[inside], some, how, gap=gap, period=period)
    return found, names
