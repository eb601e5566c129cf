"""Nested selection without leakage: search on inner folds, refit, score once on the outer fold."""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxneuro import several
from jaxneuro.axes import folds, unchanged
from jaxneuro.engine.lanes import again, fit_many, flatten_axes
from jaxneuro.engine.store import Store
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits, Selection
from jaxneuro.linear.condense import condense
from jaxneuro.selection import leakage
from jaxneuro.selection.halving import Halving, contest_of, told
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits, Splits
from jaxneuro.types import Axis, Inputs

_MOST_BYTES = 2**30  # of x, that is looked through for samples that are there twice


class EdgeOfGrid(UserWarning):
    """A grid that ends where the best candidates lie."""


def search(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]],
    splits: NestedSplits,
    grid: Sequence[Axis] = (),
    *,
    score: str | None = None,
    refit_axes: Sequence[Axis] = (),
    condensed: bool = False,
    halving: Halving | None = None,
    rivals: bool = False,
    out: str | os.PathLike | None = None,
    **options: Any,
) -> Search:
    """Chooses hyper-parameters for each target and outer fold by inner folds, and refits.

    The refit is one more row of weights, so one compiled program runs both. Where the refits are so
    much fewer that idle lanes would cost more than programs for fewer lanes take to compile, they
    get a plan of their own, unless `lanes` is given.

    A choice at an edge of `grid` is told by a warning, `EdgeOfGrid`; samples that a fold scores and
    fits, bit by bit the same, by `Leakage`.

    Args:
      fit: its `score` chooses, in the direction that the score says is better.
      inputs: with weight wherever there is data: `splits` says what is fitted and scored.
      axes: everything but folds and grid; `axes.targets`, `axes.seeds`, `axes.subjects`, ...
      splits: from `splits.nested`; `splits.nested(splits.holdout(test), ...)` for one held-out
        part. With no or a single point in `grid`, the inner folds are not run, but for `rivals`.
      grid: hyper-parameters to choose among, from `axes.grid`.
      score: which of the fit's scores; None: the only one.
      refit_axes: axes of the refits alone, such as `axes.seeds` or `axes.shifts`: the choice is
        made at their index 0.
      condensed: fit the moments of each fold's samples in place of the samples: the same answers
        for linear models under squared error, whatever the penalty, in a time that does not
        depend on how many samples there are. See `condense`, whose conditions it has; no axis may
        pick samples, and scores must be made of second moments (errors, R², correlation).
      halving: stop candidates early that do worse than others, with the steps that this took in
        `Search.halved`; None: run all to their ends. The refits do.
      rivals: the inner folds are run even where there is one choice: their score,
        `Search.selection.score`, is what other fits are compared by.
      out: a folder as for `fit_many`, of two: `search` and `refit`.
      options: handed to `fit_many` (key, lanes, devices, executor, progress).
    """
    given = {"score": score, "refit_axes": refit_axes, "condensed": condensed, "halving": halving}
    given |= {"rivals": rivals, "out": out}
    return search_by(fit_many, fit, inputs, axes, splits, grid, **given, **options)


