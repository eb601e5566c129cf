"""Goodness of fit of a model of spikes: is what it leaves a Poisson process of rate 1?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.statistics.arrays import Floats


class TimeRescaling(NamedTuple):
    """The test of each neuron, (*neuron); NaN where it has no spike.

    Attributes:
      statistic: Kolmogorov and Smirnov's distance of the rescaled intervals from uniform.
      bound: what 95 % of perfect models stay below, 1.36 / √spikes.
      p: small: the model misses something. Of a perfect model, uniform.
      spikes: how many.
    """

    statistic: Floats
    bound: Floats
    p: Floats
    spikes: NDArray[np.intp]

    @property
    def passes(self) -> NDArray[np.bool_]:
        """Whether the distance stays within the bound."""
        return self.statistic <= self.bound


def time_rescaling(counts: ArrayLike, rate: ArrayLike) -> TimeRescaling:
    """Time-rescaling test (Brown, Barbieri, Ventura, Kass & Frank 2002, Neural Comput. 14:325).

    The integral of the true rate from one spike to the next is exponential of mean 1, so that one
    less its negative exponential is uniform. The rate may depend on the past, spike history
    included. Trials may stand one after the other: the integral goes on over their edges.

    A spike lies at the end of its bin, several at even parts of it: bins must be so short that
    hardly any holds two. With n spikes, expected counts above about 1 / √n a bin are found wanting
    for the width of the bins alone.
    What a model was fitted to it passes a little too easily; use held-out samples where they
    suffice.

    Args:
      counts: (time, *neuron) spikes in each bin.
      rate: (time, *neuron) expected spikes in each bin, not in each second.

    Returns:
      p is of the asymptotic distribution with Stephens' correction for few spikes (1970, J. R.
      Statist. Soc. B 32:115).

    Raises:
      ValueError: other shapes, counts that are not whole numbers from 0, or rates that are negative
        or not finite.
    """
    y, expected = np.asarray(counts), np.asarray(rate, np.float64)
    if y.shape != expected.shape or not y.ndim:
        raise ValueError(f"counts has shape {y.shape} and rate {expected.shape}: both must be "
                         "(time, *neuron)")  # fmt: skip
    if y.dtype.kind not in "biuf" or not ((y >= 0) & (y == np.floor(y))).all():
        raise ValueError("counts must be whole numbers from 0; leave out samples that are missing")
    if not (np.isfinite(expected) & (expected >= 0)).all():
        raise ValueError("rate must be finite, and not negative")
    shape = y.shape[1:]
    columns = zip(y.reshape(len(y), -1).T, expected.reshape(len(y), -1).T, strict=True)
    tested = np.array([_test(*column) for column in columns]).reshape(-1, 2)
    statistic, spikes = tested[:, 0].reshape(shape), tested[:, 1].reshape(shape).astype(np.intp)
    with np.errstate(divide="ignore"):
        bound = np.where(spikes > 0, 1.36 / np.sqrt(spikes), np.nan)
    return TimeRescaling(statistic, bound, _tail(statistic, spikes), spikes)


def _test(counts: NDArray, rate: Floats) -> tuple[float, int]:
    """Kolmogorov and Smirnov's statistic, and the number of spikes."""
    bins = np.repeat(np.arange(len(counts)), counts.astype(np.intp))
    total = len(bins)
    if not total:
        return np.nan, 0
    each = counts[bins]
    first = np.searchsorted(bins, bins)  # the first spike of the same bin
    part = (np.arange(total) - first + 1) / each
    before = np.cumsum(rate) - rate
    intervals = np.diff(before[bins] + part * rate[bins], prepend=0)
    uniform = np.sort(-np.expm1(-intervals))
    steps = np.arange(total + 1) / total
    return float(max((steps[1:] - uniform).max(), (uniform - steps[:-1]).max())), total


def _tail(statistic: Floats, spikes: NDArray[np.intp]) -> Floats:
    """Kolmogorov's probability of a distance at least as large."""
    root = np.sqrt(np.maximum(spikes, 1))
    scaled = (root + 0.12 + 0.11 / root) * statistic
    k = np.arange(1, 101).reshape(-1, *[1] * np.ndim(scaled))
    terms = 2 * (-1.0) ** (k - 1) * np.exp(-2 * np.square(k * scaled))
    return np.where(np.asarray(scaled) < 0.2, 1.0, np.clip(terms.sum(axis=0), 0, 1)) + 0 * scaled
