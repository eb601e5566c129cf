"""Edges of trials and epochs: what no lag, filter or history may reach over."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def since_start(trials: ArrayLike) -> NDArray[np.intp]:
    """Samples since the trial of each began: (time,) labels -> (time,), 0 at its first sample.

    A filter of `window` bins of the past has seen all of it where `since_start(trials) >= window`;
    as the `weight` of a fit, that leaves out the samples whose past is cut.

    Args:
      trials: (time,) labels of any kind. A new trial begins wherever the label changes.

    Raises:
      ValueError: another shape, or missing labels.

    >>> since_start(["a", "a", "b"]).tolist()
    [0, 1, 0]
    """
    labels = np.asarray(trials)
    if labels.ndim != 1:
        raise ValueError(f"since_start: trials has shape {labels.shape}; it must be (time,)")
    return np.arange(len(labels)) - starts("since_start", labels, len(labels))


def starts(where: str, trials: ArrayLike | None, samples: int) -> NDArray[np.intp]:
    """(time,) the first sample of the trial that each sample is of; None: one trial."""
    if trials is None:
        return np.zeros(samples, np.intp)
    labels = np.asarray(trials)
    if labels.shape != (samples,):
        raise ValueError(
            f"{where}: trials has shape {labels.shape}; it must be (time,) = ({samples},)"
        )
    missing = (labels != labels) | (labels == np.array(None))
    if missing.any():
        raise ValueError(
            f"{where}: trials has {np.count_nonzero(missing)} missing values, the first at sample "
            f"{np.argmax(missing)}: give those samples a trial, or leave them out"
        )
    begins = np.concatenate([[True], labels[1:] != labels[:-1]])[:samples]
    return np.maximum.accumulate(np.where(begins, np.arange(samples), 0))
