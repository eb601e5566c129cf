"""The comparing loop: every contender on the same folds, scored once on what is held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import jax
import numpy as np

from jaxneuro import metrics
from jaxneuro.compare.compared import Compared, pooled
from jaxneuro.compare.contender import Competitor
from jaxneuro.compare.recording import Recording
from jaxneuro.selection.defaults import edge_notes
from jaxneuro.selection.result import Search
from jaxneuro.statistics import Certainty, certainty

T = TypeVar("T", bound=Compared)

_r2 = jax.jit(metrics.r2)  # call by call it is thirty programs
_WORK = 1e9  # numbers that resampling may look at for each contender


def compare(
    made: type[T],
    recording: Recording,
    contenders: Mapping[str, Competitor],
    *,
    resamples: int,
    notes: list[str],
    dt: float | None = None,
) -> T:
    """Every contender on the folds of `recording`, as `made`.

    Which is best is asked of the inner folds, and of each outer fold's own alone: the inner folds
    of the others hold what it holds out, so that a choice by the mean of all would have seen it.
    `Compared.predictions` are therefore of the contender that each outer fold chose, and it is
    these that are scored. `Compared.chosen`, for new samples, is the best of the mean.

    Args:
      made: the job's own result.
      recording: of which the held-out part is scored once.
      contenders: by name.
      resamples: of the intervals and p-values, fewer of large recordings.
      notes: what was decided so far.
      dt: seconds between samples; None: no time series.

    Raises:
      ValueError: there is no contender.
      TypeError: one is no function.
    """
    if not contenders:
        raise ValueError(f"{made.job.word}s is empty: give at least one")
    for name, one in contenders.items():
        if not callable(one):
            raise TypeError(
                f"{made.job.word} {name!r} is {one!r}, and must be a function of the recording: "
                "take one from `contenders`, such as contenders.mlp()"
            )
    recording = replace(recording, rivals=len(contenders) > 1)
    found = {name: contender(recording) for name, contender in contenders.items()}
    unknown = [name for name, one in found.items() if np.isnan(one.inner)]
    if unknown and recording.rivals:
        names = ", ".join(unknown)
        notes.append(f"{names}: no inner score, and so not chosen while others have one.")
    for name, one in found.items():
        notes += edge_notes(name, one.found.selection if isinstance(one.found, Search) else None)
    outer = range(len(recording.splits.names))
    by_fold = tuple(max(found, key=lambda name, o=o: found[name].worth(o)) for o in outer)
    sure = {name: _certainty(recording, one.predictions, resamples) for name, one in found.items()}
    certain = sure[by_fold[0]]
    if len(set(by_fold)) > 1:
        each = {name: one.predictions for name, one in found.items()}
        told = pooled(each, by_fold, recording.splits)
        certain = _certainty(recording, told, resamples)
    whole = recording.whole
    worth = {n: -np.inf if np.isnan(one.inner) else one.inner for n, one in found.items()}
    return made(
        contenders=found,
        chosen=max(worth, key=lambda name: worth[name]),
        by_fold=by_fold,
        observed=recording.observed,
        classes=recording.classes,
        centre=recording.centre,
        spread=recording.spread,
        sure=sure,
        certain=certain,
        splits=recording.splits,
        constant=_constant(recording),
        dt=dt,
        notes=tuple(dict.fromkeys(notes)),
        balanced=recording.balanced,
        groups=None if whole is None else np.unique(whole, return_inverse=True)[1].reshape(-1),
    )


def _certainty(recording: Recording, predictions: np.ndarray, resamples: int) -> Certainty:
    score = metrics.r2
    if recording.classes:
        score = metrics.balanced_accuracy if recording.balanced else metrics.accuracy
    most = int(np.clip(_WORK / predictions.size, min(99, resamples), resamples))
    return certainty(score, recording.y, predictions, series=recording.series,
                     groups=recording.whole, resamples=most, nulls=most,
                     seed=recording.seed)  # fmt: skip


def _constant(recording: Recording) -> float:
    """Of the class most frequent in what each outer fold fits, or of the mean."""
    held, splits = recording.held, recording.splits
    if not recording.classes:
        zero = np.zeros_like(recording.y[held])  # the mean of what is fitted, in its units
        scores = np.atleast_1d(_r2(recording.y[held], zero))
        return float(np.nanmean(scores)) if not np.isnan(scores).all() else float("nan")
    right = []
    for train, test in zip(splits.train[:, -1] > 0, splits.test[:, -1] > 0, strict=True):
        most = np.bincount(recording.y[train]).argmax()
        right.append((recording.y[test] == most).astype(float))
    if recording.balanced:  # one class right and all others wrong
        return 1 / len(np.unique(recording.y[held]))
    return float(np.concatenate(right).mean())
