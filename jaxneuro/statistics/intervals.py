"""Intervals from the replicates of a bootstrap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.statistics.arrays import Floats, fraction, numbers, resampled
from jaxneuro.statistics.distributions import normal_cdf, normal_quantile


class Interval(NamedTuple):
    """Ends of an interval, (*target); NaN where it is undefined."""

    low: Floats
    high: Floats


def interval(
    replicates: ArrayLike,
    observed: ArrayLike | None = None,
    jackknife: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Where a statistic lies, by its values on resamples of the data.

    With `replicates` alone, their quantiles (Efron 1979, the percentile interval). With `observed`,
    these corrected for the bias of their median; with `jackknife` besides, for how their spread
    changes with the statistic: BCa, which is second-order accurate (Efron 1987, J. Am. Stat. Assoc.
    82:171, eq. 6.5 and 6.6; the acceleration is that of Efron & Tibshirani 1993, eq. 14.15). Ends
    that lie between replicates are interpolated, as by `np.quantile`.

    Args:
      replicates: (resample, *target). A NaN leaves out that resample, for that target alone.
      observed: (*target) the statistic of the data themselves. None: the percentile interval.
      jackknife: (group, *target) the statistic without each sample or group in turn; NaN left out.
        None: no acceleration.
      level: share of such intervals that are to hold the truth.

    Returns:
      (*target). NaN where no replicate, or no observed value, is defined.

    Raises:
      ValueError: shapes that do not match, no replicate, infinite values, `jackknife` without
        `observed`, or a level outside (0, 1).
    """
    replicates = resampled("replicates", replicates)
    level, target = fraction("level", level), replicates.shape[1:]
    if observed is None:
        if jackknife is not None:
            raise ValueError("jackknife is given, and observed is not: BCa intervals need both")
        low = np.full(target, (1 - level) / 2)
        return Interval(*_quantiles(replicates, low, 1 - low))
    observed = numbers("observed", observed)
    if observed.shape != target:
        raise ValueError(f"observed has shape {observed.shape}: it must be (*target) = {target}")
    speed: Floats | float = 0.0
    if jackknife is not None:
        speed = acceleration(resampled("jackknife", jackknife, target))
    count = (~np.isnan(replicates)).sum(axis=0)
    below = (replicates < observed).sum(axis=0) + (replicates == observed).sum(axis=0) / 2
    # Beyond all replicates the bias would be infinite: half of one is taken to lie there.
    below = np.clip(below, 0.5, np.maximum(count - 0.5, 0.5))
    bias = normal_quantile(below / np.maximum(count, 1))
    edge = normal_quantile((1 + level) / 2)
    ends = [bias + (bias + z) / (1 - speed * (bias + z)) for z in (-edge, edge)]
    found = _quantiles(replicates, *(normal_cdf(end) for end in ends))
    return Interval(*(np.where(np.isnan(observed), np.nan, end) for end in found))


def acceleration(jackknife: Floats) -> Floats:
    """Σd³ / (6 (Σd²)^1.5) of d = mean - value, over (group, *target); 0 where all are equal."""
    defined = ~np.isnan(jackknife)
    count = np.maximum(defined.sum(axis=0), 1)
    apart = np.where(defined, jackknife, 0).sum(axis=0) / count - jackknife
    apart = np.where(defined, apart, 0)
    scale = np.abs(apart).max(axis=0)
    apart = apart / np.where(scale > 0, scale, 1)  # cubes leave float64 too
    square = (apart**2).sum(axis=0)
    return (apart**3).sum(axis=0) / (6 * np.where(square > 0, square, 1) ** 1.5)


def _quantiles(values: Floats, *shares: Floats) -> list[Floats]:
    """Quantiles over the leading axis, each (*target) with its own share; NaN left out."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    last = (~np.isnan(values)).sum(axis=0) - 1
    found = []
    for share in shares:
        place = np.where(last >= 0, share * last, 0)
        place = np.where(np.isnan(place), 0, place)
        below = np.minimum(np.floor(place).astype(int), np.maximum(last - 1, 0))
        above = np.minimum(below + 1, np.maximum(last, 0))
        a, b = (np.take_along_axis(ordered, i[None], axis=0)[0] for i in (below, above))
        found.append(np.where(np.isnan(share), np.nan, a + (b - a) * (place - below)))
    return found
