"""What a recording and a dataset are: named numpy arrays with their units, licence and source."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Recording(NamedTuple):
    """A recording as its authors published it: nothing binned, scaled or split yet.

    Attributes:
      name: short and unique.
      arrays: the measurements; the docstring of each reader gives their shapes. Where the samples
        are a time series, `dt` is the sampling interval, a scalar in seconds.
      units: unit of each array, under the same names.
      description: what was measured, and what to know before use.
      licence: terms of the copy that was read.
      citation: the papers to cite.
      source: where the bytes came from.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    units: Mapping[str, str]
    description: str
    licence: str
    citation: str
    source: str


class Dataset(NamedTuple):
    """What every job takes: samples, what to predict from them, and what may not be split.

    Attributes:
      name: short, for reports.
      x: (sample, *feature) finite; float64 where the source is finer than float32, since shifting
        and scaling come before the cast to float32, else float32.
      y: (sample, neuron) or (sample, output), of float32 or float64 as `x`, where NaN marks a
        missing value; or, with `categories`, (sample,) int32 class labels 0, 1, ..., with their
        names in `target_names`.
      groups: (sample,) int32: runs, subjects or blocks; folds do not split one. None: no groups.
      trials: (sample,) int32: no lag, filter or fold reaches over an edge. None: no trials.
      stimulus: (sample,) int32: which stimulus was shown, where some were repeated. None: unknown.
      test: (sample,) bool: the held-out part, not to be touched before the score. None: not chosen.
      dt: sampling interval in seconds; the samples are then one time series. None: no order.
      feature_names: names along the last feature axis, or empty.
      target_names: names of neurons, outputs or classes, or empty.
      licence: terms of the data.
      citation: the papers to cite.
      categories: whether `y` holds class labels.
      notes: what was found or decided on the way, each in words for a person.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None = None
    trials: np.ndarray | None = None
    stimulus: np.ndarray | None = None
    test: np.ndarray | None = None
    dt: float | None = None
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    categories: bool = False
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> np.ndarray | None:
        """(sample,) what no fold divides: groups, or else trials."""
        return self.trials if self.groups is None else self.groups

    @property
    def edges(self) -> np.ndarray | None:
        """(sample,) what no lag reaches over: trials, or else groups."""
        return self.groups if self.trials is None else self.trials
