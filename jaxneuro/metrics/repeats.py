"""Scores of a prediction of repeated stimuli, relative to what can be predicted of them.

`y` (condition, repeat, target): conditions are stimuli, or the time bins of one; NaN marks a trial
that is missing, and conditions may have unequal numbers of repeats. `weight` (condition,) counts
conditions, 0 leaves out, 2 counts twice; (*resample, condition) gives (*resample, target). On the
host, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
ROUNDING = 1e-12  # of sums of squares
_NUMBERS = 1_000_000  # trials worked on at a time


def feve(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Fraction of the explainable variance explained, 1 - (E - σ²)/(V - σ²), where E is the mean
    squared error of single trials, V their variance, and σ² the mean variance within conditions
    (Cadena et al. 2019, PLoS Comput. Biol. 15:e1006897, eq. 5).

    Args:
      y: (condition, repeat, target), NaN = missing.
      prediction: (condition, target), or (condition, repeat, target) if it differs between repeats.
      weight: (condition,) or (*resample, condition); None: ones.

    Returns:
      (*resample, target): 1 is perfect, 0 as good as the mean; NaN where V is not above σ².

    Raises:
      ValueError: other shapes, a single repeat, or infinite values.
    """
    return by_block(_feve, y, weight, _by_trial(prediction, y))[0]


