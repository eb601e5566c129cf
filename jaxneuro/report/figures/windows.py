"""What is decoded when: a course over windows, and a matrix of windows trained and tested in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import COLOURS, DASHED, INK, SOFT, legend, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NAMES = 12


@styled
def course(
    windows: Sequence | np.ndarray,
    accuracy: ArrayLike,
    folds: ArrayLike,
    chance: float,
    significant: ArrayLike | None = None,
    xlabel: str = "Window",
) -> Figure:
    """Accuracy over windows, each fold's faintly behind it; a bar where it is significant.

    Args:
        windows: (window,) times, or names.
        accuracy: (window,) from 0 to 1.
        folds: (fold, window) likewise.
        chance: a level that it is read against.
        significant: (window,) booleans.
        xlabel: with its unit.
    """
    places, names = _places(windows)
    figure, axes = new_axes(6.2, 2.9, xlabel, "Accuracy")
    axes.plot(places, np.asarray(folds, float).T, color=SOFT, linewidth=0.6, alpha=0.5)
    axes.axhline(chance, label=f"largest class {chance:.2f}", **DASHED)
    axes.plot(places, accuracy, color=COLOURS[0], label="all folds")
    if significant is not None and np.any(significant):
        shown = np.where(significant, 0.02, np.nan)
        axes.plot(places, shown, "s", color=COLOURS[1], markersize=3, label="p ≤ .05",
                  transform=axes.get_xaxis_transform())  # fmt: skip
    if names:
        axes.set_xticks(*_some(places, names))
    legend(axes)
    return figure


@styled
def generalised(
    windows: Sequence | np.ndarray,
    accuracy: ArrayLike,
    chance: float,
    significant: ArrayLike | None = None,
    label: str = "window",
) -> Figure:
    """Accuracy of a decoder trained in one window (up) and tested in another (across): blue below
    chance, white at chance, red above; lines around what is significant.

    Args:
        windows: (window,) times, or names.
        accuracy: (train window, test window) from 0 to 1.
        chance: where white lies.
        significant: (train window, test window) booleans.
        label: of the windows, with its unit.
    """
    places, names = _places(windows)
    values = np.asarray(accuracy, float)
    far = float(np.nanmax(np.abs(values - chance), initial=0.0)) or 0.5
    half = float(np.min(np.diff(places), initial=1.0)) / 2 if len(places) > 1 else 0.5
    ends = (places[0] - half, places[-1] + half)
    figure, axes = new_axes(4.8, 4.0, f"Tested: {label}", f"Trained: {label}")
    edges = np.r_[places - half, ends[1]] if len(places) > 1 else np.array(ends)
    image = axes.pcolormesh(edges, edges, values, cmap="RdBu_r", vmin=chance - far,
                            vmax=chance + far, rasterized=True)  # fmt: skip
    axes.plot(ends, ends, **DASHED)
    marked = np.zeros_like(values) if significant is None else np.asarray(significant, float)
    if 0 < marked.mean() < 1 and len(places) > 1:
        axes.contour(places, places, marked, [0.5], colors=INK, linewidths=0.8)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, label="Accuracy")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    axes.set(aspect="equal", xlim=ends, ylim=ends)
    if names:
        axes.set_xticks(*_some(places, names), rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(*_some(places, names))
    return figure


def _places(windows: Sequence | np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Where the windows lie, and what they are called where that is not a number in order."""
    values = np.asarray(windows)
    if values.dtype.kind in "iuf" and values.ndim == 1 and (np.diff(values) > 0).all():
        return values.astype(float), []
    return np.arange(len(windows), dtype=float), [str(window) for window in windows]


def _some(places: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    every = -(-len(names) // _MOST_NAMES)
    return places[::every], names[::every]
