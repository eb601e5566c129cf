"""What neurons respond to: tuning curves, directions, selectivity, receptive fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import (
    COLOURS,
    DASHED,
    FAINT,
    SOFT,
    WIDTH,
    cycle,
    finite,
    styled,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 12
"""As many neurons as one picture shows."""

_COLUMNS = 4
_LINES = 6  # features up to which each is a line over lags
_PALE = 0.35  # of a weight that may as well be 0
_FOUND = 0.05  # q of neurons that count as selective


@styled
def tuning(
    values: ArrayLike,
    mean: ArrayLike,
    names: Sequence[object],
    xlabel: str,
    ylabel: str,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> Figure:
    """A tuning curve, or any other, for each of the first twelve neurons, with its band.

    Args:
        values: (value,), rising.
        mean: (value, neuron).
        names: (neuron,).
        xlabel, ylabel: with their units.
        low, high: (value, neuron) ends of the band; `None` for none.

    Raises:
        ValueError: the shapes do not go together.
    """
    x, curves, names = _checked("tuning", values, mean, names)
    figure, panels = _panels(len(names))
    for i, axes in enumerate(panels):
        if low is not None and high is not None:
            below, above = (np.asarray(end, float)[:, i] for end in (low, high))
            axes.fill_between(x, below, above, color=COLOURS[0], alpha=0.2, linewidth=0)
        style = "o-" if len(x) <= 40 else "-"
        axes.plot(x, curves[:, i], style, color=COLOURS[0], markersize=3)
        if (finite(curves[:, i]) >= 0).all():
            axes.set_ylim(bottom=0)
        axes.set_title(names[i])
        ticks(axes)
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    return figure


@styled
def polar(
    directions: ArrayLike,
    mean: ArrayLike,
    names: Sequence[object],
    preferred: ArrayLike | None = None,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> Figure:
    """Responses to directions around a circle, for each of the first twelve neurons.

    Args:
        directions: (direction,) in degrees, rising; 0 is to the right, 90 upwards.
        mean: (direction, neuron); below 0 they are drawn at the centre.
        names: (neuron,).
        preferred: (neuron,) in degrees: a line from the centre; `None` for none.
        low, high: (direction, neuron) ends of a band; `None` for none.

    Raises:
        ValueError: the shapes do not go together.
    """
    x, curves, names = _checked("polar", directions, mean, names)
    around = np.radians(np.append(x, x[:1] + 360))
    figure, panels = _panels(len(names), projection="polar")
    for i, axes in enumerate(panels):
        curve = _closed(curves[:, i])
        top = curve
        if low is not None and high is not None:
            inner, top = (_closed(np.asarray(end, float)[:, i]) for end in (low, high))
            axes.fill_between(around, inner, top, color=COLOURS[0], alpha=0.2, linewidth=0)
        axes.plot(around, curve, "o-", color=COLOURS[0], markersize=3)
        reach = 1.05 * finite(top).max(initial=0) or 1.0
        if preferred is not None:
            angle = np.radians(np.asarray(preferred, float)[i])
            axes.plot([angle, angle], [0, reach], color=COLOURS[1], linewidth=1.4)
        axes.set_ylim(0, reach)
        axes.set_title(names[i], loc="center", pad=4)
        axes.set_xticks(np.radians([0, 90, 180, 270]), ["0°", "90°", "180°", "270°"])
        axes.set_yticks([reach / 2, reach], [])
        axes.grid(color=FAINT)
        axes.spines[:].set_visible(False)
        axes.tick_params(labelsize=7, pad=-3, labelcolor=SOFT)
    return figure


@styled
def selectivity(
    values: Mapping[str, ArrayLike],
    q: Mapping[str, ArrayLike],
    chance: Mapping[str, ArrayLike],
) -> Figure:
    """How selective neurons are: a histogram for each index, the neurons of q ≤ .05 filled, and a
    dashed line at what noise alone makes of the median neuron.

    Args:
        values: the index's name -> (neuron,).
        q: likewise, false discovery rates.
        chance: likewise, the index expected without any selectivity.
    """
    figure, panels = _panels(len(values), columns=2, tall=2.2)
    edges = np.linspace(0, 1, 26).tolist()
    for axes, (name, index), colour in zip(
        panels, values.items(), cycle(len(values)), strict=True
    ):  # fmt: skip
        index = np.asarray(index, float)
        known = np.isfinite(index)
        found = known & (np.asarray(q[name], float) <= _FOUND)
        axes.hist(index[known], edges, histtype="step", color=colour, linewidth=1.4)
        axes.hist(index[found], edges, histtype="stepfilled", color=colour, alpha=0.3)
        level = finite(chance[name])
        if len(level):
            axes.axvline(float(np.median(level)), **DASHED)
        axes.set_title(f"{name}: {found.sum():,} of {known.sum():,} with q ≤ .05")
        axes.set(xlim=(0, 1), ylabel="Neurons")
        ticks(axes)
    return figure


@styled
def fields(
    weights: ArrayLike,
    names: Sequence[object],
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    label: str = "Weight",
) -> Figure:
    """Receptive fields over lags and features, for each of the first twelve neurons: up to six
    features are lines over lags; of more, red excites and blue inhibits; without lags, a line over
    features. Each neuron has its own scale.

    Args:
        weights: (neuron, lag, feature).
        names: (neuron,).
        low, high: likewise, ends of a band about each line, and of pictures: where the band holds
            0 they are pale; `None` for none.
        label: of the lines' values.

    Raises:
        ValueError: the shapes do not go together.
    """
    array = np.asarray(weights, float)
    if array.ndim != 3 or len(array) != len(names):
        raise ValueError(
            "fields: weights must have shape (neuron, lag, feature) with a name for each neuron, "
            f"got {array.shape} and {len(names)} names"
        )
    _, lags, features = array.shape
    several = lags > 1 and 1 < features <= _LINES
    banded = low is not None and high is not None
    bands = np.stack([np.asarray(end, float) if banded else array for end in (low, high)])
    figure, panels = _panels(min(len(names), PANELS), tall=2.0 if several else 1.7)
    for i, (axes, field, name) in enumerate(zip(panels, array, names, strict=False)):
        below, above = bands[:, i]
        unsure = (below <= 0) & (above >= 0) & banded
        if lags > 1 and features > _LINES:
            top = finite(np.abs(field)).max(initial=0) or 1.0
            opaque = np.where(unsure, _PALE, 1.0).T
            axes.imshow(field.T, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto", alpha=opaque,
                        interpolation="nearest", origin="lower")  # fmt: skip
        else:
            axes.axhline(0, zorder=0, **DASHED)
            for j, colour in enumerate(cycle(features if lags > 1 else 1)):
                part = (slice(None), j) if lags > 1 else (0, slice(None))
                axes.plot(field[part], "o-", color=colour, markersize=2.5, label=f"feature {j}")
                if banded:
                    axes.fill_between(range(len(field[part])), below[part], above[part],
                                      color=colour, alpha=0.2, linewidth=0)  # fmt: skip
        axes.set_title(str(name))
        ticks(axes)
    if several:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=_LINES
        )
    figure.supxlabel("Lag (samples)" if lags > 1 else "Feature", fontsize=9)
    figure.supylabel("Feature" if lags > 1 and features > _LINES else label, fontsize=9)
    return figure


def _checked(
    figure: str, x: ArrayLike, curves: ArrayLike, names: Sequence[object]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(point,), and of the first neurons (point, neuron) and their names."""
    at, values = np.asarray(x, float), np.asarray(curves, float)
    if at.ndim != 1 or values.shape != (len(at), len(names)) or not len(names):
        raise ValueError(
            f"{figure}: curves must have shape (value, neuron) = ({at.size}, {len(names)}), by the "
            f"values {at.shape} and the names, got {values.shape}"
        )
    return at, values[:, :PANELS], [str(name) for name in names[:PANELS]]


def _panels(
    count: int, columns: int = _COLUMNS, tall: float = 1.7, **kind: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels in rows; one that is not full is narrower."""
    from matplotlib.figure import Figure

    across = min(count, columns)
    rows = math.ceil(count / columns)
    width = WIDTH * max(across, 2) / columns
    figure = Figure(figsize=(width, 0.4 + tall * rows))
    grid = figure.subplots(rows, across, squeeze=False, subplot_kw=kind).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, list(grid[:count])


def _closed(values: np.ndarray) -> np.ndarray:
    """Around the circle; responses below 0 have no length."""
    return np.maximum(np.append(values, values[:1]), 0)
