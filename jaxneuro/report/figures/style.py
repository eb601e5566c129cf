"""What all pictures share: colours, sizes, axes and legends."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.extras import needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
INK, SOFT, FAINT = "#1d2024", "#767d85", "#e3e6e9"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
DPI = 150
STYLE: dict[Any, Any] = {
    "figure.dpi": DPI,
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
WIDTH = 7.0
DOT: dict[str, Any] = {"markersize": 4.5, "markeredgewidth": 0}
DASHED: dict[str, Any] = {"color": SOFT, "linestyle": "--", "linewidth": 1}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """`draw` in this style, and texts that hold dollar signs as they are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with needed("matplotlib", "report").rc_context(STYLE):
            figure = draw(*args, **kwargs)
        text: Any
        for text in figure.findobj(needed("matplotlib.text", "report").Text):
            if "$" in text.get_text():
                text.set_parse_math(False)
        return figure

    return drawn


def new_axes(width: float, height: float, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure of this size in inches, with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    ticks(axes)
    return figure, axes


def ticks(axes: Axes) -> None:
    axes.tick_params(which="both", color=SOFT, labelcolor=INK, labelsize=8)


def legend(axes: Axes, title: str = "") -> None:
    """Names in rows above the axes, where they hide nothing, and the title above them."""
    labels = axes.get_legend_handles_labels()[1]
    rows = 0
    if labels:
        columns = _columns([len(label) for label in labels], axes.figure.bbox.width / DPI)
        rows = math.ceil(len(labels) / columns)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)
    axes.set_title(title, pad=10 + 14 * rows)


def _columns(letters: list[int], width: float) -> int:
    """In how many columns of names, of so many letters, a legend fits into so many inches."""
    for columns in range(4, 1, -1):
        down = np.array_split(letters, min(columns, len(letters)))  # the first ones are longer
        if sum(0.5 + 0.08 * max(column) for column in down) < width - 0.6:
            return columns
    return 1


def cycle(count: int) -> list[str]:
    """`count` colours, starting again where the palette ends."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def finite(values: ArrayLike) -> np.ndarray:
    """The finite values, flat."""
    flat = np.ravel(np.asarray(values, float))
    return flat[np.isfinite(flat)]


def alpha(count: int) -> float:
    """Fainter dots where there are many."""
    return float(np.clip(8 / math.sqrt(count + 1), 0.15, 0.8))
