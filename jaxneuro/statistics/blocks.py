"""How long the blocks of a bootstrap of a time series should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.statistics.arrays import Floats, numbers


def block_length(series: ArrayLike) -> Floats:
    """The length of circular blocks that estimates the variance of a mean best (Politis & White
    2004, Econom. Rev. 23:53, with the correction of Patton, Politis & White 2009, 28:372).

    Of what a statistic averages: residuals, losses of each sample, or a response whose noise has a
    memory. Of several targets take the median, or the longest to be on the safe side.

    Args:
      series: (time, *target); NaN is taken for the mean.

    Returns:
      (*target), 1 or more; 1 for a constant.

    Raises:
      ValueError: fewer than 8 samples, or infinite values.
    """
    values = numbers("series", series)
    if not values.ndim or len(values) < 8:
        raise ValueError(f"series has shape {values.shape}: it must be (time, *target), 8 at least")
    time, target = len(values), values.shape[1:]
    values = values.reshape(time, -1)
    there = ~np.isnan(values)
    mean = np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    values = np.where(there, values - mean, 0)
    run = max(5, int(np.ceil(np.sqrt(np.log10(time)))))
    most = min(int(np.ceil(np.sqrt(time))) + run, time - 2)
    covariance = np.stack([(values[k:] * values[: time - k]).sum(axis=0) for k in range(most + 1)])
    covariance /= time
    power = np.where(covariance[0] > 0, covariance[0], 1)
    # The memory ends where so many autocorrelations in a row are not significant.
    small = np.abs(covariance[1:] / power) < 2 * np.sqrt(np.log10(time) / time)
    quiet = np.lib.stride_tricks.sliding_window_view(small, run, axis=0).all(axis=-1)
    memory = np.where(quiet.any(axis=0), quiet.argmax(axis=0), most)
    width = np.minimum(2 * np.maximum(memory, 1), most)
    lag = np.arange(1, most + 1)[:, None]
    window = np.clip(2 * (1 - lag / width), 0, 1)  # flat-top
    slope = 2 * (window * lag * covariance[1:]).sum(axis=0)
    spectrum = covariance[0] + 2 * (window * covariance[1:]).sum(axis=0)
    spectrum = np.where(spectrum > 0, spectrum, np.inf)  # no blocks where it is not defined
    length = (2 * slope**2 / (4 / 3 * spectrum**2) * time) ** (1 / 3)
    longest = np.ceil(min(3 * np.sqrt(time), time / 3))
    return np.clip(length, 1, longest).reshape(target)
