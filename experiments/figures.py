"""The pictures of the reports: one small function each, arrays in, a Matplotlib figure out.

Nothing global is touched: no pyplot, and the style holds only inside these functions. Colours are
Okabe and Ito's, which colour-blind readers can tell apart. NaN is left out of every picture.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

INK, SOFT, FAINT = "#1d2024", "#767d85", "#e3e6e9"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
NETWORKS = {
    "visual": "#781286",
    "somatomotor": "#4682B4",
    "dorsal attention": "#00760E",
    "ventral attention": "#C43AFA",
    "limbic": "#DCF8A4",
    "frontoparietal": "#E69422",
    "default": "#CD3E4E",
}
"""The customary colours of the seven resting-state networks (Yeo et al. 2011)."""

STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.facecolor": "white",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}
_styled = rc_context(STYLE)
WIDTH = 7.0


@_styled
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
    figure, axes = _axes(WIDTH, 2.6, "Time (s)", ylabel)
    axes.plot(time, truth, color=INK, linewidth=1.8, label="recorded")
    for (name, values), colour in zip(predictions.items(), _cycle(len(predictions)), strict=True):
        axes.plot(time, values, color=colour, linewidth=1.2, alpha=0.85, label=name)
    axes.margins(x=0)
    _legend(axes, title)
    return figure


@_styled
def scores(
    names: Sequence[str],
    values: Mapping[str, ArrayLike],
    baseline: float | None,
    ylabel: str,
) -> Figure:
    """A dot per target and a bar at the median for each model; the baseline runs across.

    Args:
        names: the models, from left to right.
        values: model -> (target,) or a scalar.
        baseline: the score of the simplest honest model; `None` for no line.
        ylabel: the score's name.
    """
    figure, axes = _axes(min(WIDTH, 2.2 + 1.1 * len(names)), 3.2, "", ylabel)
    if baseline is not None:
        axes.axhline(baseline, color=SOFT, linestyle="--", linewidth=1, label="baseline")
        _legend(axes)
    random = np.random.default_rng(0)  # spreads the dots; the same picture every time
    for place, (name, colour) in enumerate(zip(names, _cycle(len(names)), strict=True)):
        dots = _finite(values[name])
        if len(dots) < 2:
            axes.plot(np.full(len(dots), place), dots, "o", color=colour, markersize=7)
            continue
        spread = place + random.uniform(-0.2, 0.2, len(dots))
        axes.plot(spread, dots, "o", color=colour, alpha=_alpha(len(dots)), **_DOT)
        axes.hlines(np.median(dots), place - 0.32, place + 0.32, color=INK, linewidth=2, zorder=3)
    axes.set_xticks(range(len(names)), [textwrap.fill(name, 14) for name in names])
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="x", length=0)
    return figure


@_styled
def scatter(x: ArrayLike, y: ArrayLike, xlabel: str, ylabel: str, identity: bool = True) -> Figure:
    """Points; with `identity`, equal axes and the line on which y equals x."""
    figure, axes = _axes(4.2, 4.0 if identity else 3.2, xlabel, ylabel)
    x, y = np.ravel(x), np.ravel(y)
    shown = np.isfinite(x) & np.isfinite(y)
    x, y = x[shown], y[shown]
    axes.plot(x, y, "o", color=COLOURS[0], alpha=_alpha(len(x)), **_DOT)
    if identity and len(x):
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        room = 0.05 * (high - low) or 0.5
        limits = (low - room, high + room)
        axes.plot(limits, limits, color=SOFT, linestyle="--", linewidth=1, zorder=0)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
    return figure


@_styled
def images(
    arrays: Sequence[ArrayLike], titles: Sequence[str], columns: int, symmetric: bool = True
) -> Figure:
    """Small images in rows of `columns`; a true field above, the recovered one below it.

    Each image has its own scale, from its own largest value: shapes compare, sizes do not.

    Args:
        arrays: (row, column) each.
        titles: one each; may be empty.
        columns: images in a row.
        symmetric: blue through white at zero to red; else black to white.
    """
    fields = [np.asarray(array, float) for array in arrays]
    rows = math.ceil(len(fields) / columns)
    side = min(1.5, WIDTH / columns)
    tall = max((field.shape[0] / field.shape[1] for field in fields), default=1.0)
    titled = sum(any(titles[start : start + columns]) for start in range(0, len(titles), columns))
    height = rows * min(max(tall, 0.4), 2.0) * side + 0.2 * titled
    figure = Figure(figsize=(side * columns, height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(fields) :]:
        axes.set_axis_off()
    for axes, field, title in zip(grid, fields, titles, strict=False):
        finite = _finite(field)
        top = float(np.abs(finite).max(initial=0.0)) or 1.0
        low, high = (-top, top) if symmetric else (finite.min(initial=top), top)
        colours = "RdBu_r" if symmetric else "gray"
        axes.imshow(field, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(title, fontsize=8, loc="center", pad=3)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=FAINT)
    return figure


@_styled
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
    figure, axes = _axes(5.2, 3.2, xlabel, ylabel)
    if floor is not None:
        axes.axhline(floor, color=SOFT, linestyle="--", linewidth=1, label="floor")
    for (name, values), colour in zip(series.items(), _cycle(len(series)), strict=True):
        axes.plot(x, values, "o-", color=colour, markersize=4, label=name)
    if logx:
        axes.set_xscale("log")
    elif np.issubdtype(np.asarray(x).dtype, np.integer):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return figure


@_styled
def confusion(matrix: ArrayLike, names: Sequence[str]) -> Figure:
    """The share of each true class (a row) that was given each label (a column), in percent.

    Args:
        matrix: (true, predicted), counts. A class that never occurs has an empty row.
        names: the classes.
    """
    counts = np.asarray(matrix, float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    side = min(WIDTH, 1.8 + 0.5 * len(names))
    figure, axes = _axes(side, 0.88 * side, "Predicted", "True")
    axes.set(title="Percent of each true class", facecolor="#f3f4f5")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            colour = "white" if share > 55 else INK if share >= 0.5 else SOFT
            axes.text(column, row, f"{share:.0f}", color=colour, ha="center", va="center")
    places = range(len(names))
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


@_styled
def label_map(
    panels: Sequence[tuple[str, ArrayLike]], names: Sequence[str], wrong: ArrayLike | None = None
) -> Figure:
    """Flat maps of labels beside each other, and in a last one where the prediction is wrong.

    Args:
        panels: (title, (row, column) integers) each; a label is a place in `names`, -1 is outside
            the brain. Row 0 is at the top.
        names: the labels' names; the seven resting-state networks get their customary colours.
        wrong: (row, column) booleans.
    """
    spare = iter(_cycle(len(names)))
    colours = [NETWORKS.get(name.casefold()) or next(spare) for name in names]
    maps = [(title, np.asarray(labels), colours) for title, labels in panels]
    if wrong is not None:
        outside = maps[0][1] < 0
        maps.append(("Wrong", np.where(outside, -1, np.asarray(wrong)), [FAINT, INK]))
    rows, columns = maps[0][1].shape
    width = WIDTH / max(len(maps), 2)
    legend_rows = math.ceil(len(names) / 4)
    figure = Figure(figsize=(width * len(maps), width * rows / columns + 0.4 + 0.2 * legend_rows))
    for axes, (title, labels, palette) in zip(
        figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True
    ):
        masked = np.ma.masked_less(labels, 0)
        axes.imshow(
            masked,
            cmap=ListedColormap(palette),
            vmin=-0.5,
            vmax=len(palette) - 0.5,
            interpolation="nearest",
        )
        axes.set_title(title)
        axes.set_axis_off()
    patches = [
        Patch(facecolor=colour, edgecolor=SOFT, linewidth=0.4, label=name)
        for name, colour in zip(names, colours, strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(4, len(names)), fontsize=8)
    return figure


@_styled
def histogram(
    values: Mapping[str, ArrayLike], xlabel: str, reference: float | None = None
) -> Figure:
    """Counts over shared bins.

    Args:
        values: name -> (value,).
        xlabel: with its unit.
        reference: a value that the histograms are read against (the score that was observed).
    """
    figure, axes = _axes(5.2, 3.0, xlabel, "Count")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    kept = {name: _finite(array) for name, array in values.items()}
    pooled = np.concatenate([*kept.values(), np.empty(0)])
    edges = np.histogram_bin_edges(pooled, int(np.clip(math.sqrt(len(pooled)), 10, 40))).tolist()
    for (name, array), colour in zip(kept.items(), _cycle(len(kept)), strict=True):
        axes.hist(array, edges, histtype="stepfilled", color=colour, alpha=0.3)
        axes.hist(array, edges, histtype="step", color=colour, linewidth=1.4, label=name)
    if reference is not None:
        axes.axvline(reference, color=INK, linestyle="--", linewidth=1, label="reference")
    _legend(axes)
    return figure


_DOT = {"markersize": 4.5, "markeredgewidth": 0}


def _axes(width: float, height: float, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure of this size in inches, with one pair of axes."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.tick_params(which="both", color=SOFT, labelcolor=INK, labelsize=8)
    return figure, axes


def _legend(axes: Axes, title: str = "") -> None:
    """Names in a row above the axes, where they hide nothing, and the title above them."""
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0)
    axes.set_title(title, pad=24 if labels else 6)


def _cycle(count: int) -> list[str]:
    """`count` colours, starting again where the palette ends."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _finite(values: ArrayLike) -> np.ndarray:
    """The finite values, flat."""
    flat = np.ravel(np.asarray(values, float))
    return flat[np.isfinite(flat)]


def _alpha(count: int) -> float:
    """Fainter dots where there are many."""
    return float(np.clip(8 / math.sqrt(count + 1), 0.15, 0.8))
