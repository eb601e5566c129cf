"""A recording as all that are compared see it: checked, outputs in units of theirs, folds made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.given import finite, labels_of, numbers_of
from jaxneuro.data.labels import as_labels, plain
from jaxneuro.data.targets import are_categories
from jaxneuro.selection.defaults import LAGS, told_folds, told_lags, too_large
from jaxneuro.selection.lags import Past, past_of
from jaxneuro.splits import NestedSplits


@dataclass(frozen=True)
class Recording:
    """What every contender is fitted to.

    Attributes:
      x: (sample, *feature) as it was given.
      y: (sample, output) about the mean of what is fitted, in its deviations; NaN = missing. Or of
        categories (sample,) numbers from 0.
      observed: `y` as it was given.
      centre, spread: (output,) of `y`; of categories empty.
      classes: (class,) their names; empty of outputs.
      edges: (sample,) what no lag reaches over; None: nothing.
      whole: (sample,) what no fold divides; None: nothing.
      series: whether the samples are a time series.
      lags: last samples of the past to choose among; (0,): the present alone.
      past: how the longest of them is laid out.
      splits: what is held out, of categories in several outer folds if need be, and inner folds of
        the rest.
      seed: of all that is random.
      progress: see `fit_many`.
      balanced: whether classes weigh alike, however many samples each has.
      rivals: whether there are several contenders, so that each needs an inner score.
    """

    x: np.ndarray
    y: np.ndarray
    observed: np.ndarray
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    classes: tuple[str, ...]
    edges: NDArray[Any] | None
    whole: NDArray[Any] | None
    series: bool
    lags: tuple[int, ...]
    past: Past
    splits: NestedSplits
    seed: int
    progress: bool | None
    balanced: bool = False
    rivals: bool = True

    @property
    def held(self) -> NDArray[np.bool_]:
        """(sample,) what some outer fold holds out."""
        return np.any(self.splits.test[:, -1] > 0, axis=0)

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """(sample,) what some outer fold fits."""
        return np.any(self.splits.train[:, -1] > 0, axis=0)

    @property
    def metric(self) -> str:
        """The score of categories that chooses, by its name in `classify.fits.SCORES`."""
        return "balanced_accuracy" if self.balanced else "accuracy"

    def share_right(self, told: NDArray[Any], weight: NDArray[Any]) -> float:
        """That score of the numbers of classes `told` (sample,), where there is `weight`; NaN where
        there is none."""
        there = np.flatnonzero(weight > 0)
        right = (told[there] == self.y[there]).astype(float)
        if not self.balanced:
            return float(right.mean()) if len(there) else float("nan")
        each = [right[self.y[there] == c].mean() for c in np.unique(self.y[there])]
        return float(np.mean(each)) if each else float("nan")


def make_recording(
    x: ArrayLike,
    y: ArrayLike,
    *,
    dt: float | None,
    trials: ArrayLike | None,
    groups: ArrayLike | None,
    test: ArrayLike | None,
    lags: Sequence[int] | None,
    ahead: int,
    folds: int,
    seed: int,
    progress: bool | None,
    notes: list[str],
) -> Recording:
    """Checks what was given, and says in `notes` what was decided.

    Raises:
      ValueError: names the field.
    """
    found = samples_of(x, dt)
    values = plain(y, "y")
    classes: tuple[str, ...] = ()
    if values.ndim and are_categories(values):
        known, classes = as_labels(values)
        notes.append(f"y holds {len(classes)} categories: classifiers, chosen by accuracy.")
    else:
        known = _outputs(values)
    if len(known) != len(found):
        raise ValueError(f"y has shape {values.shape}: it must be (sample, output) or (sample,), "
                         f"and x has {len(found)} samples")  # fmt: skip
    trials, groups = (
        labels_of(name, given, len(found))
        for name, given in (("trials", trials), ("groups", groups))
    )
    whole = trials if groups is None else groups
    edges = groups if trials is None else trials
    series = dt is not None
    choices = _lags(found, series, lags, ahead, notes)
    named = np.array(classes)[known] if classes and not series else None
    splits, told = told_folds(
        len(found), reach=max(choices) + ahead, test=test, groups=whole, labels=named, edges=edges,
        series=series, folds=folds, seed=seed, whole="whole groups or trials",
        chosen="strengths and the decoder",
    )  # fmt: skip
    notes += told
    centre = spread = np.zeros(0)
    scaled = known
    if not classes:
        centre, spread = units(known, splits.train[0, -1] > 0)
        scaled = ((known - centre) / spread).astype(np.float32)
    return Recording(found, scaled, known, centre, spread, classes, edges, whole, series, choices,
                     past_of(found, max(choices), ahead), splits, seed, progress)  # fmt: skip


def samples_of(x: ArrayLike, dt: float | None) -> np.ndarray:
    """(sample, *feature) finite numbers.

    Raises:
      ValueError: names the field, `dt` among them.
    """
    if dt is not None and not 0 < dt < np.inf:
        raise ValueError(f"dt is {dt!r}: it must be a positive number of seconds")
    found = numbers_of("x", x)
    found = found[:, None] if found.ndim == 1 else found
    finite("x", found)
    return found


def _outputs(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"y has dtype {values.dtype} and shape {values.shape}: it must be numbers "
                         "(sample, output), or categories (sample,)")  # fmt: skip
    if np.isinf(values).any():
        raise ValueError("y has infinite values: write NaN where a value is missing")
    known = values if values.dtype.kind == "f" else values.astype(np.float32)
    return known[:, None] if known.ndim == 1 else known


def _lags(
    x: np.ndarray, series: bool, lags: Sequence[int] | None, ahead: int, notes: list[str]
) -> tuple[int, ...]:
    if not series:
        if lags is not None or ahead:
            raise ValueError("lags and future are of a time series: give dt")
        return (0,)
    choices = tuple(sorted(set(map(int, LAGS if lags is None else lags))))
    if not choices or choices[0] < 0 or ahead < 0:
        raise ValueError(f"lags is {lags!r} and future {ahead!r}: whole numbers from 0")
    reach = choices[-1] + ahead
    if lags is None and len(x) <= 20 * reach:
        notes.append(f"{len(x)} samples are few for lags: decoders see the present only.")
        return (0,)
    if told := too_large(x, reach):
        raise ValueError(f"{told}: give fewer lags")
    future = f", and {ahead} samples of the future are seen" if ahead else ""
    notes.append(f"Samples are a time series: {told_lags(choices)}{future}.")
    return choices


def units(y: np.ndarray, fitted: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Mean and deviation (output,) of what is fitted, in double precision; 0 and 1 of nothing."""
    some = np.where(fitted[:, None], y, np.nan).astype(np.float64)
    there = np.maximum((~np.isnan(some)).sum(axis=0), 1)
    mean = np.nansum(some, axis=0) / there
    spread = np.sqrt(np.nansum(np.square(some - mean), axis=0) / there)
    return mean, np.where(spread > 0, spread, 1)
