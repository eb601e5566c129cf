"""What a person keeps: choices, scores, predictions and parameters of a nested search."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import origin
from jaxneuro.choice import label_values
from jaxneuro.fits import Fits, Selection
from jaxneuro.prediction import take
from jaxneuro.selection import held_out
from jaxneuro.selection.halving import Halved
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Inputs


@dataclass(frozen=True, repr=False)
class Search:
    """What a nested search found: of `crossval.search`, and of the three jobs.

    Attributes:
      inner: scores of the search, (*axes, outer, inner, *grid); None if there was no choice to
        make (unless `rivals` were to be judged). Fits
        that were stopped by halving have none.
      selection: the choice for each (*axes, outer), by inner scores alone; None likewise.
      fits: the refits of the chosen on all outer training samples, (*axes, *refit_axes, outer),
        scored on the outer test samples that nothing before has seen.
      score: the name of the score that chose.
      splits: what was held out, and how the rest was split.
      repeats: `refit_axes` by name; True of those whose fits differ by random numbers alone
        (`axes.seeds`), and are averaged in predictions.
      inputs: what was fitted; None where the result was loaded.
      kept: of a loaded result, its predictions and `y`.
      halved: what halving the candidates saved; None where all ran to their ends.
    """

    inner: Fits | None
    selection: Selection | None
    fits: Fits
    score: str
    splits: NestedSplits
    repeats: Mapping[str, bool]
    inputs: Inputs | None = None
    kept: Mapping[str, np.ndarray] = field(default_factory=dict)
    halved: Halved | None = None

    def __repr__(self) -> str:
        chosen = ", ".join(self.selection.over if self.selection is not None else ()) or "nothing"
        saved = "" if self.halved is None else f" ({self.halved})"
        return (
            f"<{chosen} chosen by {self.score} in {self.total} fits{saved}; "
            f"held out: {self.fits!r}>"
        )

    @property
    def sign(self) -> int:
        """1 where a higher score is better, -1 where a lower one is."""
        return 1 if dict(self.fits.fit.better)[self.score] else -1

    @property
    def total(self) -> int:
        """Fits run, search and refits."""
        return len(self.fits) + (len(self.inner) if self.inner is not None else 0)

    @property
    def compile_seconds(self) -> float:
        return sum(f.compile_seconds for f in (self.inner, self.fits) if f is not None)

    @property
    def run_seconds(self) -> float:
        return sum(f.run_seconds for f in (self.inner, self.fits) if f is not None)

    def table(self) -> dict[str, np.ndarray]:
        """One row a target and outer fold (and index of `refit_axes`): their labels, what was
        chosen and its inner score, how the refit ended, and its held-out scores."""
        fits, columns = self.fits, {}
        places = np.indices(fits.shape).reshape(len(fits.shape), len(fits))
        for axis, place in zip(fits.axes, places, strict=True):
            columns[axis.name] = np.asarray(label_values(axis))[place]
        rest = {n: v for n, v in fits.table().items() if n not in columns and n != "fold"}
        grid = [axis.name for axis in fits.row_axes if axis.name in rest]
        columns |= {name: rest.pop(name) for name in grid}
        if self.selection is not None:
            inner = held_out.repeated(self.selection.score, fits.axes, self.repeats)
            columns[f"inner_{self.score}"] = inner.ravel()
        return columns | rest

    @cached_property
    def predictions(self) -> np.ndarray:
        """Out-of-fold predictions (sample, *axes, *output), so (sample, neuron) of `encode`,
        (sample, output) of `decode`, probabilities (sample, class) of `identify`: what the refits
        say of the samples that their outer fold held out, in the units of `y`. NaN where no fold
        held a sample out; the mean where several did, and over `axes.seeds` among `refit_axes`.
        Of other refit axes (shifts, permutations) it is their index 0, the data as they are.

        Raises:
          ValueError: the parameters were not kept.
        """
        if "predictions" in self.kept:
            return self.kept["predictions"]
        assert self.inputs is not None
        return held_out.predictions(self.fits, self.inputs, self.splits, self.repeats)

    @cached_property
    def observed(self) -> np.ndarray:
        """`y` (sample, *output) as it was given; (sample, subject, ...) of stacked subjects."""
        if "observed" in self.kept:
            return self.kept["observed"]
        assert self.inputs is not None
        y = origin.undo(np.asarray(self.inputs.y), self.inputs.y_origin)
        return np.moveaxis(y, 1, 0) if self.inputs.weight.ndim == 2 else y

    def predict(self, x: Any) -> np.ndarray:
        """What the refits predict of new `x` (sample, *feature), in the units of `y`: the mean over
        outer folds and seeds; of `fits.predict(x)` each one's.

        Returns:
          (sample, *axes, *output), as of `predictions`.
        """
        every = self.fits.predict(x)
        return held_out.averaged(every, self.fits.axes, self.repeats, over_folds=True)

    def params_of(self, **labels: Any) -> Any:
        """The parameters of one refit, for raw `x`.

        Args:
          labels: of the axes of `fits`, such as `neuron=3, outer="fold 0"`; an axis of one index
            may be left out.

        Raises:
          ValueError: a name or label that there is not, or one that is missing.
        """
        if self.fits.params is None:
            raise ValueError("params_of: the parameters were not kept")
        axes = {axis.name: label_values(axis) for axis in self.fits.axes}
        if unknown := sorted(set(labels) - set(axes)):
            raise ValueError(f"params_of: no axis {unknown[0]!r}; there are {list(axes)}")
        index = []
        for name, known in axes.items():
            if name not in labels and len(known) > 1:
                raise ValueError(f"params_of: which {name}? One of {_some(known)}")
            label = labels[name] if name in labels else known[0]  # pyright: ignore
            if label not in known:
                raise ValueError(f"params_of: no {name} {label!r}; there are {_some(known)}")
            index.append(known.index(label))
        return take(self.fits.params, tuple(index))

    def report(self, folder: str | os.PathLike, title: str | None = None) -> Path:
        """Writes `report.html`, its figures, `fits.csv` and `summary.json` into `folder`.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.selection.page import write_page

        return write_page(self, Path(folder), title)

    def save(self, path: str | os.PathLike) -> None:
        """Writes all of this into one file, for `jaxneuro.load`: arrays and the prediction function
        as StableHLO, so that loading needs none of the model's code. It is a zip of `.npy` files
        that NumPy opens too, replaced in one step; nothing in it is pickled.

        Raises:
          OSError: it cannot be written.
        """
        from jaxneuro.selection.saved import save

        save(self, Path(path))


def _some(labels: tuple) -> str:
    told = ", ".join(map(repr, labels[:8]))
    return told if len(labels) <= 8 else f"{told}, ... ({len(labels)} in all)"
