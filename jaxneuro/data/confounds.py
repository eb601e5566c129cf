"""Confounds of a run, as BIDS derivatives hold them: motion, components, outlying frames."""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
_MISSING = ("n/a", "")
# Runs without such frames have no such columns.
_OUTLIERS = ("motion_outlier", "non_steady_state_outlier")


class Confounds(NamedTuple):
    """Of a run.

    Attributes:
      names: (column,)
      values: (time, column) float64, finite.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]


def read_confounds(path: str | os.PathLike[str], columns: Sequence[str] = MOTION) -> Confounds:
    """Columns of a `*_desc-confounds_timeseries.tsv` of fMRIPrep, or of any such table.

    What a difference of frames gives (derivatives, displacement, DVARS) has no value in the first
    frame: `n/a` before the first number of a column becomes the mean of its numbers, so that the
    column has no say there once a constant is fitted. `n/a` after a number is an error.

    Args:
      path: tab-separated, with a header.
      columns: names, or patterns: "trans_*", "a_comp_cor_0[0-4]", "*". In the table's order within
        a pattern, none twice. Patterns of `motion_outlier` and `non_steady_state_outlier` may match
        nothing.

    Raises:
      FileNotFoundError: no such file.
      ValueError: a name or pattern that matches no column (the nearest are told), no row, or a cell
        that is no number; names line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    wanted = [columns] if isinstance(columns, str) else list(columns)
    with path.open(encoding="utf-8-sig", newline="") as file:
        names, *rows = [row for row in csv.reader(file, delimiter="\t") if row] or [[]]
    names = [name.strip() for name in names]
    if not rows:
        raise ValueError(f"{path}: no rows under the header.")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise ValueError(f"{path}: line {line} has {len(row)} cells, not {len(names)}.")
    chosen = _chosen(path, names, wanted)
    found = [
        _numbers(path, name, [row[names.index(name)].strip() for row in rows]) for name in chosen
    ]
    values = np.stack(found, axis=1) if found else np.empty((len(rows), 0))
    return Confounds(chosen, values)


def _chosen(path: Path, names: list[str], wanted: list[str]) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    for pattern in wanted:
        matching = [name for name in names if fnmatchcase(name, pattern)]
        if not matching and not ("*" in pattern and pattern.startswith(_OUTLIERS)):
            near = difflib.get_close_matches(pattern, names, 5) or names[:5]
            raise ValueError(f"{path}: no column {pattern!r}; the nearest are {near}")
        chosen |= dict.fromkeys(matching)
    return tuple(chosen)


def _numbers(path: Path, name: str, cells: list[str]) -> NDArray[np.float64]:
    known = [cell not in _MISSING for cell in cells]
    if not any(known):
        raise ValueError(f"{path}: column {name!r} has no number at all")
    begin = known.index(True)
    values = np.empty(len(cells))
    for place, cell in enumerate(cells[begin:], start=begin):
        try:
            values[place] = float(cell)
        except ValueError:
            values[place] = np.nan
        if not np.isfinite(values[place]):
            raise ValueError(f"{path}: line {place + 2}, column {name!r}: {cell!r} is no number")
    values[:begin] = values[begin:].mean()
    return values
