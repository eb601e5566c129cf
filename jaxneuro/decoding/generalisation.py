"""What decoders of windows leave behind: accuracies, predictions, and how likely by chance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.classify.epochs import called

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Generalisation:
    """Of `generalise`; of `sliding` everything is without the test window.

    Attributes:
      decoder: its name.
      accuracy: (train window, test window) share of held-out trials, of all folds together, that
        are taken for what they are; NaN where a window has values that are not finite.
      fold_accuracy: (fold, train window, test window) likewise of each fold.
      codes: (train window, test window, trial) the class that a trial is taken for when held out,
        by its number; -1 where no fold holds it out or a window is not finite. Of a trial that
        several folds hold out, by the last of them.
      labels: (trial,) the number of its own class.
      classes: (class,) what the numbers stand for.
      windows: (window,) what the windows are called, such as times.
      folds: (fold,) their names.
      strength: (train window, fold) the l2 of "logistic" or the fixed shrinkage of "lda"; None
        where there is none.
      p: (train window, test window) probability of an accuracy as high anywhere in the matrix if
        labels mean nothing: corrected for all its windows by the maximum; None without
        permutations.
      p_alone: likewise of an accuracy as high at that place, not corrected.
      null: (permutation,) the greatest accuracy in the matrix of each permutation.
      seconds: all in all, compilation included.
    """

    decoder: str
    accuracy: Floats
    fold_accuracy: Floats
    codes: NDArray[np.int16]
    labels: NDArray[np.int32]
    classes: NDArray
    windows: tuple
    folds: tuple[str, ...]
    strength: Floats | None
    p: Floats | None
    p_alone: Floats | None
    null: Floats | None
    seconds: float

    def __repr__(self) -> str:
        what = "windows" if self.accuracy.ndim == 1 else "train × test windows"
        size = " × ".join(map(str, self.accuracy.shape))
        told = "all undefined"
        if not np.isnan(self.accuracy).all():
            at = np.unravel_index(np.nanargmax(self.accuracy), self.accuracy.shape)
            where = " → ".join(str(self.windows[i]) for i in at)
            told = f"best accuracy {self.accuracy[at]:.3g} at {where}"
            if self.p is not None:
                told += f", p {self.p[at]:.2g}; {int((self.p <= 0.05).sum())} places at .05"
        return (
            f"<{self.decoder}, {len(self.classes)} classes, {len(self.folds)} folds, {size} "
            f"{what}: {told}; {self.seconds:.2g} s>"
        )

    @property
    def predictions(self) -> np.ndarray:
        """(train window, test window, trial) labels, as `y` has them. Where `codes` has none: "" of
        strings; numbers are then floats, and it is NaN."""
        return called(self.classes, self.codes)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(train window, test window, class, class) held-out trials by true and predicted class."""
        size = len(self.classes)
        shape = self.codes.shape[:-1]
        pairs = np.where(self.codes < 0, size * size, self.labels * size + self.codes)
        flat = pairs.reshape(-1, pairs.shape[-1])
        counts = [np.bincount(row, minlength=size * size + 1)[:-1] for row in flat]
        return np.array(counts).reshape(*shape, size, size)

    @property
    def chance(self) -> float:
        """The share of the largest class: the accuracy of who always says it."""
        return float(np.bincount(self.labels).max() / len(self.labels))

    def table(self) -> Mapping[str, Any]:
        """Columns with a row for each window, or each two of them: `accuracy`, `p`, `p_alone`."""
        places = np.indices(self.accuracy.shape).reshape(self.accuracy.ndim, -1)
        names = ("window",) if self.accuracy.ndim == 1 else ("trained", "tested")
        named = np.array([str(window) for window in self.windows])
        made = {name: named[place] for name, place in zip(names, places, strict=True)}
        made["accuracy"] = self.accuracy.ravel()
        if self.p is not None and self.p_alone is not None:
            made |= {"p": self.p.ravel(), "p_alone": self.p_alone.ravel()}
        return made

    def report(
        self, folder: str | os.PathLike[str], title: str | None = None, unit: str = ""
    ) -> Path:
        """Writes the page: the course over windows, the matrix, a table of all.

        Args:
          folder: made where it does not exist.
          title: of the page.
          unit: of the windows, such as "s".

        Returns:
          the path of `report.html`.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.decoding.generalised_page import write_page

        return write_page(self, Path(folder), title, unit)
