"""How much of the past a model sees, chosen like any hyper-parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.axes import ablations
from jaxneuro.features import lags
from jaxneuro.types import Axis


class LagChoice(NamedTuple):
    """One design that all lags share, and the axis that chooses among them.

    Attributes:
      x: (time, lag, feature); lag 0 is the present.
      axis: "lags", labelled by the last lag that a fit sees: goes into a grid.
    """

    x: np.ndarray
    axis: Axis


class Past(NamedTuple):
    """How the past of a time series is laid out, of this recording and of the next.

    Attributes:
      last: the last lag, in samples; 0: the present alone.
      middle: (feature,) a common value of each feature, which stands before a recording begins.
      ahead: samples of the future that are seen as well, the latest first: not for use online.
    """

    last: int
    middle: np.ndarray
    ahead: int = 0

    def lay(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """(time, *feature) -> (time, ahead + 1 + last, feature) about `middle`: the future first,
        then the present, then the past."""
        flat = np.asarray(x).reshape(len(np.asarray(x)), -1)
        if not self.last and not self.ahead:
            return flat[:, None]
        flat = flat - self.middle
        past = lags(flat, self.last + 1, trials=trials)
        if not self.ahead:
            return past
        turned = None if trials is None else np.asarray(trials)[::-1]
        future = lags(flat[::-1], self.ahead, first=1, trials=turned)[::-1, ::-1]
        return np.concatenate([future, past], axis=1)


def past_of(x: ArrayLike, last: int, ahead: int = 0) -> Past:
    """The past of `x` (time, *feature) up to lag `last`, about its median."""
    x = np.asarray(x)
    flat = x.reshape(len(x), -1)
    middle = np.median(flat[:: max(1, len(flat) // 1000)], axis=0)
    return Past(last, middle.astype(flat.dtype) if flat.dtype.kind == "f" else middle, ahead)


def lag_choice(
    x: ArrayLike, choices: Sequence[int] = (0, 5, 10), trials: ArrayLike | None = None
) -> LagChoice:
    """Lays out the past of `x`, about its median, once; a fit sees it up to one of `choices`, by a
    mask folded into its first layer, so that `x` is not copied for each.

    Args:
      x: (time, *feature).
      choices: last lags, in samples.
      trials: (time,) labels: no lag reaches over the edge of a trial.
    """
    past = past_of(x, max(choices))
    design = past.lay(x, trials)
    kept = [np.repeat(np.arange(past.last + 1) <= choice, design.shape[2]) for choice in choices]
    return LagChoice(design, ablations(np.stack(kept), tuple(choices), name="lags"))
