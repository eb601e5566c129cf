"""What is lost without some of the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.report.figures.style import COLOURS, DASHED, FAINT, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 30  # groups, those that are missed most


@styled
def importance(
    drop: ArrayLike, low: ArrayLike, high: ArrayLike, names: Sequence[object], name: str
) -> Figure:
    """A dot a group and its interval, the most important on top; of many groups the first thirty.

    Args:
        drop, low, high: (group,) by how much the score falls without it, and the interval's ends.
        names: (group,).
        name: what falls, with its unit.

    Raises:
        ValueError: the shapes do not go together.
    """
    values, below, above = (np.asarray(a, float) for a in (drop, low, high))
    if not values.shape == below.shape == above.shape == (len(names),):
        raise ValueError(f"importance: drop {values.shape}, low {below.shape} and high "
                         f"{above.shape} must be (group,) = ({len(names)},) as names")  # fmt: skip
    order = np.argsort(-values, kind="stable")  # NaN last
    order = order[np.isfinite(values[order])][:_SHOWN]
    places = np.arange(len(order))
    figure, axes = new_axes(5.2, 1.1 + 0.19 * max(len(order), 4), name, "")
    axes.axvline(0, zorder=1, **DASHED)
    axes.hlines(places, below[order], above[order], color=COLOURS[0], linewidth=1.2, zorder=2)
    axes.plot(values[order], places, "o", color=COLOURS[0], markersize=5, markeredgewidth=0)
    axes.set_yticks(places, [str(names[i]) for i in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    shown = "" if len(order) == len(names) else f"the {len(order)} of {len(names):,} missed most"
    axes.set_title(shown)
    return figure
