"""Lines and points: recordings, predictions, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import (
    COLOURS,
    DASHED,
    DOT,
    INK,
    WIDTH,
    alpha,
    cycle,
    legend,
    new_axes,
    styled,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TARGETS, SAMPLES = 4, 500
"""As much of a recording as `observed_predicted` shows."""


@styled
def traces(
    time: ArrayLike,
    truth: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    ylabel: str,
    title: str = "",
) -> Figure:
    """What was recorded, in black, and what each model says it should have been.

    Args:
        time: (time,), in seconds.
        truth: (time,).
        predictions: model -> (time,).
        ylabel: the quantity and its unit.
        title: stands above, to the left.
    """
    figure, axes = new_axes(WIDTH, 2.6, "Time (s)", ylabel)
    axes.plot(time, truth, color=INK, linewidth=1.8, label="recorded")
    for (name, values), colour in zip(predictions.items(), cycle(len(predictions)), strict=True):
        axes.plot(time, values, color=colour, linewidth=1.2, alpha=0.85, label=name)
    axes.margins(x=0)
    legend(axes, title)
    return figure


@styled
def observed_predicted(
    y: ArrayLike, prediction: ArrayLike, names: Sequence[object], dt: float | None = None
) -> Figure:
    """The first four targets: both over time, or observed against predicted.

    Args:
        y: (sample, target), observed.
        prediction: (sample, target); NaN where nothing was predicted.
        names: (target,), with units.
        dt: seconds between samples, which makes them a time series: up to 500 samples are shown,
            from the first that has a prediction. `None` for points, all of them.

    Raises:
        ValueError: the shapes differ, or are not (sample, target) with a name for each target.
    """
    y, prediction = np.asarray(y, float), np.asarray(prediction, float)
    if y.ndim != 2 or y.shape != prediction.shape or y.shape[1] != len(names) or not len(names):
        raise ValueError(
            "observed_predicted: y and prediction must have shape (sample, target), with a name "
            f"for each target, got {y.shape}, {prediction.shape} and {len(names)} names"
        )
    titles = [str(name) for name in names[:TARGETS]]
    if dt is None:
        return _scatters(y, prediction, titles)
    there = np.flatnonzero(np.isfinite(prediction[:, : len(titles)]).any(axis=1))
    start = int(there[0]) if len(there) else 0
    window = slice(start, start + SAMPLES)
    time = dt * (start + np.arange(len(y[window])))
    return _traces(time, y[window], prediction[window], titles)


@styled
def scatter(x: ArrayLike, y: ArrayLike, xlabel: str, ylabel: str, identity: bool = True) -> Figure:
    """Points; with `identity`, equal axes and the line on which y equals x."""
    figure, axes = new_axes(4.2, 4.0 if identity else 3.2, xlabel, ylabel)
    x, y = _points(axes, x, y)
    if identity and len(x):
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        room = 0.05 * (high - low) or 0.5
        limits = (low - room, high + room)
        axes.plot(limits, limits, zorder=0, **DASHED)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
    return figure


@styled
def curve(
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    floor: float | None = None,
) -> Figure:
    """Lines with markers.

    Args:
        x: (point,).
        series: name -> (point,).
        xlabel: with its unit.
        ylabel: with its unit.
        logx: a logarithmic horizontal axis.
        floor: a level that the curves are read against (chance, an exact optimum).
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_axes(5.2, 3.2, xlabel, ylabel)
    if floor is not None:
        axes.axhline(floor, label="floor", **DASHED)
    for (name, values), colour in zip(series.items(), cycle(len(series)), strict=True):
        axes.plot(x, values, "o-", color=colour, markersize=4, label=name)
    if logx:
        axes.set_xscale("log")
    elif np.issubdtype(np.asarray(x).dtype, np.integer):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    return figure


def _traces(time: np.ndarray, y: np.ndarray, prediction: np.ndarray, titles: list[str]) -> Figure:
    """A panel a target, one below the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 0.9 + 1.3 * len(titles)))
    panels = figure.subplots(len(titles), 1, sharex=True, squeeze=False)[:, 0]
    for index, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.plot(time, y[:, index], color=INK, linewidth=1.2, label="observed")
        axes.plot(time, prediction[:, index], color=COLOURS[0], linewidth=1.2, label="predicted")
        axes.margins(x=0)
        axes.set_title(title)
        ticks(axes)
    panels[-1].set_xlabel("Time (s)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


def _scatters(y: np.ndarray, prediction: np.ndarray, titles: list[str]) -> Figure:
    """A panel a target: around the dashed line lie the predictions that are right on average."""
    from matplotlib.figure import Figure

    columns = min(len(titles), 2)
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(3.5 * columns, 2.9 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(titles) :]:
        axes.set_axis_off()
    for index, (axes, title) in enumerate(zip(grid, titles, strict=False)):
        x, _ = _points(axes, prediction[:, index], y[:, index])
        if len(x):
            middle = float(x.mean())  # however biased: the line is in sight
            axes.axline((middle, middle), slope=1, zorder=0, **DASHED)
        axes.set(title=title, xlabel="predicted", ylabel="observed")
        ticks(axes)
    return figure


def _points(axes: Axes, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Draws the points that are finite, and returns them."""
    x, y = np.ravel(x), np.ravel(y)
    shown = np.isfinite(x) & np.isfinite(y)
    x, y = x[shown], y[shown]
    axes.plot(x, y, "o", color=COLOURS[0], alpha=alpha(len(x)), **DOT)
    return x, y
