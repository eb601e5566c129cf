"""The best indices of some axes, by a held-out score."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxneuro.types import Axis

_LEVEL = 1e-5  # of a score: candidates that differ by less are alike


class Selection(NamedTuple):
    """The best of some axes for every index of the others.

    Attributes:
      over: names of the axes chosen among.
      chosen: (*rest, len(over)) which index of each.
      values: by name, (*rest) the labels at these indices.
      score: (*rest) the mean score there; NaN where no candidate has one.
      limits: by name, the least and the greatest label that there was to choose; only of axes of
        three labels or more, which are numbers.
      gain: (*rest) by how much it is better than the worst candidate that has a score.
    """

    over: tuple[str, ...]
    chosen: np.ndarray
    values: Mapping[str, np.ndarray]
    score: np.ndarray
    limits: Mapping[str, tuple[float, float]]
    gain: np.ndarray

    @property
    def made(self) -> np.ndarray:
        """(*rest) where the candidates' scores differ, by more than rounding: of a unit that is
        silent while it is fitted they are level, and nothing was chosen."""
        return self.gain > _LEVEL * np.abs(self.score)

    def at_edges(self) -> dict[str, tuple[int, int]]:
        """By name, how many choices that were `made` lie at the least and at the greatest label: a
        grid that reached further might have been chosen from differently."""
        return {
            name: tuple(int(((self.values[name] == edge) & self.made).sum()) for edge in edges)
            for name, edges in self.limits.items()
        }  # pyright: ignore[reportReturnType]


def best(
    axes: Sequence[Axis],
    values: np.ndarray,
    higher_is_better: bool,
    over: Sequence[str],
    mean: Sequence[str],
) -> Selection:
    """The best indices of the axes `over` by scores `values` (*axes), averaged over the axes
    `mean`; see `Fits.select`."""
    names = [axis.name for axis in axes]
    over, mean = tuple(over), tuple(m for m in mean if m in names)
    for name in (*over, *mean):
        if name not in names or (name in over and name in mean):
            raise ValueError(f"select: no axis {name!r} to choose among; there are {names}")
    sign = 1 if higher_is_better else -1
    values = sign * values
    rest = [n for n in names if n not in over and n not in mean]
    order = [names.index(n) for n in (*rest, *mean, *over)]
    sizes = [axes[names.index(n)].size for n in over]
    head = tuple(axes[names.index(n)].size for n in rest)
    values = np.transpose(values, order).reshape(*head, -1, int(np.prod(sizes)))

    means = over_repeats(values)
    chosen_axes = [axes[names.index(n)] for n in over]
    labels = [label_values(axis) for axis in chosen_axes]
    grid = list(itertools.product(*[range(s) for s in sizes]))
    down = from_the_strongest(chosen_axes)  # argmax takes the first of equals
    first = np.asarray(down)[means[..., down].argmax(axis=-1)]
    index = np.asarray(grid)[first]
    found = np.take_along_axis(means, first[..., None], axis=-1)[..., 0]
    chosen = {n: np.asarray(labels[a])[index[..., a]] for a, n in enumerate(over)}
    limits = {
        n: (float(min(labels[a])), float(max(labels[a])))
        for a, n in enumerate(over)
        if len(labels[a]) > 2 and all(isinstance(v, int | float) for v in labels[a])
    }
    worst = np.where(np.isinf(means), np.inf, means).min(axis=-1)
    gain = np.where(np.isinf(found), np.nan, found - np.where(np.isinf(worst), 0, worst))
    found = np.where(np.isinf(found), np.nan, sign * found)
    return Selection(over, index, chosen, found, limits, gain)


def over_repeats(scores: np.ndarray) -> np.ndarray:
    """(..., repeat, candidate), the higher the better -> their means (..., candidate). A repeat
    without any score is left out, and a candidate without a score where others have one loses:
    -inf."""
    defined = ~np.isnan(scores)
    counted = defined.any(axis=-1, keepdims=True)
    lost = (counted & ~defined).any(axis=-2)
    total = np.broadcast_to(counted, scores.shape).sum(axis=-2)
    means = np.where(defined, scores, 0).astype(np.float64).sum(axis=-2) / np.maximum(total, 1)
    return np.where(lost | (total == 0), -np.inf, means)


def over_outputs(scores: np.ndarray, depth: int) -> np.ndarray:
    """Scores (*fit, *output) of so many axes of fits, averaged over the outputs for which they are
    defined."""
    values = scores.reshape(*scores.shape[:depth], -1)
    defined = ~np.isnan(values)
    total, count = np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def from_the_strongest(grid: Sequence[Axis]) -> list[int]:
    """The candidates' numbers, from the largest labels down: which of equals is chosen."""
    labels = list(itertools.product(*map(label_values, grid)))
    return sorted(range(len(labels)), key=lambda i: labels[i], reverse=True)


def label_values(axis: Axis) -> tuple:
    """What the indices stand for; numbers from 0 where they have no labels."""
    return axis.labels if axis.labels is not None else tuple(range(axis.size))
