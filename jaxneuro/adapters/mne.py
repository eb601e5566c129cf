"""MNE's Epochs and Raw, known by their methods: MNE itself is not imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.adapters.signals import Signals, signals
from jaxneuro.data.labels import plain

_PLACES = 6  # decimals of a time in seconds


@dataclass(frozen=True, eq=False, repr=False)
class EpochArrays:
    """Epochs as decoders take them.

    Attributes:
      x: (trial, channel, time) float64 in MNE's units (V, T), as of `decoding.decode_epochs`.
      y: (trial,) labels.
      times: (time,) seconds from the event.
      channels: (channel,) names.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    times: NDArray[np.float64]
    channels: tuple[str, ...]

    @property
    def dt(self) -> float:
        """Seconds from one sample to the next."""
        return float(np.median(np.diff(self.times)))

    def windows(self, samples: int = 1) -> tuple[NDArray[np.float64], tuple[float, ...]]:
        """As of `decoding.sliding` and `generalise`: means of so many samples side by side.

        Returns:
          (trial, window, channel), and (window,) the mean time of each, for `windows=`. What is
          left at the end is in no window.

        Raises:
          ValueError: fewer than 1 or more than an epoch has.
        """
        every = len(self.times)
        if not isinstance(samples, int | np.integer) or not 1 <= samples <= every:
            raise ValueError(f"windows: samples is {samples!r}; it must be from 1 to {every}")
        count = every // samples
        parts = self.x[..., : count * samples].reshape(*self.x.shape[:2], count, samples)
        times = self.times[: count * samples].reshape(count, samples).mean(axis=1)
        return parts.mean(axis=3).transpose(0, 2, 1), tuple(times.round(_PLACES).tolist())

    def __repr__(self) -> str:
        kinds = len(np.unique(self.y))
        return (
            f"<{len(self.x)} epochs, {kinds} kinds, of {len(self.channels)} channels from "
            f"{self.times[0]:g} to {self.times[-1]:g} s>"
        )


def from_mne_epochs(epochs: Any, label: str | None = None) -> EpochArrays:
    """Epochs as arrays, with what happened as labels. `epochs.pick("eeg")` first, where not all
    channels shall be seen.

    Args:
      epochs: an `mne.Epochs` of any kind.
      label: the column of `epochs.metadata` to take labels from. None: the names of the events.

    Raises:
      ValueError: names what is missing or of another shape.
    """
    _has(epochs, "from_mne_epochs", ("get_data", "times", "ch_names", "events", "event_id"))
    x = np.asarray(epochs.get_data(), np.float64)  # drops bad epochs, and their events: first
    times, channels = np.asarray(epochs.times, np.float64), tuple(map(str, epochs.ch_names))
    if x.ndim != 3 or x.shape[1:] != (len(channels), len(times)) or not len(x):
        raise ValueError(
            f"from_mne_epochs: get_data() has shape {x.shape}; it must be (trial, channel, time) "
            f"of {len(channels)} channels and {len(times)} times, with a trial or more"
        )
    y = _names_of_events(epochs) if label is None else _column(epochs, label)
    if y.shape != (len(x),):
        raise ValueError(f"from_mne_epochs: {y.shape} labels for {len(x)} epochs")
    return EpochArrays(x, y, times, channels)


def from_mne_raw(raw: Any) -> Signals:
    """A continuous recording: signals (time, channel) in MNE's units, of all channels:
    `raw.pick("eeg")` first, where triggers and others shall not be seen. Samples that are annotated
    as bad are left out, and `trials` tells the stretches between them.

    Raises:
      ValueError: names what is missing, or that nothing is left.
    """
    _has(raw, "from_mne_raw", ("get_data", "times", "ch_names"))
    x, times = raw.get_data(reject_by_annotation="omit", return_times=True)
    return signals(np.asarray(x).T, times, raw.ch_names, "from_mne_raw")


def _has(given: Any, where: str, needs: tuple[str, ...]) -> None:
    if lacking := [name for name in needs if not hasattr(given, name)]:
        raise ValueError(f"{where}: a {type(given).__name__} has no {', '.join(lacking)}")


def _names_of_events(epochs: Any) -> NDArray[np.str_]:
    codes = np.asarray(epochs.events)[:, 2]
    names: dict[int, str] = {}
    for name, code in epochs.event_id.items():
        if int(code) in names:
            raise ValueError(
                f"from_mne_epochs: event {code} is called {names[int(code)]!r} and {name!r}"
            )
        names[int(code)] = str(name)
    if unknown := sorted(set(codes.tolist()) - set(names)):
        raise ValueError(f"from_mne_epochs: event_id has no name of event {unknown[0]}")
    return np.array([names[int(code)] for code in codes], np.str_)


def _column(epochs: Any, label: str) -> NDArray[Any]:
    metadata = getattr(epochs, "metadata", None)
    there = [] if metadata is None else list(metadata.columns)
    if metadata is None or label not in there:
        raise ValueError(f"from_mne_epochs: no column {label!r} in the metadata, which has {there}")
    return plain(list(metadata[label]), f"metadata {label!r}")
