"""Fields, maps of labels, and the labels that are confused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import FAINT, INK, SOFT, WIDTH, cycle, finite, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

WRITTEN = 20
"""Classes up to which a confusion matrix has its numbers written."""


@styled
def images(
    arrays: Sequence[ArrayLike],
    titles: Sequence[str],
    columns: int,
    symmetric: bool = True,
    unit: str = "",
) -> Figure:
    """Small images in rows of `columns`; a true field above, the recovered one below it.

    Each image has its own scale, from its own largest value: shapes compare, sizes do not. With
    `unit` all have one, and a bar that says it. NaN is grey.

    Args:
        arrays: (row, column) each.
        titles: one each; may be empty.
        columns: images in a row.
        symmetric: blue through white at zero to red; else black to white.
        unit: the quantity and its unit.
    """
    from matplotlib.figure import Figure

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
    together = finite(np.concatenate([np.empty(0), *map(np.ravel, fields)]))
    for axes, field, title in zip(grid, fields, titles, strict=False):
        values = together if unit else finite(field)
        top = float(np.abs(values).max(initial=0.0)) or 1.0
        low, high = (-top, top) if symmetric else (values.min(initial=top), top)
        colours = "RdBu_r" if symmetric else "gray"
        axes.set_facecolor(SOFT if unit else "white")
        image = axes.imshow(field, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        if unit and axes is grid[0]:
            figure.colorbar(image, ax=grid, shrink=0.6, label=unit).outline.set_visible(False)
        axes.set_title(title, fontsize=8, loc="center", pad=3)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=FAINT)
    return figure


@styled
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
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    spare = iter(cycle(len(names)))
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


@styled
def confusion(matrix: ArrayLike, names: Sequence[str]) -> Figure:
    """The share of each true class (a row) that was given each label (a column), in percent.

    Args:
        matrix: (true, predicted), counts. A class that never occurs has an empty row.
        names: (class,). Of more than 20, colours stand for the numbers.

    Raises:
        ValueError: `matrix` has not a row and a column for each name.
    """
    counts = np.asarray(matrix, float)
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"confusion: matrix must have shape (true, predicted) = {(len(names), len(names))} "
            f"as names, got {counts.shape}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    classes = len(names)
    side = min(WIDTH, 1.8 + 0.5 * classes)
    figure, axes = new_axes(side, 0.88 * side, "Predicted", "True")
    axes.set(title="Percent of each true class", facecolor="#f3f4f5")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    if classes > WRITTEN:
        image.set_clim(0, finite(shares).max(initial=1))
        figure.colorbar(image, ax=axes, shrink=0.6).outline.set_visible(False)
    else:
        size = 9 if classes <= 10 else 7
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                colour = "white" if share > 55 else INK if share >= 0.5 else SOFT
                style = {"color": colour, "fontsize": size, "ha": "center", "va": "center"}
                axes.text(column, row, f"{share:.0f}", **style)
    every = math.ceil(classes / 40)  # where letters would overlap, every second name, or third
    places, labels = range(0, classes, every), list(names[::every])
    axes.set_xticks(places, labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, labels)
    axes.tick_params(length=0, labelsize=8 if classes <= WRITTEN else 6)
    axes.spines[:].set_visible(False)
    return figure
