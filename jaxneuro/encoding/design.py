"""What the models of a neuron see: the stimulus, its past where time counts, the neuron's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.axes import ablations
from jaxneuro.features import couplings, lags, raised_cosine
from jaxneuro.features.filters import Filters
from jaxneuro.types import Axis

_FUNCTIONS = 5  # of a history filter
_STRETCH = 10.0  # fine where the past is recent


class Seen(NamedTuple):
    """One design that all fits of a model share.

    Attributes:
      x: (sample, *feature), or (sample, feature) with lags or history.
      axes: "lags" where there are several to choose from, else none: they go into a grid.
      features: (neuron, feature) which each neuron's fit sees; None: all.
    """

    x: np.ndarray
    axes: tuple[Axis, ...]
    features: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Design:
    """How a stimulus is laid out, of this recording and of the next.

    Attributes:
      lags: last samples of the past that are chosen among; (0,): the present alone.
      middle: (feature,) a common value of each feature, which stands before a recording begins.
      window: samples of spike history; 0: none.
      mean: (neuron,) of the counts, which stands where one is missing.
    """

    lags: tuple[int, ...]
    middle: np.ndarray
    window: int
    mean: np.ndarray

    @cached_property
    def past(self) -> Filters:
        """Filters of every neuron's own counts over the window, never of the present bin."""
        base = raised_cosine(_FUNCTIONS, stretch=_STRETCH, name="history")
        return base.filters(self.window, channels=len(self.mean))

    def stimulus(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """(sample, *feature) as it is, or with its past (sample, lag · feature)."""
        x = np.asarray(x)
        last = max(self.lags)
        if not last:
            return x
        flat = x.reshape(len(x), -1) - self.middle
        return lags(flat, last + 1, trials=trials).reshape(len(x), -1)

    def history(self, y: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """(sample, neuron · function) of counts (sample, neuron)."""
        known = np.asarray(y, np.float32)
        known = np.where(np.isnan(known), self.mean.astype(np.float32), known)
        return self.past.evaluate(known, trials=trials, dtype=np.float32)

    def seen(
        self, x: ArrayLike, y: ArrayLike, trials: ArrayLike | None, history: bool = False
    ) -> Seen:
        """The design with its masks: of lags an axis, of histories one for each neuron."""
        laid = self.stimulus(x, trials)
        width = int(np.prod(np.shape(x)[1:]))
        kept = [np.repeat(np.arange(max(self.lags) + 1) <= lag, width) for lag in self.lags]
        features = None
        if history:
            before = self.history(y, trials)
            stimulus = laid.reshape(len(laid), -1)
            own = couplings(self.past, np.eye(len(self.mean)))
            features = np.concatenate([np.ones((len(own), stimulus.shape[1]), bool), own], axis=1)
            kept = [np.concatenate([k, np.ones(before.shape[1], bool)]) for k in kept]
            laid = np.concatenate([stimulus, before], axis=1, dtype=np.float32)
        several = (ablations(np.stack(kept), self.lags, name="lags"),) if len(kept) > 1 else ()
        return Seen(laid, several, features)


def make_design(x: np.ndarray, y: np.ndarray, choices: Sequence[int], window: int) -> Design:
    """Of `x` (sample, *feature) and `y` (sample, neuron), by their own values."""
    flat = x.reshape(len(x), -1)
    few = flat[:: max(1, len(flat) // 1000)]
    middle = np.median(few, axis=0).astype(flat.dtype if flat.dtype.kind == "f" else np.float32)
    there = np.maximum((~np.isnan(y)).sum(axis=0), 1)
    return Design(tuple(choices), middle, window, np.nansum(y, axis=0) / there)
