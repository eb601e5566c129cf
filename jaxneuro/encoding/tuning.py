"""Tuning curves: the mean response at each value of what was shown, or of what an animal did."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.statistics.arrays import Floats, numbers
from jaxneuro.statistics.bootstrap import bootstrap
from jaxneuro.types import Array

_MOST_VALUES = 1000


class TuningCurves(NamedTuple):
    """Mean responses of every neuron, and how sure they are.

    Attributes:
      values: (value,) of the stimulus; of bins, their middles.
      mean: (value, neuron) in the unit of `y`; NaN where no sample has a response.
      standard_error, low, high: (value, neuron) of the mean.
      samples: (value, neuron) how many have a response: the occupancy.
    """

    values: Floats
    mean: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    samples: NDArray[np.int64]


def tuning_curves(
    stimulus: ArrayLike,
    y: ArrayLike,
    bins: int | ArrayLike | None = None,
    *,
    trials: ArrayLike | None = None,
    length: float | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> TuningCurves:
    """The mean response at each value of a stimulus, with a bootstrap band (Efron 1987, BCa).

    A band is of each value by itself, and too narrow where samples are few: of Poisson counts,
    bands of 95 % held the truth in 89, 92 and 93 % with 5, 10 and 20 trials a value. Where all
    responses are equal (no spike in any trial) it has no width, and says nothing.

    Args:
      stimulus: (sample,) what was shown (a direction in degrees) or done (a position); NaN: this
        sample is left out.
      y: (sample, neuron) responses; NaN = missing.
      bins: None: `stimulus` has a few values, and each is a point of the curve. A number: so many
        bins of equal width between its extremes. Or (edge,) edges, rising; samples outside are left
        out, and one at the last edge belongs to the last bin.
      trials: (sample,) labels; whole trials are drawn. None: samples.
      length: of blocks of a time series, in samples, in place of trials: `statistics.block_length`.
      resamples, level, seed: as for `statistics.bootstrap`.

    Raises:
      ValueError: a field of another shape or kind, by name; a continuous stimulus without bins.
    """
    stimulus, y = checked(stimulus, y)
    values, place = _points(stimulus, bins)
    shown = place >= 0
    y, place = y[shown], place[shown]
    member, there = place[:, None] == np.arange(len(values)), ~np.isnan(y)
    count = member.T.astype(np.int64) @ there
    centre = means(member, np.where(there, y, 0), there, np.ones(len(y)), np)
    middle = np.where(there, y, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    labels = None if trials is None else _labels("trials", trials, shown)
    found = bootstrap(
        _means, member, np.where(there, y - middle, 0), there, groups=labels, length=length,
        resamples=resamples, level=level, seed=seed,
    )  # fmt: skip
    return TuningCurves(
        values, centre, found.standard_error, found.low + middle, found.high + middle, count
    )


def checked(stimulus: ArrayLike, y: ArrayLike, name: str = "stimulus") -> tuple[Floats, Floats]:
    """(sample,) and (sample, neuron) in float64.

    Raises:
      ValueError: names the field that has another shape or kind, or no value.
    """
    stimulus, y = numbers(name, stimulus), numbers("y", y)
    if y.ndim != 2 or not y.size:
        raise ValueError(f"y has shape {y.shape}: it must be (sample, neuron)")
    if stimulus.shape != y.shape[:1]:
        raise ValueError(
            f"{name} has shape {stimulus.shape}: it must be (sample,) = ({len(y)},) as y"
        )
    if np.isnan(stimulus).all():
        raise ValueError(f"{name} is NaN in all samples")
    return stimulus, y


def means(member: Any, y: Any, there: Any, weight: Any, xp: Any = jnp) -> Any:
    """(value, neuron) weighted means; NaN where nothing is there.

    Args:
      member: (sample, value) which value each sample has.
      y, there: (sample, neuron) responses, 0 where one is missing, and which are not.
      weight: (sample,)
      xp: `numpy` or `jax.numpy`.
    """
    own = (member * weight[:, None]).T
    count = own @ there.astype(own.dtype)
    return xp.where(count > 0, own @ y / xp.where(count > 0, count, 1), xp.nan)


def _means(member: Array, y: Array, there: Array, weight: Array) -> Array:
    return means(member, y, there, weight)


def _points(stimulus: Floats, bins: int | ArrayLike | None) -> tuple[Floats, NDArray[np.intp]]:
    """Values (value,), and the place of each sample among them; -1: nowhere."""
    known = ~np.isnan(stimulus)
    if bins is None:
        values, place = np.unique(stimulus[known], return_inverse=True)
        if len(values) > min(_MOST_VALUES, known.sum() / 2):
            raise ValueError(
                f"stimulus has {len(values)} different values in {known.sum()} samples: give bins"
            )
        whole = np.full(len(stimulus), -1)
        whole[known] = place
        return values, whole
    edges = _edges(stimulus[known], bins)
    place = np.searchsorted(edges, stimulus, side="right") - 1
    place[stimulus == edges[-1]] = len(edges) - 2
    outside = ~known | (place < 0) | (place >= len(edges) - 1)
    if outside.all():
        raise ValueError("bins hold no sample of the stimulus")
    return (edges[:-1] + edges[1:]) / 2, np.where(outside, -1, place)


def _edges(known: Floats, bins: int | ArrayLike) -> Floats:
    if np.ndim(bins) == 0:
        if not isinstance(bins, int | np.integer) or not 1 <= bins <= _MOST_VALUES:
            raise ValueError(
                f"bins is {bins!r}: a whole number from 1 to {_MOST_VALUES}, or edges (edge,)"
            )
        low, high = known.min(), known.max()
        if low == high:
            raise ValueError(f"stimulus is {low:g} throughout: give edges for bins")
        return np.linspace(low, high, int(bins) + 1)
    edges = numbers("bins", bins)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"bins has shape {edges.shape}: edges are (edge,), two or more, rising")
    return edges


def _labels(name: str, labels: ArrayLike, shown: NDArray[np.bool_]) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != shown.shape:
        raise ValueError(
            f"{name} has shape {labels.shape}: it must be (sample,) = ({len(shown)},) as y"
        )
    return labels[shown]
