"""How sure a held-out score is: its interval, and how often chance does as well."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.metrics import Score, as_score
from jaxneuro.statistics.arrays import Floats
from jaxneuro.statistics.blocks import block_length
from jaxneuro.statistics.bootstrap import bootstrap
from jaxneuro.statistics.significance import fdr, p_values
from jaxneuro.types import Array, Closed

_ROUNDING = 1e-5  # of the greatest value


class Certainty(NamedTuple):
    """Scores of held-out predictions, and how sure they are.

    Attributes:
      score, low, high: (*target) with the ends of its interval.
      p, q: (*target) of `p_values` and, over the targets, `fdr`; of a single target both p.
      mean, mean_low, mean_high, mean_p: the same of the average over targets that have a score.
    """

    score: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    mean: float
    mean_low: float
    mean_high: float
    mean_p: float


def certainty(
    score: Score | Callable[..., Any],
    y: ArrayLike,
    prediction: ArrayLike,
    *,
    series: bool = False,
    groups: ArrayLike | None = None,
    repeats: bool = False,
    average: Callable[[Array], Array] = jnp.nanmean,
    resamples: int = 1000,
    nulls: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Certainty:
    """Intervals and p-values of predictions that were made without these samples.

    Intervals are BCa bootstraps (Efron 1987) of samples, whole groups, or blocks of a time series
    as long as the memory of the residuals asks (`block_length`). The null of a time series is `y`
    rolled by at least that length, which keeps its memory (the circular shift of spike trains; a
    score at chance must not depend on when the roll begins). Else `y` is permuted, within groups
    where there are some. Whole groups change places where they are repeats of one thing each, or
    where `y` or the prediction is one value in each, so that nothing would move within; of groups
    of several sizes, samples are then drawn again or left out. Both leave the fits as they are:
    what varies is which held-out samples there were, not which were fitted, and of several folds
    the fits share most of their samples.

    Args:
      score: (y, prediction, weight) -> (*target); any of `jaxneuro.metrics`.
      y: (sample, *target), or labels (sample,).
      prediction: (sample, *target), or probabilities (sample, class). Samples for which all of it
        is NaN were never held out, and do not count.
      series: the samples are in order of time.
      groups: (sample,) trials, runs or subjects, in each of which any order of the samples is as
        likely as another. Where they follow each other in time say `series`, too, which then
        decides: neighbours in time are alike, and to permute them finds far too much.
      repeats: groups are the repeats of a stimulus each.
      average: of the targets' scores, NaN among them: `jnp.nanmean`, `jnp.nanmedian`.
      resamples, nulls: how many of each.
      level: of the intervals.
      seed: of the draws.

    Raises:
      ValueError: arrays of other lengths, or no sample with a prediction.
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    if len(y) != len(prediction):
        raise ValueError(f"y has {len(y)} samples and prediction has {len(prediction)}")
    seen = ~np.isnan(prediction.reshape(len(prediction), -1)).all(axis=1)
    if not seen.any():
        raise ValueError("prediction is NaN in all samples: none was held out")
    y, prediction = y[seen], prediction[seen]
    groups = None if groups is None else np.asarray(groups)[seen]
    length = memory(y, prediction) if series else 1.0
    made, both = as_score(score), Closed(_each_and_mean, (score, average))
    found = bootstrap(
        both,
        y,
        prediction,
        groups=None if series else groups,
        length=length if series else None,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    rolled = length if series else None
    swapped = groups is not None and (
        repeats or _settled(y, groups) or _settled(prediction, groups)
    )
    orders = _orders(len(y), nulls, rolled, groups, swapped, seed)
    with compat.own_settings():
        null = jax.tree.map(np.asarray, _under(both, orders, y, prediction))
    sign = 1 if made.higher_is_better else -1
    each, mean = (
        p_values(sign * np.asarray(a), _finite(sign * b))
        for a, b in zip(found.estimate, null, strict=True)
    )
    low, high = found.low, found.high
    return Certainty(
        found.estimate[0], low[0], high[0], each, fdr(each),
        *(float(a) for a in (found.estimate[1], low[1], high[1], mean)),
    )  # fmt: skip


def _each_and_mean(score, average, y: Array, prediction: Array, weight: Array) -> Any:
    each = score(y, prediction, weight)
    return each, average(each)


@partial(jax.jit, static_argnums=0)
def _under(statistic: Callable, orders: Array, y: Array, prediction: Array) -> Any:
    """The statistic of `y` in each of the orders (null, sample)."""
    weight = jnp.ones(len(prediction), jnp.float32)
    return jax.lax.map(lambda order: statistic(y[order], prediction, weight), orders)


def memory(y: NDArray, prediction: NDArray) -> float:
    """Samples over which residuals are alike (`block_length`): the median over targets."""
    if len(y) < 16:
        return 1.0
    if y.ndim < prediction.ndim:  # labels and probabilities
        residual = (prediction.argmax(axis=-1) == y).astype(float)
    else:
        residual = y - prediction
    lengths = block_length(np.where(np.isinf(residual), np.nan, residual))
    return float(min(np.median(lengths), len(y) // 4))


def _settled(values: NDArray, groups: NDArray) -> bool:
    """Whether values (sample, ...) are one in each group, but for rounding and missing ones, so
    that permuting within groups moves nothing."""
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if counts.max(initial=0) < 2:
        return False
    flat = values.reshape(len(values), -1)
    if flat.dtype.kind not in "fc":
        _, first = np.unique(groups, return_index=True)
        return bool((flat == flat[first[number]]).all())
    members = np.argsort(number, kind="stable")
    edges = counts.cumsum() - counts
    spread = np.fmax.reduceat(flat[members], edges) - np.fmin.reduceat(flat[members], edges)
    size = np.fmax.reduce(np.abs(flat), axis=0)
    return bool((np.nan_to_num(spread) <= _ROUNDING * np.nan_to_num(size)).all())


def _orders(
    count: int,
    nulls: int,
    length: float | None,
    groups: NDArray | None,
    swapped: bool,
    seed: int,
) -> NDArray[np.int32]:
    random, place = np.random.default_rng(seed), np.arange(count, dtype=np.int32)
    if length is not None:
        least = min(int(np.ceil(length)), count // 2)
        by = random.integers(least, count - least + 1, nulls)
        return ((place + by[:, None]) % count).astype(np.int32)
    numbers = np.zeros(count, int) if groups is None else np.unique(groups, return_inverse=True)[1]
    members, sizes = np.argsort(numbers, kind="stable"), np.bincount(numbers)
    edges, own = sizes.cumsum() - sizes, numbers[members]
    rank = np.arange(count) - edges[own]
    made = np.empty((nulls, count), np.int32)
    for order in made:  # random within each group, groups where they were
        drawn = random.permutation(count)
        drawn = drawn[np.argsort(numbers[drawn], kind="stable")]
        if swapped:
            from_ = random.permutation(len(sizes))[own]
            drawn = drawn[edges[from_] + rank % sizes[from_]]
        order[members] = drawn
    return made


def _finite(null: NDArray) -> NDArray:
    return np.where(np.isinf(null), np.nan, null)
