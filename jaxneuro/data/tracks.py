"""A rat's hippocampus on tracks: a reader by path of the nelpy example data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.data.files import PathLike, read_mat
from jaxneuro.data.types import Recording

_HEADER, _CLOCK = b"<End settings>\n", 30_000  # ticks a second
_FRAME = np.dtype([("time", "<u4"), ("point", "<u2", 4)])
_JUMP, _STILL, _NEAR = 25, 10.0, 2.0  # px from frame to frame; s on one pixel; s about either


def hippocampus_track(directory: PathLike) -> Recording:
    """Spikes of a rat's hippocampus and its position, running on a track and at rest.

    Spikes and frames are of one clock. Where the diode was not seen, the tracker repeats a pixel or
    flickers: positions within 2 s of a frame that is 25 px from the one before it, or of 10 s on a
    single pixel, are NaN.

    Args:
      directory: `linear-track` or `w-maze` of github.com/nelpy/example-data, with `spikes.mat` and
        `trajectory.videoPositionTracking`.

    Returns:
      `spike_time` (spike,), `spike_unit` (spike,) numbers from 0, each unit's spikes in order of
      time; `tetrode` (unit,), from 0; `frame_time` (frame,); `position` (frame, 2); `span` (2,):
      when spikes were recorded. A unit of more spikes than a neuron can fire is what the sorting
      left over: the w-maze has one, of 107 a second.

    Raises:
      FileNotFoundError: one of the files is not there.
      ImportError: scipy is not installed.
      ValueError: a file is not of this layout.

    Source: the README of the data; sorted by MatClust.
    """
    directory = Path(directory)
    time, place = _frames(directory / "trajectory.videoPositionTracking")
    path = directory / "spikes.mat"
    try:
        tetrodes = np.atleast_1d(read_mat(path)["spikes"])
        found = [(k, unit) for k, one in enumerate(tetrodes) for unit in _units(one)]
        times = [np.ravel(unit.time).astype(np.float64) for _, unit in found]
        span = np.asarray(found[0][1].timerange, np.float64).reshape(2)
    except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not laid out as nelpy's spikes.mat ({error}).") from error
    return Recording(
        name="hippocampus_" + directory.name.replace("-", "_"),
        arrays={
            "spike_time": np.concatenate(times),
            "spike_unit": np.repeat(np.arange(len(times)), [len(t) for t in times]),
            "tetrode": np.array([k for k, _ in found]),
            "frame_time": time,
            "position": place,
            "span": span,
        },
        units={
            "spike_time": "s",
            "spike_unit": "number of the unit",
            "tetrode": "number of the tetrode",
            "frame_time": "s",
            "position": "pixel",
            "span": "s",
        },
        description=f"Tetrodes in a rat's hippocampus, {len(times)} units: {directory.name}.",
        licence="MIT (github.com/nelpy/example-data)",
        citation="nelpy example data, github.com/nelpy/example-data.",
        source=directory.name,
    )


def _units(found: Any) -> Iterator[Any]:
    """The units of a tetrode that have spikes, however deep MATLAB's cells are."""
    if hasattr(found, "time"):
        if np.size(found.time):
            yield found
    elif isinstance(found, np.ndarray) and found.dtype == object:
        for one in found.ravel():
            yield from _units(one)


def _frames(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time (frame,) in s and position (frame, 2), NaN where it was lost."""
    raw = path.read_bytes()
    begin = raw.find(_HEADER) + len(_HEADER)
    if begin < len(_HEADER) or (len(raw) - begin) % _FRAME.itemsize or len(raw) == begin:
        raise ValueError(f"{path}: not a position tracking of <time uint32> and four <uint16>.")
    frames = np.frombuffer(raw, _FRAME, offset=begin)
    time, place = frames["time"] / _CLOCK, frames["point"][:, :2].astype(np.float64)
    if (np.diff(time) < 0).any():
        raise ValueError(f"{path}: its times run backwards.")
    step = np.linalg.norm(np.diff(place, axis=0), axis=1)
    ends = np.append(np.flatnonzero(step), len(time) - 1)  # the last frame on each pixel
    starts = np.append(0, ends[:-1] + 1)
    still = time[ends] - time[starts] > _STILL
    lost = [(time[a], time[b]) for a, b in zip(starts[still], ends[still], strict=True)]
    lost += [(time[k], time[k + 1]) for k in np.flatnonzero(step > _JUMP)]
    for first, last in lost:
        a, b = np.searchsorted(time, [first - _NEAR, last + _NEAR])
        place[a:b] = np.nan
    return time, place
