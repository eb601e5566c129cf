"""Is one model better than another? Differences of scores on the same folds, samples, subjects."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.statistics.arrays import Floats, fraction, resampled
from jaxneuro.statistics.distributions import t_cdf, t_quantile
from jaxneuro.statistics.intervals import Interval
from jaxneuro.statistics.significance import family_wise, fdr, p_values

_SIDES = ("two-sided", "greater")
_NUMBERS = 4_000_000  # signs drawn at a time
_ROUNDING = 1e-9  # of a sum of differences: sums in another order are ties


class Comparison(NamedTuple):
    """How sure a mean difference is, (*target).

    Attributes:
      difference: the mean over samples.
      p: of each target alone.
      family_wise: corrected by the maximum statistic over targets, step-down.
      q: false discovery rate.
    """

    difference: Floats
    p: Floats
    family_wise: Floats
    q: Floats


def sign_flip(
    differences: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    resamples: int = 10_000,
    alternative: str = "two-sided",
    seed: int = 0,
) -> Comparison:
    """Paired test: if neither model is better, each difference has either sign as likely (Fisher
    1935; Nichols & Holmes 2002, Hum. Brain Mapp. 15:1).

    The statistic of each target is the sum of its differences over the root of their sum of
    squares: a monotone function of the paired t, and on one scale for all targets. All targets get
    the same flips. Where there are no more than `resamples` sign patterns, all are taken.

    Args:
      differences: (sample, *target), better minus worse; independent samples: subjects, neurons,
        trials, or folds that share no training samples (else `corrected_t`). NaN left out.
      groups: (sample,) labels; samples of a group change sign together: blocks of a time series
        longer than its memory, trials, subjects.
      resamples: sign patterns drawn.
      alternative: "two-sided", or "greater": the mean is above 0.
      seed: of the draws.

    Returns:
      NaN for a target whose differences are all missing; p is 1 where they are all 0.

    Raises:
      ValueError: no or infinite differences, or groups of another length.
    """
    if alternative not in _SIDES:
        raise ValueError(f"alternative is {alternative!r}: one of {', '.join(_SIDES)}")
    differences = resampled("differences", differences)
    shape = differences.shape[1:]
    flat = differences.reshape(len(differences), -1)
    defined = ~np.isnan(flat)
    count = defined.sum(axis=0)
    flat = np.where(defined, flat, 0)
    summed = flat if groups is None else _by_group(flat, groups)
    size = np.sqrt(np.square(summed).sum(axis=0))
    unit = summed / np.where(size > 0, size, 1)
    observed, null = unit.sum(axis=0), _flipped(unit, resamples, seed)
    if alternative == "two-sided":
        observed, null = np.abs(observed), np.abs(null)
    observed = np.where(count > 0, observed - _ROUNDING, np.nan)
    p = p_values(observed, null)
    together = family_wise(observed, null, step_down=True)
    mean = np.where(count > 0, flat.sum(axis=0) / np.maximum(count, 1), np.nan)
    return Comparison(*(a.reshape(shape) for a in (mean, p, together, fdr(p))))


def _by_group(values: Floats, groups: ArrayLike) -> Floats:
    """Sums (group, target)."""
    labels = np.asarray(groups)
    if labels.shape != values.shape[:1]:
        raise ValueError(
            f"groups has shape {labels.shape}: it must be (sample,) = ({len(values)},)"
        )
    _, number = np.unique(labels, return_inverse=True)
    summed = np.zeros((number.max() + 1, values.shape[1]))
    np.add.at(summed, number, values)
    return summed


def _flipped(values: Floats, resamples: int, seed: int) -> Floats:
    """(resample, target) sums of `values` (sample, target) under random signs; under all patterns
    but that of ones, where these are no more."""
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}: it must be a whole number from 1")
    size = len(values)
    if 2 ** min(size, 60) <= resamples + 1:
        return np.array(list(itertools.product((1.0, -1.0), repeat=size)))[1:] @ values
    rng, block = np.random.default_rng(seed), max(1, _NUMBERS // size)
    parts = []
    for first in range(0, resamples, block):
        drawn = rng.integers(0, 2, (min(block, resamples - first), size), np.int8)
        parts.append((1.0 - 2.0 * drawn) @ values)
    return np.concatenate(parts)


class CorrectedT(NamedTuple):
    """A mean difference over folds, (*target).

    Attributes:
      difference: the mean over folds.
      t, freedom: the statistic and its degrees of freedom.
      p: of each target alone.
      q: false discovery rate.
      interval: of the mean difference.
    """

    difference: Floats
    t: Floats
    freedom: Floats
    p: Floats
    q: Floats
    interval: Interval


def corrected_t(
    differences: ArrayLike,
    train: float,
    test: float,
    *,
    alternative: str = "two-sided",
    level: float = 0.95,
) -> CorrectedT:
    """The corrected resampled t-test, for folds that share training samples (Nadeau & Bengio 2003,
    Mach. Learn. 52:239): t = mean / sqrt((1/J + test/train) s²) with J - 1 degrees of freedom.

    The plain paired t takes such folds for independent, and finds differences where there are
    none. The correction is for repeated random splits; for the disjoint tests of one k-fold
    cross-validation it is on the safe side. It supposes that what is fitted hardly differs from
    split to split: of two models that predict nothing at all, correlations differ "significantly"
    in a tenth of data sets. Ask first whether either is better than chance.

    Args:
      differences: (fold, *target); NaN left out.
      train, test: samples, or their sum of weights, fitted and scored in a fold.
      alternative: "two-sided", or "greater": the mean is above 0.
      level: of the interval.

    Returns:
      NaN for a target with fewer than two folds; p is 1 where all its differences are 0.

    Raises:
      ValueError: no or infinite differences, sizes that are not positive.
    """
    if alternative not in _SIDES:
        raise ValueError(f"alternative is {alternative!r}: one of {', '.join(_SIDES)}")
    for name, value in (("train", train), ("test", test)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value!r}: it must be a number of samples above 0")
    differences, level = resampled("differences", differences), fraction("level", level)
    defined = ~np.isnan(differences)
    count = defined.sum(axis=0)
    enough = count > 1
    filled = np.where(defined, differences, 0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    square = np.where(defined, np.square(filled - mean), 0).sum(axis=0) / np.maximum(count - 1, 1)
    error = np.sqrt((1 / np.maximum(count, 1) + test / train) * square)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, mean / error)
    above = 1 - t_cdf(t, np.maximum(count - 1, 1))
    below = t_cdf(-np.abs(t), np.maximum(count - 1, 1))
    p = np.minimum(2 * below, 1) if alternative == "two-sided" else np.where(t > 0, below, above)
    reach = np.zeros(count.shape)
    for folds in np.unique(count[enough]):
        reach[count == folds] = t_quantile((1 + level) / 2, folds - 1)
    made = (mean, t, count - 1.0, p, mean - reach * error, mean + reach * error)
    mean, t, freedom, p, low, high = (np.where(enough, value, np.nan) for value in made)
    return CorrectedT(mean, t, freedom, p, fdr(p), Interval(low, high))
