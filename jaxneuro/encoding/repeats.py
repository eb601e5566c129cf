"""Repeated stimuli: how well their responses could be predicted, and how near a model comes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.metrics.ceilings import Ceilings, ceilings
from jaxneuro.metrics.repeats import average_correlation, by_repeats
from jaxneuro.statistics import interval

_LEAST = 4  # conditions that ceilings are defined for
_MOST = 64  # repeats of one: a blank between all others may have thousands


class Repeats(NamedTuple):
    """Of each neuron, (neuron,).

    Attributes:
      ceilings: of all repeated stimuli.
      low, high: 95 % of `ceilings.explainable_variance`, over resamples of the stimuli.
      normalised: CCnorm of the held-out predictions (Schoppe et al. 2016): the correlation with the
        mean over repeats, over the greatest that a model can expect; NaN where fewer than four
        repeated stimuli were held out.
      conditions: stimuli that were repeated.
    """

    ceilings: Ceilings
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    normalised: NDArray[np.float64]
    conditions: int


def repeats(
    y: NDArray,
    predictions: NDArray,
    stimulus: ArrayLike,
    resamples: int = 200,
    seed: int = 0,
) -> Repeats | None:
    """Ceilings by the labels of what was shown; None where fewer than four were repeated.

    Args:
      y: (sample, neuron), NaN = missing.
      predictions: (sample, neuron), NaN = not held out.
      stimulus: (sample,) numbers of what was shown, -1 where nothing was.
      resamples: of the stimuli, for the intervals.
      seed: of the draws.
    """
    told = by_condition(y, stimulus)
    if len(told) < _LEAST:
        return None
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(told), np.full(len(told), 1 / len(told)), resamples)
    ends = interval(ceilings(told, weights).explainable_variance)
    found = ceilings(told)
    normalised = np.full(y.shape[1], np.nan)
    seen = ~np.isnan(predictions).all(axis=1)
    there = np.asarray(stimulus)[seen]
    if len(held := by_condition(y[seen], there)) >= _LEAST:
        guess = np.nanmean(by_condition(predictions[seen], there), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            normalised = average_correlation(held, guess) / ceilings(held).correlation
    return Repeats(found, ends.low, ends.high, normalised, len(told))


def by_condition(y: NDArray, stimulus: ArrayLike) -> NDArray[np.float64]:
    """(sample, neuron) -> (condition, repeat, neuron) of the stimuli shown at least twice, in the
    order of their numbers; repeats in the order of the samples, the first 64 of each, NaN where
    there are fewer."""
    told = np.asarray(stimulus)
    y, told = y[told >= 0], told[told >= 0]
    _, place = by_repeats(y[:, :0], told)
    kept = place[:, 1] < _MOST
    made, place = by_repeats(y[kept], told[kept])
    return made[np.bincount(place[:, 0], minlength=len(made)) > 1]
