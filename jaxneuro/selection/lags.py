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
    x = np.asarray(x)
    flat, last = x.reshape(len(x), -1), max(choices)
    if last:  # before a recording begins stand zeros: let them be a common value of each feature
        middle = np.median(flat[:: max(1, len(flat) // 1000)], axis=0)
        flat = flat - (middle.astype(flat.dtype) if flat.dtype.kind == "f" else middle)
    design = lags(flat, last + 1, trials=trials) if last else flat[:, None]
    kept = [np.repeat(np.arange(last + 1) <= choice, flat.shape[1]) for choice in choices]
    return LagChoice(design, ablations(np.stack(kept), tuple(choices), name="lags"))
