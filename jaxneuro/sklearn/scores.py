"""Scores of each target on the host, in double precision; missing values of `y` are left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


def explained(
    loss: Loss, y: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None
) -> np.ndarray:
    """(target,) 1 - Σ w·loss(y, prediction) / Σ w·loss(y, mean of y), as scikit-learn's `r2_score`
    and `d2_tweedie_score`; where the mean explains all, 1 for what does so too and 0 for others.
    NaN where the prediction is, where y is infinite, or no value is there to score.

    Args:
      loss: elementwise, 0 where the prediction is right.
      y, prediction: (sample, target).
      weight: (sample,), or None.
    """
    there = ~np.isnan(y)
    weights = there * (np.ones(len(y)) if weight is None else weight)[:, None]
    y = np.where(there, y, 1.0).astype(np.float64)
    prediction = np.where(weights > 0, prediction, 1.0).astype(np.float64)
    total = weights.sum(axis=0)
    mean = (weights * y).sum(axis=0) / np.where(total > 0, total, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = (weights * loss(y, prediction)).sum(axis=0)
        spread = (weights * loss(y, np.broadcast_to(mean, y.shape))).sum(axis=0)
        found = 1 - missed / spread
    exact = np.where(missed == 0, 1.0, np.where(np.isnan(missed), np.nan, 0.0))
    return np.where(spread == 0, exact, found)


def squares(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Of R²."""
    return np.square(y - prediction)


def deviances(y: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Of D², Poisson's."""
    return 2 * (xlogy(y, y / rate) - y + rate)
