"""Is a space shared? Stretches of time of one subject, known again among those of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def match_segments(aligned: ArrayLike, length: int) -> NDArray[np.float64]:
    """How often a stretch of time is known again in the other subjects (Haxby et al. 2011): its
    pattern over `length` samples correlates more with the mean of the others at that very time
    than with theirs at any time that does not overlap.

    Args:
      aligned: (subject, time, feature) in the shared space, of samples that were not fitted.
      length: samples of a stretch.

    Returns:
      (subject,) share of stretches, one starting at every sample. Chance is about length / time.

    Raises:
      ValueError: fewer than two subjects, or no two stretches that do not overlap.
    """
    x = np.asarray(aligned, np.float64)
    if x.ndim != 3 or len(x) < 2 or not 0 < 2 * length <= x.shape[1]:
        raise ValueError(
            f"aligned {x.shape} must be (subject, time, feature), of 2 subjects and twice "
            f"length = {length} samples at least"
        )
    start = np.arange(x.shape[1] - length + 1)
    foil = np.abs(start[:, None] - start) >= length
    found = []
    for one, rest in zip(x, x.sum(axis=0) - x, strict=True):
        own, others = _patterns(one, length), _patterns(rest, length)
        r = own @ others.T
        found.append((np.diag(r) > np.where(foil, r, -np.inf).max(axis=1)).mean())
    return np.array(found)


def _patterns(x: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(start, length · feature), centred and of unit length."""
    windows = np.lib.stride_tricks.sliding_window_view(x, length, axis=0)
    flat = windows.reshape(len(windows), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(norm > 0, norm, 1)