def average_correlation(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Floats:
    """Pearson's correlation of a prediction (condition, target) with the mean over the repeats of
    `y` (condition, repeat, target): higher the more repeats there are.

    Returns:
      (*resample, target), NaN where either is constant.
    """
    return by_block(_average_correlation, y, weight, _by_condition(prediction, y))[0]


def trial_correlation(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Floats:
    """Pearson's correlation of a prediction (condition, target) or (condition, repeat, target) with
    the single trials of `y` (condition, repeat, target): the number of repeats is of no influence.

    Returns:
      (*resample, target), NaN where either is constant.
    """
    return by_block(_trial_correlation, y, weight, _by_trial(prediction, y))[0]


def by_repeats(y: ArrayLike, stimulus: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    """Samples laid out by their stimulus.

    Args:
      y: (sample, target).
      stimulus: (sample,) ids, in whose sorted order conditions come; repeats in order of samples.

    Returns:
      (condition, repeat, target), NaN where a stimulus was shown less often than others; and the
      condition and the repeat of each sample, (sample, 2).
    """
    y, ids = np.asarray(y, np.float64), np.asarray(stimulus)
    if y.ndim != 2 or ids.shape != y.shape[:1]:
        raise ValueError(f"y {y.shape} must be (sample, target) and stimulus {ids.shape} (sample,)")
    _, condition, counts = np.unique(ids, return_inverse=True, return_counts=True)
    order = np.argsort(condition, kind="stable")
    repeat = np.empty(len(ids), np.intp)
    repeat[order] = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    made = np.full((len(counts), int(counts.max(initial=0)), y.shape[1]), np.nan)
    made[condition, repeat] = y
    return made, np.stack([condition, repeat], axis=1)


def _feve(y: Floats, weight: Floats, prediction: Floats) -> tuple[Floats]:
    y, there, centre = centred(y)
    count = there.sum(axis=1)
    error = np.where(there, np.square(y - (prediction - centre)), 0).sum(axis=1)
    total, squares = y.sum(axis=1), np.square(y).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.where(count > 1, (squares - total**2 / count) / (count - 1), 0)
        trials = weight @ count
        variance = (weight @ squares - (weight @ total) ** 2 / trials) / (trials - 1)
        noise = (weight @ within) / (weight @ (count > 1))
        found = 1 - ((weight @ error) / trials - noise) / (variance - noise)
    return (np.where(variance > noise * (1 + ROUNDING), found, np.nan),)


def _average_correlation(y: Floats, weight: Floats, prediction: Floats) -> tuple[Floats]:
    y, there, _ = centred(y)
    count = there.sum(axis=1)
    mean = y.sum(axis=1) / np.maximum(count, 1)
    return (_correlation(mean, prediction, (count > 0).astype(float), weight),)


def _trial_correlation(y: Floats, weight: Floats, prediction: Floats) -> tuple[Floats]:
    shape, repeats = (-1, y.shape[2]), y.shape[1]
    prediction = np.broadcast_to(prediction, y.shape).reshape(shape)
    values, there, _ = centred(y)
    there = there.reshape(shape).astype(float)
    weight = np.repeat(weight, repeats, axis=-1)
    return (_correlation(values.reshape(shape), prediction, there, weight),)


def _correlation(a: Floats, b: Floats, there: Floats, weight: Floats) -> Floats:
    """Of columns (row, target), of which `a` is 0 where nothing is there."""
    b = centred(np.where(there > 0, b, np.nan)[:, None])[0][:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        count = weight @ there
        spread = np.sqrt(products(a, a, weight, count)) * np.sqrt(products(b, b, weight, count))
        found = np.clip(products(a, b, weight, count) / spread, -1, 1)
    return np.where(spread > 0, found, np.nan)


def products(a: Floats, b: Floats, weight: Floats, count: Floats) -> Floats:
    """Sums of products about the weighted means; of squares 0 where rounding is all there is."""
    raw = weight @ (a * b)
    found = raw - (weight @ a) * (weight @ b) / count
    return np.where(found > ROUNDING * raw, found, 0) if a is b else found


def centred(y: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """(condition, repeat, target) about the mean of each target, 0 where missing and exactly 0 for
    a constant; where it is there; and that mean."""
    there = ~np.isnan(y)
    least = np.where(there, y, np.inf).min(axis=(0, 1))
    least = np.where(np.isfinite(least), least, 0)
    y = np.where(there, y - least, 0)
    mean = y.sum(axis=(0, 1)) / np.maximum(there.sum(axis=(0, 1)), 1)
    return np.where(there, y - mean, 0), there, least + mean


def by_block(
    function: Callable[..., tuple[Floats, ...]],
    y: ArrayLike,
    weight: ArrayLike | None,
    *more: Floats,
) -> tuple[Floats, ...]:
    """`function(y, weight, *more)` of blocks of targets, in float64 and within memory.

    Raises:
      ValueError: `y` or `weight` of another shape, a single repeat, or infinite values.
    """
    given = np.asarray(y)
    _check(given)
    weight = np.ones(len(given)) if weight is None else np.asarray(weight, np.float64)
    if not weight.ndim or weight.shape[-1] != len(given) or not (weight >= 0).all():
        raise ValueError(
            f"weight has shape {weight.shape}: it must be (condition,) = ({len(given)},), and not "
            "negative"
        )
    size, found = max(1, _NUMBERS // given[..., 0].size), []
    for first in range(0, given.shape[2], size):
        part = np.asarray(given[..., first : first + size], np.float64)
        if np.isinf(part).any():
            raise ValueError("y has infinite values: set trials that are missing to NaN")
        found.append(function(part, weight, *(m[..., first : first + size] for m in more)))
    return tuple(np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))


def _check(y: NDArray) -> None:
    if y.ndim != 3 or 0 in y.shape:
        hint = ": for one target pass y[..., None]" if y.ndim == 2 else ""
        raise ValueError(f"y has shape {y.shape}: it must be (condition, repeat, target){hint}")
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y has dtype {y.dtype}: it must be numbers")
    if y.shape[1] < 2:
        raise ValueError(f"y has {y.shape[1]} repeat (axis 1): at least 2 are needed")


def _by_trial(prediction: ArrayLike, y: ArrayLike) -> Floats:
    """(condition, 1 or repeat, target)."""
    if np.shape(prediction) == np.shape(y):
        return np.asarray(prediction, np.float64)
    return _by_condition(prediction, y)[:, None]


def _by_condition(prediction: ArrayLike, y: ArrayLike) -> Floats:
    prediction, shape = np.asarray(prediction, np.float64), np.shape(y)
    if len(shape) == 3 and prediction.shape != (shape[0], shape[2]):
        raise ValueError(
            f"prediction has shape {prediction.shape}: it must be (condition, target) = "
            f"{(shape[0], shape[2])}"
        )
    return prediction
