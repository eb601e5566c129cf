"""Distributions of scores over targets."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import (
    COLOURS,
    DASHED,
    DOT,
    FAINT,
    INK,
    WIDTH,
    alpha,
    cycle,
    finite,
    legend,
    new_axes,
    styled,
)
from jaxneuro.report.values import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 40
"""As many targets have a name each; of more, the extremes are named."""


@styled
def scores(
    values: ArrayLike, labels: Sequence[object], name: str, baseline: float | None = None
) -> Figure:
    """Held-out scores over targets: few beside their names, highest first; many as a histogram.

    Args:
        values: (target,); how many are NaN stands above.
        labels: (target,), the targets' names.
        name: the score's name and unit.
        baseline: the score of the simplest honest model; `None` for no line.

    Raises:
        ValueError: `values` has more than one axis, or another length than `labels`.
    """
    values = np.asarray(values, float)
    if values.shape != (len(labels),):
        raise ValueError(
            f"scores: values must have shape (target,) = ({len(labels)},) as labels, "
            f"got {values.shape}"
        )
    order = np.argsort(-values, kind="stable")  # NaN last
    order = order[np.isfinite(values[order])]
    sorted_, names = values[order], [_short(str(labels[index])) for index in order]
    few = len(sorted_) <= NAMED
    if few:
        figure, axes = new_axes(5.2, 1.1 + 0.19 * max(len(sorted_), 4), name, "")
        _named(axes, sorted_, names)
    else:
        figure, axes = new_axes(5.2, 3.2, name, "Targets")
        _counted(axes, {"": sorted_})
    if len(sorted_) > 2:
        axes.axvline(float(np.median(sorted_)), color=INK, linewidth=1.4, label="median", zorder=1)
    if baseline is not None:
        axes.axvline(baseline, label="baseline", zorder=1, **DASHED)
    legend(axes, _told(sorted_, len(values), names, extremes=not few))
    return figure


@styled
def model_scores(
    values: Mapping[str, ArrayLike], name: str, baseline: float | None = None
) -> Figure:
    """A dot per target and a bar at the median for each model; the baseline runs across.

    Args:
        values: model -> (target,) or a scalar, from left to right.
        name: the score's name and unit.
        baseline: the score of the simplest honest model; `None` for no line.
    """
    figure, axes = new_axes(min(WIDTH, 2.2 + 1.1 * len(values)), 3.2, "", name)
    if baseline is not None:
        axes.axhline(baseline, label="baseline", **DASHED)
        legend(axes)
    random = np.random.default_rng(0)  # spreads the dots; the same picture every time
    for place, (of_model, colour) in enumerate(
        zip(values.values(), cycle(len(values)), strict=True)
    ):
        dots = finite(of_model)
        if len(dots) < 2:
            axes.plot(np.full(len(dots), place), dots, "o", color=colour, markersize=7)
            continue
        spread = place + random.uniform(-0.2, 0.2, len(dots))
        axes.plot(spread, dots, "o", color=colour, alpha=alpha(len(dots)), **DOT)
        axes.hlines(np.median(dots), place - 0.32, place + 0.32, color=INK, linewidth=2, zorder=3)
    wide = 14 if len(values) <= 7 else 11
    longest = max((len(word) for model in values for word in model.split()), default=0)
    wide = max(wide, min(14, longest))  # "acceleration" stays whole
    axes.set_xticks(range(len(values)), [textwrap.fill(model, wide) for model in values])
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.tick_params(axis="x", length=0)
    return figure


@styled
def histogram(
    values: Mapping[str, ArrayLike], xlabel: str, reference: float | None = None
) -> Figure:
    """Counts over shared bins.

    Args:
        values: name -> (value,).
        xlabel: with its unit.
        reference: a value that the histograms are read against (the score that was observed).
    """
    figure, axes = new_axes(5.2, 3.0, xlabel, "Count")
    _counted(axes, {name: finite(array) for name, array in values.items()})
    if reference is not None:
        axes.axvline(reference, color=INK, linestyle="--", linewidth=1, label="reference")
    legend(axes)
    return figure


def _counted(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    """Histograms of finite values over shared bins."""
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    pooled = np.concatenate([*values.values(), np.empty(0)])
    edges = np.histogram_bin_edges(pooled, int(np.clip(math.sqrt(len(pooled)), 10, 40))).tolist()
    for (name, array), colour in zip(values.items(), cycle(len(values)), strict=True):
        axes.hist(array, edges, histtype="stepfilled", color=colour, alpha=0.3)
        axes.hist(array, edges, histtype="step", color=colour, linewidth=1.4, label=name)


def _named(axes: Axes, values: np.ndarray, names: Sequence[str]) -> None:
    """A dot a target, the first on top."""
    places = np.arange(len(values))
    axes.plot(values, places, "o", color=COLOURS[0], markersize=5, markeredgewidth=0, zorder=3)
    axes.set_yticks(places, names)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _told(values: np.ndarray, count: int, names: Sequence[str], extremes: bool) -> str:
    """The title: how many, the median, and who stands at the ends of sorted `values`."""
    told = f"{count:,} target{'s' if count != 1 else ''}"
    if len(values) > 2:
        told += f", median {shown(float(np.median(values)))}"
    if len(values) < count:
        told += f"; {count - len(values):,} undefined"
    if extremes:
        told += f"\nhighest {shown(float(values[0]))} ({names[0]})"
        told += f"\nlowest {shown(float(values[-1]))} ({names[-1]})"
    return told


def _short(name: str) -> str:
    """Long names lose their middle: what tells them apart is often a number at the end."""
    return name if len(name) <= 28 else f"{name[:17]}…{name[-10:]}"
