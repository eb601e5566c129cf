"""Which rows still deserve steps: candidates compete, and those that do worse go no further.

Successive halving (Jamieson & Talwalkar 2016, AISTATS, PMLR 51:240).
"""

from typing import NamedTuple

import numpy as np

from jaxneuro.choice import over_repeats
from jaxneuro.fit import Fit


class Contest(NamedTuple):
    """Rows in groups of (repeat, candidate), one after the other, whose candidates compete.

    All fits of a group take `rungs[0]` steps. The `left[0]` candidates whose scores, averaged over
    repeats, are best go on from there to `rungs[1]`, `left[1]` of these to `rungs[2]`, and those
    that are left after the last rung to their end. A fit that ends before by itself has its result
    like any other, and competes with it. One that is stopped has the status STEP_LIMIT, the steps
    of its rung, and the result that it had there.

    Attributes:
      repeats: fits of each candidate, such as inner folds.
      order: the candidates' numbers; of equal ones the first here is the better.
      rungs: steps of a fit at which it is judged, rising; none: rows that do not compete.
      left: candidates that go on after each rung, those among them that have ended.
      score: the fit's score that judges, averaged over outputs.
      higher_is_better: which way.
    """

    repeats: int
    order: tuple[int, ...]
    rungs: tuple[int, ...]
    left: tuple[int, ...]
    score: str
    higher_is_better: bool

    @property
    def size(self) -> int:
        """Rows of a group."""
        return self.repeats * len(self.order)

    @property
    def alone(self) -> "Contest":
        """By which a row runs to its end, through the same programs."""
        return self._replace(repeats=1, order=(0,), rungs=(), left=())


def check_contest(contest: Contest, fit: Fit, outer: np.ndarray) -> None:
    """Raises ValueError where the contest is none for this fit, or for rows with these indices of
    outer axes (row, axis)."""
    rows = len(outer)
    names, rungs, left = [name for name, _ in fit.better], contest.rungs, contest.left
    if contest.score not in names:
        raise ValueError(f"contest: no score {contest.score!r}; the fit has {names}")
    if rows % contest.size:
        raise ValueError(f"contest: {rows} rows are no whole groups of {contest.size}: {contest}")
    by_group = outer.reshape(rows // contest.size, contest.size, outer.shape[1])
    if (by_group != by_group[:, :1]).any():
        raise ValueError("contest: the rows of a group have different indices of an outer axis, "
                         "which are run one after the other")  # fmt: skip
    if list(rungs) != sorted({*rungs}) or any(not 0 < r < fit.stop.max_steps for r in rungs):
        raise ValueError(f"contest: rungs {rungs} must rise from 1, below the step limit of the "
                         f"fit, {fit.stop.max_steps}")  # fmt: skip
    if len(left) != len(rungs) or any(n < 1 for n in left):
        raise ValueError(f"contest: left {left} must say for each of the rungs {rungs} how many "
                         "candidates go on, at least 1")  # fmt: skip


def judge(scores: np.ndarray, alive: np.ndarray, left: int, order: tuple[int, ...]) -> np.ndarray:
    """Which candidates (candidate,) go on: so many as `left` of those `alive`, by the mean of
    their `scores` (repeat, candidate), the higher the better, as where the best is chosen."""
    mean = over_repeats(np.where(alive, scores, np.nan))
    ranked = np.asarray(order)
    best = ranked[np.argsort(-mean[ranked], kind="stable")[:left]]
    return np.isin(np.arange(len(mean)), best) & alive
