"""What a recording brings: checked arrays, and what their kind says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro import origin
from jaxneuro.data.given import finite, labels_of, numbers_of
from jaxneuro.features import since_start


class Given(NamedTuple):
    """What was given, checked.

    Attributes:
      whole: (sample,) what no fold divides.
      edges: (sample,) what no lag reaches over.
      stimulus: (sample,) labels of what was shown, as they were given.
      shown: (sample,) numbers of these, -1 where nothing was. Of a time series each moment of what
        is shown for longer is one of its own.
      by_stimulus: whether `whole` is that.
    """

    x: np.ndarray
    y: np.ndarray
    whole: NDArray[Any] | None
    edges: NDArray[Any] | None
    stimulus: NDArray[Any] | None
    shown: NDArray[np.intp] | None
    by_stimulus: bool
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
    edges = groups if trials is None else trials
    shown = None if stimulus is None else numbered(stimulus, edges, dt is not None)
    by_stimulus = whole is None and dt is None and shown is not None
    if by_stimulus and shown is not None:
        whole = np.where(shown < 0, shown.max() + 1 + np.arange(len(x)), shown)
    return Given(x, y, whole, edges, stimulus, shown, by_stimulus, dt is not None, are_counts(y))


def numbered(stimulus: NDArray[Any], edges: NDArray[Any] | None, series: bool) -> NDArray[np.intp]:
    """`Given.shown` of labels (sample,): NaN, None or an empty string where nothing was shown."""
    kind = stimulus.dtype.kind
    if kind == "f":
        nothing = np.isnan(stimulus)
    elif kind in "US":
        nothing = np.char.str_len(stimulus) == 0
    else:
        nothing = np.array([one is None or one == "" or one != one for one in stimulus])
    told = stimulus.astype(str) if kind == "O" else stimulus
    number = np.unique(np.where(nothing, told[0], told), return_inverse=True)[1].reshape(-1)
    if series:
        moment = since_start(np.where(nothing, -1, number))
        if edges is not None:
            moment = np.minimum(moment, since_start(edges))
        number = np.unique(number * (moment.max() + 1) + moment, return_inverse=True)[1].reshape(-1)
    return np.where(nothing, -1, number)


def are_counts(y: np.ndarray) -> bool:
    """Whole numbers from 0, and not the small changes of a large offset, as a camera gives them."""
    there = y[~np.isnan(y)]
    whole = bool((there >= 0).all() and (there == np.floor(there)).all())
    return whole and origin.centred("y", y.astype(np.float64))[1] is None
