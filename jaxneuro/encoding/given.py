"""What a recording brings: checked arrays, and what their kind says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro import origin
from jaxneuro.data.given import finite, labels_of, numbers_of


class Given(NamedTuple):
    """What was given, checked.

    Attributes:
      whole: (sample,) what no fold divides.
      edges: (sample,) what no lag reaches over.
    """

    x: np.ndarray
    y: np.ndarray
    whole: NDArray[Any] | None
    edges: NDArray[Any] | None
    stimulus: NDArray[Any] | None
    series: bool
    counts: bool


def check(x, y, dt: float | None, trials, groups, stimulus) -> Given:
    """Arrays of the right kinds and shapes: `Given`.

    Raises:
      ValueError: names the field.
    """
    x, y = numbers_of("x", x), numbers_of("y", y)
    x, y = (a[:, None] if a.ndim == 1 else a for a in (x, y))
    finite("x", x)
    if y.ndim != 2 or len(y) != len(x):
        raise ValueError(f"y has shape {y.shape}: it must be (sample, neuron), and x has {len(x)}")
    if dt is not None and not 0 < dt < np.inf:
        raise ValueError(f"dt is {dt!r}: it must be a positive number of seconds")
    trials, groups, stimulus = (
        labels_of(name, values, len(x))
        for name, values in (("trials", trials), ("groups", groups), ("stimulus", stimulus))
    )
    whole = trials if groups is None else groups
    if whole is None and dt is None:
        whole = stimulus
    edges = groups if trials is None else trials
    return Given(x, y, whole, edges, stimulus, dt is not None, are_counts(y))


def are_counts(y: np.ndarray) -> bool:
    """Whole numbers from 0, and not the small changes of a large offset, as a camera gives them."""
    there = y[~np.isnan(y)]
    whole = bool((there >= 0).all() and (there == np.floor(there)).all())
    return whole and origin.centred("y", y.astype(np.float64))[1] is None
