"""Axes: each a pure function from an index to a change of one fit's inputs.

Axes apply in the order given, so one that draws samples (`bootstraps`) comes after `folds`, and
one that moves `y` (`permutations`, `shifts`) comes before. Arrays go in as leaves of a `Partial`:
new values of the same shape never recompile.
"""

from jaxneuro.axes.choices import ablations, grid, seeds, subjects, targets
from jaxneuro.axes.parts import unchanged
from jaxneuro.axes.resampling import bootstraps, permutations, shifts
from jaxneuro.axes.splits import folds
from jaxneuro.axes.windows import views, windows

__all__ = [
    "ablations",
    "bootstraps",
    "folds",
    "grid",
    "permutations",
    "seeds",
    "shifts",
    "subjects",
    "targets",
    "unchanged",
    "views",
    "windows",
]
