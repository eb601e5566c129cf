"""Slow drifts of a run, as columns that are fitted and so taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cosines(frames: int, repetition: float, high_pass: float) -> NDArray[np.float64]:
    """(time, cosine) the discrete cosines slower than `high_pass`, each of sum of squares 1,
    without the constant (Friston et al. 2000, NeuroImage 12:196).

    Args:
      frames: of the run.
      repetition: seconds from one to the next.
      high_pass: in Hz.

    Raises:
      ValueError: below 0, or so high that nothing of the run would be left.
    """
    if not 0 <= high_pass < 0.5 / repetition:
        raise ValueError(
            f"high_pass is {high_pass!r} Hz: it must be from 0 and below {0.5 / repetition:.3g} "
            f"Hz, half a cycle in {repetition:g} s, where nothing would be left"
        )
    order = np.arange(1, min(frames - 1, int(2 * frames * high_pass * repetition)) + 1)
    phase = np.pi / frames * (np.arange(frames)[:, None] + 0.5) * order
    return np.sqrt(2 / frames) * np.cos(phase)


def checked_repetition(repetition: float | None) -> float:
    """Seconds above 0.

    Raises:
      ValueError: otherwise.
    """
    if repetition is None or not np.isfinite(repetition) or repetition <= 0:
        raise ValueError(f"repetition is {repetition!r}: it must be seconds above 0")
    return float(repetition)


def confound_columns(confounds: object, frames: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names and (time, column) of an array, or of what `data.read_confounds` gives; None: none.

    Raises:
      ValueError: of other lengths, or with values that are not finite; names the column.
    """
    if confounds is None:
        return (), np.empty((frames, 0))
    values = np.asarray(getattr(confounds, "values", confounds), np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != frames:
        raise ValueError(f"confounds {values.shape} must be (time, column), of {frames} frames")
    count = values.shape[1]
    names = tuple(getattr(confounds, "names", ())) or tuple(f"confound_{i}" for i in range(count))
    if (bad := np.flatnonzero(~np.isfinite(values).all(axis=0))).size:
        raise ValueError(f"confounds: {names[bad[0]]!r} has values that are not finite")
    return names, values
