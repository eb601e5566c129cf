"""Fits of all targets, their hyper-parameters given, or chosen for each on inner folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import Partial

from jaxneuro import axes
from jaxneuro.axes import unchanged
from jaxneuro.engine import fit_many
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.search import EdgeOfGrid, edges
from jaxneuro.splits import Splits
from jaxneuro.types import Axis

_CHOOSE = ("deviance", "mean_squared_error", "accuracy")


class Chosen(NamedTuple):
    """What was fitted.

    Attributes:
      fits: (target,).
      hyper: by name, (target,) what each was fitted with.
      scores: (target,) inner held-out score of what was chosen; None where nothing was to choose.
    """

    fits: Fits
    hyper: dict[str, np.ndarray]
    scores: np.ndarray | None


class Problem(NamedTuple):
    """What is to be fitted.

    Attributes:
      fit: the recipe.
      x, y: (sample, *feature); (sample, target), or (sample,) labels.
      weight: (sample,), or None.
      target: the axis of targets.
      seed: of random numbers.
    """

    fit: Fit
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    target: Axis
    seed: int


def choices(hyper: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Hyper-parameters that are given, and lists of those to choose among.

    Raises:
      ValueError: names what is no number from 0, nor a list of such.
    """
    given, listed = {}, {}
    for name, value in hyper.items():
        array = np.asarray(value)
        numbers = array.dtype.kind in "iuf" and array.ndim < 2 and array.size > 0
        if not numbers or not np.isfinite(array).all() or (array < 0).any():
            raise ValueError(f"{name} is {value!r}: it must be a number from 0, or a list of such")
        if array.size == 1:
            given[name] = float(array.ravel()[0])
        else:
            listed[name] = [float(v) for v in array]
    return given, listed


def fit_all(
    problem: Problem, hyper: Mapping[str, Any], splits: Any, metric: str | None = None
) -> Chosen:
    """Fits every target on all samples.

    Args:
      problem: what is fitted.
      hyper: numbers, or lists of numbers: the best of all combinations is chosen for each target
        by its mean held-out score, and refitted, by the same compiled programs.
      splits: () -> `Splits`: the inner folds, asked for if there is a choice.
      metric: which of the fit's scores chooses; None: deviance, mean squared error or accuracy,
        where it has one of these, or its only one.
    """
    given, listed = choices(hyper)
    inputs = make_inputs(problem.x, problem.y, weight=problem.weight, hyper=given, key=problem.seed)
    size = problem.target.size
    fixed = {name: np.full(size, value) for name, value in given.items()}
    if not listed:
        found = fit_many(problem.fit, inputs, [problem.target], progress=False)
        return Chosen(found, fixed, None)
    metric = _metric(problem.fit, metric)
    folds, grid = _with_refit(splits(), problem.weight), axes.grid(**listed)
    every = [problem.target, folds, *grid]
    inner = folds.size - 1
    rows = np.indices((size, inner, *[axis.size for axis in grid])).reshape(len(every), -1).T
    searched = fit_many(problem.fit, inputs, every, rows=rows, keep="scores", progress=False)
    searched = searched.shaped((problem.target, _light(folds)._replace(size=inner), *grid))
    choice = searched.select(list(listed), metric)
    told = edges(choice)
    if told:
        warnings.warn(f"{told}: a list that reaches further may do better", EdgeOfGrid, 5)
    rows = np.column_stack([np.arange(size), np.full(size, inner), choice.chosen])
    same = searched.lanes // len(jax.local_devices())
    lanes = "auto" if problem.fit.stop.fixed else same  # as `crossval.search` has it
    found = fit_many(problem.fit, inputs, every, rows=rows, lanes=lanes, progress=False)
    found = replace(found.shaped([problem.target]), row_axes=tuple(map(_light, every)))
    values = {name: np.asarray(choice.values[name], float) for name in listed}
    return Chosen(found, fixed | values, choice.score)


def _with_refit(splits: Splits, weight: np.ndarray | None) -> Axis:
    """The inner folds, and one more that fits every sample and scores none."""
    scored = splits.test if weight is None else splits.test * weight
    axis = axes.folds(splits.train, scored)
    train, test = map(np.asarray, axis.select.args)  # pyright: ignore[reportFunctionMemberAccess]
    train = np.concatenate([train, np.ones_like(train[:1])])
    test = np.concatenate([test, np.zeros_like(test[:1])])
    select = Partial(axis.select.func, *jax.device_put((train, test)))  # pyright: ignore
    return axis._replace(size=len(train), select=select, labels=None)


def _light(axis: Axis) -> Axis:
    """Its name and labels alone."""
    return axis._replace(select=unchanged, pad=None)


def _metric(fit: Fit, metric: str | None) -> str:
    names = [name for name, _ in fit.better]
    known = names if len(names) == 1 else [name for name in _CHOOSE if name in names]
    chosen = metric or next(iter(known), None)
    if chosen not in names:
        raise ValueError(f"metric is {metric!r}: which score chooses? The fit has {names}")
    return chosen
