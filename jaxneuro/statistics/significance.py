"""How often chance does as well: p-values, over many targets too.

A null is what a statistic was when nothing was there to find: of permuted, shifted or sign-flipped
data, (resample, *target). Higher is better; pass errors with their sign changed. NaN marks what is
undefined: a target whose observed value is NaN has no p-value and counts for nobody, and a NaN in
the null of a target leaves out that resample, for that target alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.fits import Fits
from jaxneuro.statistics.arrays import Floats, numbers, resampled

_SIDES = ("greater", "less", "two-sided")


def p_values(observed: ArrayLike, null: ArrayLike, *, alternative: str = "greater") -> Floats:
    """Probability of a statistic at least as extreme under the null, (b + 1) / (m + 1), where b of
    m resamples are: never 0, and exact (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

    Args:
      observed: (*target) the statistic, higher = better.
      null: (resample, *target).
      alternative: "greater", "less", or "two-sided": twice the smaller of these two, at most 1.

    Returns:
      (*target). NaN where `observed` is NaN, or `null` is in all resamples.

    Raises:
      ValueError: shapes that do not match, an empty null, or infinite values.

    >>> p_values(2.5, [0.0, 1.0, 2.0, 3.0]).item()  # (1 + 1) / (1 + 4)
    0.4
    """
    if alternative not in _SIDES:
        raise ValueError(f"alternative is {alternative!r}: one of {', '.join(_SIDES)}")
    observed, null = _pair(observed, null)
    count = (~np.isnan(null)).sum(axis=0)
    above, below = (null >= observed).sum(axis=0), (null <= observed).sum(axis=0)
    if alternative == "two-sided":
        p = np.minimum(2 * (np.minimum(above, below) + 1) / (count + 1), 1)
    else:
        p = ((above if alternative == "greater" else below) + 1) / (count + 1)
    return np.where(np.isnan(observed) | (count == 0), np.nan, p)


def family_wise(observed: ArrayLike, null: ArrayLike, *, step_down: bool = False) -> Floats:
    """p-values corrected for all targets together, by the maximum over them: the chance of any
    false one among those at or below a level is at most that level, however they are correlated.

    Every resample must be one and the same change of all targets, as `axes.permutations` makes it.
    The single step compares each target with the greatest of all (Nichols & Holmes 2002, Hum. Brain
    Mapp. 15:1). The step-down compares the best with all, the second with all but the best, and so
    on (Westfall & Young 1993, algorithm 4.1): never larger, and as safe where which resamples are
    alike does not depend on which targets are real (subset pivotality).

    Args:
      observed: (*target) the statistic, higher = better, on one scale for all targets.
      null: (resample, *target). A NaN adds nothing to the maximum.
      step_down: whether targets already rejected leave the family.

    Returns:
      (*target). NaN where `observed` is NaN.

    Raises:
      ValueError: shapes that do not match, an empty null, or infinite values.

    >>> family_wise([2.5, 0.5], [[0, 1], [1, 0], [3, 2]]).tolist()
    [0.5, 1.0]
    """
    observed, null = _pair(observed, null)
    shape = observed.shape
    observed, null = observed.ravel(), null.reshape(len(null), -1)
    found = np.full(observed.size, np.nan)
    known = np.flatnonzero(~np.isnan(observed) & ~np.isnan(null).all(axis=0))
    if not known.size:
        return found.reshape(shape)
    best = known[np.argsort(-observed[known], kind="stable")]
    null = np.where(np.isnan(null), -np.inf, null)
    if step_down:  # the greatest of each target and all that are no better
        greatest = np.maximum.accumulate(null[:, best[::-1]], axis=1)[:, ::-1]
    else:
        greatest = null[:, known].max(axis=1, keepdims=True)
    above = (greatest >= observed[best]).sum(axis=0)
    p = (above + 1) / ((greatest > -np.inf).sum(axis=0) + 1)
    found[best] = np.maximum.accumulate(p)
    return found.reshape(shape)


def fdr(p: ArrayLike, *, dependent: bool = False) -> Floats:
    """q-values: the least false discovery rate at which each target is found, among those found.

    Args:
      p: (*target) p-values; NaN counts for nobody.
      dependent: False: Benjamini & Hochberg (1995, J. R. Stat. Soc. B 57:289), for independent or
        positively dependent targets. True: Benjamini & Yekutieli (2001, Ann. Stat. 29:1165), for
        any, at the price of a factor Σ 1/i.

    Returns:
      (*target), at most 1; `fdr(p) <= 0.1` are the discoveries of which a tenth is expected false.

    Raises:
      ValueError: values outside [0, 1].

    >>> fdr([0.125, 0.25, 1.0]).tolist()
    [0.375, 0.375, 1.0]
    """
    p = numbers("p", p)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p has values outside [0, 1]: it must be p-values")
    q = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    values = p[known]
    order = np.argsort(-values, kind="stable")
    rank = len(values) - np.arange(len(values))
    factor = len(values) * ((1 / rank).sum() if dependent else 1.0)
    found = np.empty(len(values))
    found[order] = np.minimum.accumulate(np.minimum(values[order] * factor / rank, 1))
    q[known] = found
    return q


class Significance(NamedTuple):
    """How sure it is that each target is better than chance.

    Attributes:
      observed: (*target) the score, in its own direction.
      null: (resample, *target) likewise.
      p, family_wise, q: (*target) of `p_values`, `family_wise` (step-down) and `fdr`.
    """

    observed: Floats
    null: Floats
    p: Floats
    family_wise: Floats
    q: Floats


def against_null(
    fits: Fits, axis: str, score: str | None = None, mean: Sequence[str] = ("fold", "outer")
) -> Significance:
    """The significance of fits that were run over `axes.permutations` or `axes.shifts`, whose index
    0 is the data as observed.

    Args:
      fits: of any axes; those not named here are targets, in their order.
      axis: name of the null axis.
      score: which held-out score; None: the only one.
      mean: axes averaged first, over what is defined; those that the fits do not have are passed
        over.

    Raises:
      ValueError: no such axis or score, or an axis without any resample.
    """
    names = [a.name for a in fits.axes]
    if axis not in names:
        raise ValueError(f"axis is {axis!r}: the fits have {names}")
    if score is None and len(fits.scores) == 1:
        score = next(iter(fits.scores))
    values = average(fits.score(score), names, mean, axis)
    if len(values) < 2:
        raise ValueError(f"axis {axis!r} has its observed index only: nothing to compare with")
    sign = 1 if dict(fits.fit.better).get(score or "", True) else -1
    ordered = np.where(np.isinf(values), np.nan, sign * values)
    p = p_values(ordered[0], ordered[1:])
    together = family_wise(ordered[0], ordered[1:], step_down=True)
    return Significance(values[0], values[1:], p, together, fdr(p))


def average(values: Floats, names: Sequence[str], mean: Sequence[str], first: str) -> Floats:
    """Scores (*axes) averaged over the axes `mean`, with the axis `first` in front."""
    over = tuple(i for i, name in enumerate(names) if name in mean and name != first)
    values = np.moveaxis(np.asarray(values, np.float64), names.index(first), 0)
    over = tuple(i + 1 if i < names.index(first) else i for i in over)
    defined = ~np.isnan(values)
    count = defined.sum(axis=over)
    total = np.where(defined, values, 0).sum(axis=over)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _pair(observed: ArrayLike, null: ArrayLike) -> tuple[Floats, Floats]:
    observed = numbers("observed", observed)
    return observed, resampled("null", null, observed.shape)
