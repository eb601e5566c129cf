"""What the one call of each job does where nobody says, and the words in which it tells so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.fits import Selection
from jaxneuro.selection import leakage
from jaxneuro.selection.protocol import protocol
from jaxneuro.selection.search import edges
from jaxneuro.splits import NestedSplits

STRENGTHS = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Relative penalties from "none" to "all", for data that nobody here has seen."""
LAGS = (0, 5, 10)
"""Samples of the past that are chosen among, where these are a time series."""
_MOST_NUMBERS = 400_000_000  # in a design of lags: 1.6 GB


def told_lags(choices: Sequence[int]) -> str:
    """Which lags there are, in words."""
    if len(choices) == 1:
        return f"lags up to {choices[0]} are seen" if choices[0] else "the present alone is seen"
    return f"lags up to {', '.join(map(str, choices))} are chosen among on inner folds"


def too_large(x: np.ndarray, reach: int) -> str:
    """Why so many lags of `x` (sample, *feature) cannot be laid out; empty if they can."""
    if x.size * (reach + 1) <= _MOST_NUMBERS:
        return ""
    return f"x {x.shape} is too large to lay out {reach} lags of it"


def present_only(told: str) -> str:
    """A note, for `too_large`."""
    return (f"{told}: models see the present only. With fewer features or longer bins they would "
            "see the past.")  # fmt: skip


def told_folds(
    samples: int,
    *,
    reach: int,
    test: ArrayLike | None,
    groups: NDArray[Any] | None,
    labels: NDArray[Any] | None = None,
    edges: NDArray[Any] | None,
    series: bool,
    folds: int,
    seed: int,
    whole: str,
    chosen: str,
) -> tuple[NestedSplits, list[str]]:
    """`protocol`, with a gap between the parts of a time series that is long enough for it, and
    what to say of it.

    Args:
      reach: samples that models see beside the one that they predict.
      edges: (sample,) what no lag reaches over.
      whole: what `groups` are, in words.
      chosen: what the inner folds choose, in words.
      samples, test, groups, labels, series, folds, seed: of `protocol`.
    """
    long = series and samples > 20 * max(reach, 1)
    gap = max(reach, samples // 200) if long else 0
    splits = protocol(samples, test=test, groups=groups, labels=labels, series=series, folds=folds,
                      gap=gap, seed=seed)  # fmt: skip
    held, fitted = (int((part[0, -1] > 0).sum()) for part in (splits.test, splits.train))
    if test is not None:
        how = "as given"
    elif groups is not None:
        how = whole
    else:
        how = "the end of the series" if series else "drawn at random"
    notes = [
        f"{held} samples are held out ({how}) and {fitted} fitted; {chosen} are chosen on "
        f"{splits.train.shape[1] - 1} inner folds."
    ]
    return splits, notes + (leakage.short_gaps(splits, reach, edges) if reach else [])


def edge_notes(name: str, selection: Selection | None) -> list[str]:
    """That choices of the model `name` lie at an edge of their grid, if they do."""
    told = edges(selection) if selection is not None else ""
    return [f"{name}: {told}. A grid that reaches further may do better."] if told else []
