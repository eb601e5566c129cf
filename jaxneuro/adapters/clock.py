"""Spike times, signals and rows of a table brought to the same samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.adapters.signals import Signals, signals
from jaxneuro.features.bins import bin_spikes, time_bins
from jaxneuro.features.resampling import resample

Fields = dict[str, NDArray[Any]]
# Spike times by unit, signals with their times, or a row for each sample or interval.
Thing = Mapping[str, NDArray[np.float64]] | Signals | NDArray[Any]


def on_one_clock(
    where: Any, x: Thing, y: Thing, spans: NDArray[Any] | None, groups: NDArray[Any] | None,
    bin: float | None,
) -> Fields:  # fmt: skip
    """x and y of the same samples: a row for each of `spans` (interval, 2), or one for each bin."""
    if spans is None:
        x, y = _alike(where, x, y), _alike(where, y, x)
    things, found = {"x": x, "y": y}, Fields()
    for thing, name in ((x, "feature_names"), (y, "target_names")):
        if not isinstance(thing, np.ndarray):
            found[name] = np.array(thing.names if isinstance(thing, Signals) else list(thing))
    if bin is None and spans is not None:
        _check_spans(where, spans)
        found |= {role: _of_spans(thing, spans) for role, thing in things.items()}
        return found if groups is None else found | {"groups": groups}
    if isinstance(x, Signals) and isinstance(y, Signals) and _same_clock(x, y, spans, bin):
        values, dt, trial = {"x": x.x, "y": y.x}, x.dt, x.trials
    elif bin is None:
        raise ValueError(f"{where}: x and y have no clock in common: say --bin SECONDS")
    else:
        dt, bins = float(bin), time_bins(bin, _spanned(x, y, bin) if spans is None else spans)
        values, trial = {role: _in_bins(t, bins) for role, t in things.items()}, bins.trials
    kept = np.flatnonzero(_known(values["x"], np.all) & _known(values["y"], np.any))
    if not kept.size:
        raise ValueError(f"{where}: there is no time at which both x and y are known")
    stretch = np.cumsum(np.r_[0, (np.diff(kept) > 1) | (np.diff(trial[kept]) != 0)])
    found |= {role: value[kept] for role, value in values.items()} | {"dt": np.asarray(dt)}
    if stretch[-1]:
        found["trials"] = stretch
    if spans is not None:  # which no fold divides, where a gap does
        found["groups"] = trial[kept] if groups is None else groups[trial[kept]]
    return found


def _alike(where: Any, thing: Thing, other: Thing) -> Thing:
    """Rows beside signals are one for each sample of these."""
    if not isinstance(thing, np.ndarray) or not isinstance(other, Signals):
        return thing
    if len(thing) != len(other.times):
        raise ValueError(f"{where}: {len(thing)} rows beside signals of {len(other.times)} samples")
    rows = thing.reshape(len(thing), -1)
    return signals(rows, other.times, range(rows.shape[1]), str(where))


def _same_clock(x: Signals, y: Signals, spans: Any, bin: float | None) -> bool:
    same = len(x.times) == len(y.times) and np.allclose(x.times, y.times, rtol=0, atol=x.dt * 1e-6)
    return bool(spans is None and same and (bin is None or np.isclose(bin, x.dt)))


def _spanned(x: Thing, y: Thing, bin: float) -> NDArray[np.float64]:
    """(1, 2) seconds of which both are known."""
    spans = []
    for thing in (x, y):
        if isinstance(thing, Signals):
            half = thing.dt / 2  # a sample stands for the time about it
            # Rounding shall not put the first centre before the first sample.
            inside = half if _finer(thing, bin) else half * (1 - 1e-9)
            spans.append((thing.times[0] - inside, thing.times[-1] + half))
        elif isinstance(thing, np.ndarray):
            spans.append((0.0, len(thing) * bin))
    if not spans:  # units on both sides
        last = [max((t.max() for t in one.values() if len(t)), default=0.0)
                for one in (x, y) if isinstance(one, Mapping)]  # fmt: skip
        spans = [(0.0, max(last))]
    return np.array([[max(begin for begin, _ in spans), min(end for _, end in spans)]])


def _finer(signal: Signals, bin: float) -> bool:
    return signal.dt * 2 <= bin * (1 + 1e-9)


def _in_bins(thing: Thing, bins: Any) -> NDArray[Any]:
    if isinstance(thing, Signals):
        how = "mean" if _finer(thing, bins.dt) else "linear"
        return resample(thing.times, thing.x, bins, how)
    if isinstance(thing, np.ndarray):
        return thing[bins.trials] if len(thing) == len(bins.counts) else thing
    return bin_spikes(thing, bins)


def _of_spans(thing: Thing, spans: NDArray[Any]) -> NDArray[Any]:
    """(interval, ...) spikes a second of units, means of signals (NaN of none), values as are."""
    if isinstance(thing, np.ndarray):
        return thing
    if isinstance(thing, Signals):
        rows = [thing.x[(thing.times >= begin) & (thing.times < end)] for begin, end in spans]
        return np.stack([np.where(np.isfinite(row), row, 0).sum(axis=0)
                         / np.where(np.isfinite(row).any(axis=0), np.isfinite(row).sum(axis=0),
                                    np.nan) for row in rows])  # fmt: skip
    counts = [np.diff(np.searchsorted(times, spans), axis=1)[:, 0] for times in thing.values()]
    return np.stack(counts, axis=1) / (spans[:, 1] - spans[:, 0])[:, None]


def _check_spans(where: Any, spans: NDArray[Any]) -> None:
    odd = np.flatnonzero(~((spans[:, 1] - spans[:, 0] > 0) & np.isfinite(spans).all(axis=1)))
    if odd.size:
        begin, end = spans[odd[0]]
        raise ValueError(f"{where}: interval {odd[0]} is from {begin} to {end} s")


def _known(values: NDArray[Any], every: Callable[..., Any]) -> NDArray[np.bool_]:
    rows = values.reshape(len(values), -1)
    return every(np.isfinite(rows), axis=1) if rows.dtype.kind == "f" else np.ones(len(rows), bool)
