"""Nested selection without leakage: search on inner folds, refit, score once on the outer fold."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.axes import folds
from jaxneuro.engine.lanes import fit_many, flatten_axes
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits, Selection
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis, Inputs


@dataclass(frozen=True)
class Search:
    """What a nested search found.

    Attributes:
      inner: scores of the search, (*axes, outer, inner, *grid); None if there was no choice.
      selection: the choice for each (*axes, outer), by inner scores alone; None likewise.
      fits: the refits of the chosen on all outer training samples, (*axes, *refit_axes, outer),
        scored on the outer test samples that nothing before has seen.
    """

    inner: Fits | None
    selection: Selection | None
    fits: Fits

    @property
    def total(self) -> int:
        """Fits run, search and refits."""
        return len(self.fits) + (len(self.inner) if self.inner is not None else 0)

    @property
    def compile_seconds(self) -> float:
        return sum(f.compile_seconds for f in (self.inner, self.fits) if f is not None)

    @property
    def run_seconds(self) -> float:
        return sum(f.run_seconds for f in (self.inner, self.fits) if f is not None)


def search(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]],
    splits: NestedSplits,
    grid: Sequence[Axis] = (),
    *,
    score: str | None = None,
    refit_axes: Sequence[Axis] = (),
    out: str | os.PathLike | None = None,
    **options: Any,
) -> Search:
    """Chooses hyper-parameters for each target and outer fold by inner folds, and refits.

    The refit is one more row of weights, so with a number of `lanes` one compiled program runs
    both; "auto" plans fewer lanes for the refits, which are fewer.

    Args:
      fit: scored by `score`, higher is better.
      inputs: with weight wherever there is data: `splits` says what is fitted and scored.
      axes: everything but folds and grid; `axes.targets`, `axes.seeds`, `axes.subjects`, ...
      splits: from `splits.nested`; `splits.nested(splits.holdout(test), ...)` for one held-out
        part. With no or a single point in `grid`, the inner folds are not run.
      grid: hyper-parameters to choose among, from `axes.grid`.
      score: which of the fit's scores; None: the only one.
      refit_axes: axes of the refits alone, such as `axes.seeds` or `axes.shifts`: the choice is
        made at their index 0.
      out: a folder as for `fit_many`, of two: `search` and `refit`.
      options: handed to `fit_many` (key, lanes, devices, progress).
    """
    axes, grid = flatten_axes(axes), tuple(grid)
    outer, inner, samples = splits.train.shape
    inner -= 1
    table = folds(splits.train.reshape(-1, samples), splits.test.reshape(-1, samples), name="fold")
    every = [*axes, *refit_axes, table, *grid]
    lead = [axis.size for axis in axes]
    repeats = [axis.size for axis in refit_axes]
    points = [axis.size for axis in grid]

    def rows(*indices: np.ndarray) -> np.ndarray:
        return np.stack([i.ravel() for i in indices], axis=1).astype(np.int32)

    def labelled(name: str, size: int, labels: tuple | None = None) -> Axis:
        return Axis(name, size, lambda inputs, index: inputs, labels)

    searched = selection = None
    outer_axis = labelled("outer", outer, tuple(splits.names))
    chosen = np.zeros((*lead, outer, len(grid)), int)
    if int(np.prod(points)) > 1:
        place = np.indices((*lead, outer, inner, *points))
        ahead, (o, i), behind = np.split(place, [len(lead), len(lead) + 2])
        first = [np.zeros_like(o)] * len(repeats)
        wanted = rows(*ahead, *first, o * (inner + 1) + i, *behind)
        folder = out and Path(out) / "search"
        searched = fit_many(fit, inputs, every, rows=wanted, keep="scores", out=folder, **options)
        searched = searched.shaped((*axes, outer_axis, labelled("inner", inner), *grid))
        selection = searched.select([axis.name for axis in grid], score, mean=("inner",))
        chosen = selection.chosen
    place = np.indices((*lead, *repeats, outer))
    refit = place[-1] * (inner + 1) + inner
    for position in range(len(lead), len(lead) + len(repeats)):
        chosen = np.expand_dims(chosen, position)
    behind = np.broadcast_to(chosen, (*place.shape[1:], len(grid)))
    wanted = rows(*place[:-1], refit, *np.moveaxis(behind, -1, 0))
    folder = out and Path(out) / "refit"
    found = fit_many(fit, inputs, every, rows=wanted, out=folder, **options)
    return Search(searched, selection, found.shaped((*axes, *refit_axes, outer_axis)))