def search_by(
    run: Callable[..., Fits],
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]],
    splits: NestedSplits,
    grid: Sequence[Axis] = (),
    *,
    score: str | None = None,
    refit_axes: Sequence[Axis] = (),
    condensed: bool = False,
    halving: Halving | None = None,
    rivals: bool = False,
    out: str | os.PathLike | None = None,
    **options: Any,
) -> Search:
    """`search` whose fits are run by another function than `fit_many`, called as that is."""
    _check(splits, condensed, halving, options)
    axes, grid = flatten_axes(axes), tuple(flatten_axes(grid))
    score = _score_name(fit, score)
    outer, inner, samples = splits.train.shape
    _tell_copies(inputs, splits)
    inner -= 1
    train, test = (part.reshape(-1, samples) for part in (splits.train, splits.test))
    given, table = inputs, folds(train, test, name="fold")
    if condensed:
        names = tuple(map(str, range(len(train))))
        fit, inputs, table = condense(fit, inputs, Splits(train, test, names))
    every = [*axes, *refit_axes, table, *grid]
    if table.outer:  # such axes come first
        every = [table, *axes, *refit_axes, *grid]
    lead = [axis.size for axis in axes]
    repeats = [axis.size for axis in refit_axes]
    points = [axis.size for axis in grid]

    def rows(before: Sequence[np.ndarray], fold: np.ndarray, behind: Iterable) -> np.ndarray:
        indices = [fold, *before, *behind] if table.outer else [*before, fold, *behind]
        return np.stack([i.ravel() for i in indices], axis=1).astype(np.int32)

    searched = selection = halved = None
    outer_axis = Axis("outer", outer, unchanged, tuple(splits.names))
    chosen = np.zeros((*lead, outer, len(grid)), int)
    if rivals or int(np.prod(points)) > 1:
        place = np.indices((*lead, outer, inner, *points))
        ahead, (o, i), behind = np.split(place, [len(lead), len(lead) + 2])
        first = [np.zeros_like(o)] * len(repeats)
        wanted = rows([*ahead, *first], o * (inner + 1) + i, behind)
        contest = None if halving is None else contest_of(halving, fit, score, grid, inner)
        searched = run(fit, inputs, every, rows=wanted, keep="scores", contest=contest,
                       out=out and Path(out) / "search", **options)  # fmt: skip
        searched = searched.shaped((*axes, outer_axis, Axis("inner", inner, unchanged), *grid))
        if contest is not None:
            searched, halved = told(searched, contest)
            options["contest"] = contest.alone  # the refits, by the same programs
        selection = searched.select([axis.name for axis in grid], score, mean=("inner",))
        chosen = selection.chosen
        _tell_edges(selection)
    place = np.indices((*lead, *repeats, outer))
    if searched is not None and options.get("lanes", "auto") == "auto":
        begun = out is not None and Store.lanes_of(Path(out) / "refit")  # a resumed run keeps them
        if not begun:
            refits = place[0].size
            options["lanes"] = _lanes(fit, inputs, every, refits, searched.lanes, options)
    refit = place[-1] * (inner + 1) + inner
    for position in range(len(lead), len(lead) + len(repeats)):
        chosen = np.expand_dims(chosen, position)
    behind = np.broadcast_to(chosen, (*place.shape[1:], len(grid)))
    wanted = rows(list(place[:-1]), refit, np.moveaxis(behind, -1, 0))
    found = run(fit, inputs, every, rows=wanted, out=out and Path(out) / "refit", **options)
    found = found.shaped((*axes, *refit_axes, outer_axis))
    repeated = {axis.name: axis.select is unchanged for axis in refit_axes}
    return Search(searched, selection, found, score, splits, repeated, given, halved=halved)


def _lanes(
    fit: Fit, inputs: Inputs, axes: list[Axis], fits: int, lanes: int, options: dict[str, Any]
) -> int | str:
    """Of the refits, after a search in so many `lanes`."""
    if options.get("executor") is not None:  # then they are those on each of its devices
        return "auto" if fit.stop.fixed else lanes
    devices = options.get("devices") or jax.local_devices()
    return again(fit, inputs, axes, fits, lanes // len(devices), devices)


def _check(splits: Any, condensed: bool, halving: Halving | None, options: dict[str, Any]) -> None:
    """Refuses what cannot be searched, before the work."""
    if not isinstance(splits, NestedSplits):
        raise TypeError(
            f"search: splits is {type(splits).__name__}: take them from protocol or splits.nested; "
            "the order is fit, inputs, axes, splits, grid"
        )
    if not options.get("gather", True):
        raise ValueError("search: gather is False, and who chooses must see all scores")
    if halving is not None and condensed:
        raise ValueError("search: halving goes without condensed=True, whose folds run in turn and "
                         "cannot compete; such fits take few steps as it is")  # fmt: skip


def _score_name(fit: Fit, score: str | None) -> str:
    names = [name for name, _ in fit.better]
    if score is None and len(names) == 1:
        return names[0]
    if score not in names:
        asked = "which score chooses?" if score is None else f"no score {score!r};"
        raise ValueError(f"search: {asked} The fit has {names}")
    return score


def edges(selection: Selection) -> str:
    """How many choices lie at an edge of their grid, in words; empty if none does. A least of 0 is
    no edge: there is no weaker strength, and no shorter lag."""
    told = []
    total = int(selection.made.sum())
    for name, counts in selection.at_edges().items():
        sides = zip(("least", "greatest"), counts, selection.limits[name], strict=True)
        parts = [
            f"{n} lie at the {side} ({limit:g})"
            for side, n, limit in sides
            if n and not (side == "least" and limit == 0)
        ]
        if parts:
            told.append(f"of {total} choices of {name}, {' and '.join(parts)}")
    return "; ".join(told)


def _tell_copies(inputs: Inputs, splits: NestedSplits) -> None:
    """Whether a fold scores samples that it fits, bit by bit."""
    if inputs.weight.ndim > 1 or several.nbytes(inputs.x) > _MOST_BYTES:
        return
    leakage.tell(leakage.copies(several.flat(inputs.x), inputs.y, splits), "search", 4)


def _tell_edges(selection: Selection) -> None:
    told = edges(selection)
    if told:
        warnings.warn(
            f"search: {told}: a grid that reaches further may do better",
            EdgeOfGrid,
            stacklevel=4,  # who called `search`
        )
