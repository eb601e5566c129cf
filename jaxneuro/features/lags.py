"""Lags: the past of each channel as features of the present."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def lags(
    x: ArrayLike, count: int, first: int = 0, trials: ArrayLike | None = None
) -> NDArray[np.floating]:
    """The last `count` values of each channel: (time, channel) -> (time, lag, channel).

    Lag k holds x[t - first - k]; zeros before the recording, or the trial, begins. A spike train's
    own past (history) is `lags(counts, n, first=1)`: `first=0` would hand the model its answer.

    Args:
      x: (time,) or (time, channel) numbers.
      count: how many lags.
      first: the shortest of them, in samples.
      trials: (time,) labels of any kind. A new trial begins wherever the label changes, and no lag
        reaches over that edge. None: one recording.

    Returns:
      float64 if `x` is that, else float32.

    Raises:
      ValueError: `count` or `first` out of range, another shape, no real numbers, or missing
        values in `trials`.

    >>> lags([1, 2, 3], 2)[:, :, 0].tolist()  # present, one before
    [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"lags: x has dtype {x.dtype}; it must be real numbers")
    x = x.astype(np.float64 if x.dtype == np.float64 else np.float32, copy=False)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2:
        raise ValueError(f"lags: x has shape {x.shape}; it must be (time,) or (time, channel)")
    if count < 1 or first < 0 or first + count > len(x):
        raise ValueError(f"lags: count {count} from {first} does not fit {len(x)} samples")
    padded = np.concatenate([np.zeros((first + count - 1, x.shape[1]), x.dtype), x])
    windows = np.lib.stride_tricks.sliding_window_view(padded, count, axis=0)[: len(x)]
    found = np.ascontiguousarray(windows[:, :, ::-1].transpose(0, 2, 1))
    if trials is not None:
        since = _since_edge(np.asarray(trials), len(x))
        found[since[:, None] < first + np.arange(count)] = 0
    return found


def _since_edge(trials: np.ndarray, samples: int) -> NDArray[np.intp]:
    """(time,) samples since the label last changed."""
    if trials.shape != (samples,):
        raise ValueError(
            f"lags: trials has shape {trials.shape}; it must be (time,) = ({samples},)"
        )
    missing = (trials != trials) | (trials == np.array(None))
    if missing.any():
        raise ValueError(
            f"lags: trials has {np.count_nonzero(missing)} missing values, the first at sample "
            f"{np.argmax(missing)}: give those samples a trial, or leave them out"
        )
    time = np.arange(samples)
    begins = np.concatenate([[True], trials[1:] != trials[:-1]])
    return time - np.maximum.accumulate(np.where(begins, time, 0))
