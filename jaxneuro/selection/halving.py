"""Candidates that do worse are stopped early: what is asked, and what it saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxneuro.choice import from_the_strongest
from jaxneuro.engine.contest import Contest
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.types import Axis, Status


class Halving(NamedTuple):
    """Successive halving (Jamieson & Talwalkar 2016, AISTATS, PMLR 51:240) of a search's
    candidates, in each target and outer fold by their mean inner scores.

    After `first` steps one of `share` candidates goes on from where it is, after twice as many one
    of `share` of these, and so on; the last one to its end. A candidate that has ended by itself
    before may still be chosen; one that was stopped may not.

    The choice is that of all candidates run to their ends only where `first` steps tell the good
    from the bad: try a quarter of the steps that a fit takes (`Fits.steps`) on some targets, and
    compare. Fits that end within thirty steps save little, those that are preconditioned nothing;
    and where fits get worse as they go on (a high learning rate without early stopping), the first
    steps mislead.

    Attributes:
      first: steps before anything is judged.
      share: of the candidates, one of so many goes on.
    """

    first: int
    share: int = 4


class Halved(NamedTuple):
    """What successive halving did.

    Attributes:
      stopped: (*axes, outer, inner, *grid) the fits that were stopped: in `Search.inner` their
        status is STEP_LIMIT and they have no score.
      scores: likewise, the scores that fits had when they were stopped or ended.
      steps: that all fits of the search took.
      without: about as many as they would have taken, had those stopped gone on for as long as the
        others of their target and outer fold did on average: exact where all fits take the same
        number of steps, too few where those stopped are the slow ones.
    """

    stopped: np.ndarray
    scores: np.ndarray
    steps: int
    without: int

    def __str__(self) -> str:
        share = self.stopped.mean()
        return f"{share:.0%} stopped early, {self.steps} of about {self.without} steps"


def contest_of(halving: Halving, fit: Fit, score: str, grid: Sequence[Axis], inner: int) -> Contest:
    """By which fits (inner, *grid) compete.

    Raises:
      ValueError: numbers out of range.
    """
    first, share = halving
    if not (isinstance(first, int | np.integer) and 1 <= first < fit.stop.max_steps):
        raise ValueError(f"halving.first is {first!r}: a whole number from 1, below the step limit "
                         f"of the fit, {fit.stop.max_steps}")  # fmt: skip
    if not (isinstance(share, int | np.integer) and share > 1):
        raise ValueError(f"halving.share is {share!r}: a number from 2")
    order = from_the_strongest(grid)
    rungs, left = [], []
    while (not left or left[-1] > 1) and first * 2 ** len(rungs) < fit.stop.max_steps:
        rungs.append(int(first) * 2 ** len(rungs))
        left.append(-(-(left or [len(order)])[-1] // int(share)))
    better = dict(fit.better)[score]
    return Contest(inner, tuple(order), tuple(rungs), tuple(left), score, better)


def told(found: Fits, contest: Contest) -> tuple[Fits, Halved]:
    """Fits (*axes, outer, inner, *grid), those that were stopped without a score; and what was
    saved."""
    stopped = (found.status == Status.STEP_LIMIT) & np.isin(found.steps, contest.rungs)
    steps, gone = (a.reshape(-1, contest.size) for a in (found.steps, stopped))
    ended = np.where(gone, 0, steps).sum(axis=1) / np.maximum((~gone).sum(axis=1), 1)
    without = np.where(gone, np.maximum(steps, ended[:, None]), steps).sum()

    def blanked(values: np.ndarray) -> np.ndarray:
        return np.where(stopped.reshape(*stopped.shape, *[1] * (values.ndim - stopped.ndim)),
                        np.nan, values).astype(values.dtype)  # fmt: skip

    halved = Halved(stopped, found.score(contest.score), int(steps.sum()), round(float(without)))
    return replace(found, scores={n: blanked(v) for n, v in found.scores.items()}), halved
