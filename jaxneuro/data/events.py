"""What was shown when: tables of events, as labels of volumes; runs brought to one scale."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LABELS = ("trial_type", "label", "labels", "category", "condition")
_RUNS = ("run", "runs", "chunk", "chunks", "session")


class Events(NamedTuple):
    """Of BIDS (`events.tsv`).

    Attributes:
      onset, duration: (event,) seconds from the first volume.
      label: (event,) strings.
    """

    onset: NDArray[np.float64]
    duration: NDArray[np.float64]
    label: NDArray[np.str_]


class VolumeLabels(NamedTuple):
    """Of each volume.

    Attributes:
      label: (time,) strings; "" between events.
      run: (time,) from 0.
      block: (time,) the number of the event, or stretch of one label, that it belongs to; -1: none.
    """

    label: NDArray[np.str_]
    run: NDArray[np.int32]
    block: NDArray[np.int32]


def read_events(path: str | os.PathLike[str]) -> Events:
    """Events of a tab- or comma-separated table with columns onset, duration and trial_type.

    Raises:
      FileNotFoundError: no such file.
      ValueError: a column is missing, or an onset or duration is no number from 0; names the line.
    """
    names, rows = _table(path)
    for needed in ("onset", "duration"):
        if needed not in names:
            raise ValueError(f"{path}: no column {needed!r} among {list(names)}")
    label = _column(path, names, _LABELS)
    numbers = np.empty((2, len(rows)))
    for row, cells in enumerate(rows):
        for place, column in enumerate(("onset", "duration")):
            numbers[place, row] = _number(cells[names.index(column)], path, row + 2, column)
    if (short := np.flatnonzero(numbers[1] < 0)).size:
        raise ValueError(f"{path}: line {short[0] + 2} has a duration below 0")
    return Events(numbers[0], numbers[1], np.array([cells[label] for cells in rows], np.str_))


def label_volumes(
    events: Events, volumes: int, repetition: float, delay: float = 0.0, run: int = 0
) -> VolumeLabels:
    """The event that each volume belongs to: the one that goes on as it is taken, `delay` before.

    Args:
      events: of one run.
      volumes: of the run.
      repetition: seconds from one to the next; the first is taken at 0.
      delay: seconds by which the response follows; about 5 for the BOLD signal.
      run: its number.

    Raises:
      ValueError: two events at one time, or none within the run.
    """
    if not np.isfinite(repetition) or repetition <= 0:
        raise ValueError(f"repetition is {repetition!r}: it must be seconds above 0")
    order = np.argsort(events.onset, kind="stable")
    ends = (events.onset + events.duration)[order]
    if (over := np.flatnonzero(events.onset[order][1:] < ends[:-1] - 1e-6)).size:
        raise ValueError(
            f"events: one starts at {events.onset[order][over[0] + 1]:g} s before the one before "
            f"ends, at {ends[over[0]]:g} s: a volume has one label"
        )
    time = np.arange(volumes) * repetition - delay
    shown = (events.onset[:, None] <= time + 1e-6) & (
        time + 1e-6 < (events.onset + events.duration)[:, None]
    )
    if not shown.any():
        raise ValueError(f"events: none goes on within the {volumes} volumes of {repetition:g} s")
    block = np.where(shown.any(axis=0), shown.argmax(axis=0), -1).astype(np.int32)
    label = np.where(block < 0, "", events.label[block])
    return VolumeLabels(label, np.full(volumes, run, np.int32), block)


def read_volume_labels(path: str | os.PathLike[str]) -> VolumeLabels:
    """Labels of a table with a line for each volume: columns label (or labels, trial_type,
    category, condition) and run (or chunks, session); separated by tabs, commas or spaces. Without
    a header, two columns are these two.

    Raises:
      FileNotFoundError: no such file.
      ValueError: no such columns.
    """
    names, rows = _table(path)
    if len(names) == 2 and not set(names) & {*_LABELS, *_RUNS}:
        names, rows = ("label", "run"), [list(names), *rows]
    label = np.array([cells[_column(path, names, _LABELS)] for cells in rows], np.str_)
    runs = np.array([cells[_column(path, names, _RUNS)] for cells in rows], np.str_)
    changes = (label[1:] != label[:-1]) | (runs[1:] != runs[:-1])
    block = np.concatenate([[0], np.cumsum(changes)])
    _, first, run = np.unique(runs, return_index=True, return_inverse=True)
    run = np.argsort(np.argsort(first))[run.ravel()]  # in the order of the file
    return VolumeLabels(label, run.astype(np.int32), block.astype(np.int32))


def standardise_runs(x: ArrayLike, run: ArrayLike, degree: int = 1) -> NDArray[np.float32]:
    """(time, voxel) with a polynomial of time taken out of each run, and then scaled to deviation 1
    inside it; a voxel that is constant in a run is 0 there. No label and no other run has a say.

    Args:
      x: (time, voxel).
      run: (time,) ids.
      degree: of the polynomial: 0 centres, 1 takes a line out.

    Raises:
      ValueError: lengths that differ.
    """
    values, runs = np.asarray(x), np.asarray(run)
    if values.ndim != 2 or runs.shape != (len(values),):
        raise ValueError(f"x {values.shape} must be (time, voxel), and run {runs.shape} (time,)")
    found = np.empty(values.shape, np.float32)
    for one in np.unique(runs):
        own = runs == one
        time = np.linspace(-1, 1, int(own.sum()))
        basis, _ = np.linalg.qr(np.vander(time, degree + 1))
        part = values[own].astype(np.float64)
        size = np.abs(part).max(axis=0)
        rest = part - basis @ (basis.T @ part)
        deviation = rest.std(axis=0)
        varies = deviation > 1e-9 * size
        found[own] = np.where(varies, rest / np.where(varies, deviation, 1), 0)
    return found


def _table(path: str | os.PathLike[str]) -> tuple[tuple[str, ...], list[list[str]]]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    lines = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    if len(lines) < 2:
        raise ValueError(f"{path}: no rows under the header.")
    mark = next((mark for mark in ("\t", ",") if mark in lines[0]), " ")
    cells = [
        [cell.strip() for cell in row]
        for row in csv.reader(lines, delimiter=mark, skipinitialspace=mark == " ")
    ]
    for number, row in enumerate(cells, start=1):
        if len(row) != len(cells[0]):
            raise ValueError(f"{path}: line {number} has {len(row)} cells, not {len(cells[0])}.")
    return tuple(cells[0]), cells[1:]


def _column(path, names: tuple[str, ...], known: tuple[str, ...]) -> int:
    for name in known:
        if name in names:
            return names.index(name)
    raise ValueError(f"{path}: none of the columns {list(known)} among {list(names)}")


def _number(cell: str, path, line: int, column: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{path}: line {line}, column {column!r}: {cell!r} is no number")
    return value
