"""What `decode` found: decoders on identical folds, and the one that was chosen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.decoding.contender import Contender
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import Certainty


@dataclass(frozen=True, repr=False)
class Decoded:
    """Every decoder of the same held-out samples.

    Attributes:
      decoders: by name.
      chosen: the name of the best on inner folds.
      observed: `y` (sample, output) as it was given, or (sample,) numbers of the classes.
      classes: (class,) their names; empty of outputs.
      centre, spread: (output,) the units that decoders were fitted in; of categories empty.
      sure: by decoder, held-out R² of each output, or accuracy, with intervals, p and q.
      splits: what was held out, and how the rest was split.
      constant: held-out R², mean over outputs, of the mean of what was fitted; or the accuracy of
        the class most frequent there.
      dt: seconds between samples; None: no time series.
      notes: what was decided, and why.
    """

    decoders: Mapping[str, Contender]
    chosen: str
    observed: np.ndarray
    classes: tuple[str, ...]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    sure: Mapping[str, Certainty]
    splits: NestedSplits
    constant: float
    dt: float | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        best = self.sure[self.chosen]
        return (
            f"<{len(self.decoders)} decoders, {self.chosen} chosen: held-out {self.score_name} "
            f"{best.mean:.3f} ({best.mean_low:.3f} to {best.mean_high:.3f}), constant "
            f"{self.constant:.3f}; {self.total} fits>"
        )

    @property
    def score_name(self) -> str:
        return "accuracy" if self.classes else "R²"

    @property
    def total(self) -> int:
        """Fits run, searches and refits of all decoders."""
        return sum(one.fits for one in self.decoders.values())

    @property
    def compile_seconds(self) -> float:
        return sum(one.compile_seconds for one in self.decoders.values())

    @property
    def run_seconds(self) -> float:
        """Of decoders that are not fitted by `fit_many`, compilation included."""
        return sum(one.run_seconds for one in self.decoders.values())

    @property
    def predictions(self) -> np.ndarray:
        """Of the decoder chosen: (sample, output) in the units of `y`, or probabilities (sample,
        class); NaN where not held out."""
        return self.predictions_of(self.chosen)

    def predictions_of(self, name: str) -> np.ndarray:
        return self._in_units(self.decoders[name].predictions)

    def table(self) -> dict[str, np.ndarray]:
        """One row a decoder and output (of categories a decoder): its held-out score with interval,
        p and q, its inner score, what was chosen for it, how many fits it took and how long."""
        rows: dict[str, list[Any]] = {}
        options = dict.fromkeys(n for one in self.decoders.values() for n in one.chosen)
        for name, one in self.decoders.items():
            sure = self.sure[name]
            score, low, high, p, q = (np.ravel(part) for part in sure[:5])
            for i in range(len(score)):
                row = {
                    "decoder": name,
                    "output": "" if self.classes else i,
                    "chosen": name == self.chosen,
                    "score": score[i], "low": low[i], "high": high[i], "p": p[i], "q": q[i],
                    "inner": one.inner,
                    **{option: one.chosen.get(option, np.nan) for option in options},
                    "fits": one.fits,
                    "compile_seconds": one.compile_seconds,
                    "run_seconds": one.run_seconds,
                }  # fmt: skip
                for column, value in row.items():
                    rows.setdefault(column, []).append(value)
        return {name: np.array(values) for name, values in rows.items()}

    def statuses(self) -> dict[str, int]:
        """How the fits of all decoders ended, counted; those in closed form do not end."""
        counts: Counter[str] = Counter()
        for one in self.decoders.values():
            if isinstance(one.found, Search):
                counts.update(one.found.fits.statuses())
                counts.update({} if one.found.inner is None else one.found.inner.statuses())
        return dict(counts)

    def predict(
        self, x: ArrayLike, trials: ArrayLike | None = None, decoder: str | None = None
    ) -> np.ndarray:
        """New samples (sample, *feature) by the decoder chosen, or another of `decoders`.

        Args:
          x: of a time series, in order: its past is laid out as it was for fitting.
          trials: (sample,) labels; no past reaches over an edge.
          decoder: its name.

        Returns:
          (sample, output) in the units of `y`, or probabilities (sample, class).
        """
        return self._in_units(self.decoders[decoder or self.chosen].predict(x, trials))

    def _in_units(self, prediction: np.ndarray) -> np.ndarray:
        return prediction if self.classes else prediction * self.spread + self.centre

    def report(self, folder: str | os.PathLike, title: str | None = None) -> Path:
        """Writes `report.html`, its figures, `fits.csv` and `summary.json` into `folder`.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.decoding.decoded_page import write_page

        return write_page(self, Path(folder), title)

    def save(self, path: str | os.PathLike) -> None:
        """Writes all of this into one file, for `jaxneuro.load`; see `Search.save`.

        Raises:
          OSError: it cannot be written.
        """
        from jaxneuro.decoding.decoded_saved import save

        save(self, Path(path))
