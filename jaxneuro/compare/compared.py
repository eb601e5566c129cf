"""What a comparison found: contenders on identical folds, and those that were chosen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.compare.contender import Contender
from jaxneuro.compare.kinds import Kind
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import Certainty


class Job(NamedTuple):
    """What a job calls things.

    Attributes:
      name: of `summary.json`.
      title: of the page.
      word: a contender.
      kind: of the file.
      kinds: what contenders may have found beside searches and classifiers in closed form.
    """

    name: str
    title: str
    word: str
    kind: str
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, repr=False)
class Compared:
    """Every contender on the same held-out samples.

    Attributes:
      contenders: by name.
      chosen: the name of the best on inner folds, over all outer folds.
      by_fold: (outer,) the name of the best on the inner folds of each outer fold, by which
        `predictions` are made: what is held out has no say in them.
      observed: `y` (sample, output) as it was given, or (sample,) numbers of the classes.
      classes: (class,) their names; empty of outputs.
      centre, spread: (output,) the units that contenders were fitted in; of categories empty.
      sure: by contender, held-out R² of each output, or accuracy, with intervals, p and q.
      certain: the same of `predictions`.
      splits: what was held out, and how the rest was split.
      constant: held-out R², mean over outputs, of the mean of what was fitted; or the accuracy of
        the class most frequent there.
      dt: seconds between samples; None: no time series.
      notes: what was decided, and why.
      balanced: whether the score is balanced accuracy.
      groups: (sample,) numbers of what no fold divides; None: nothing.
    """

    contenders: Mapping[str, Contender]
    chosen: str
    by_fold: tuple[str, ...]
    observed: np.ndarray
    classes: tuple[str, ...]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    sure: Mapping[str, Certainty]
    certain: Certainty
    splits: NestedSplits
    constant: float
    dt: float | None
    notes: tuple[str, ...]
    balanced: bool = False
    groups: NDArray[np.int64] | None = None

    job: ClassVar[Job] = Job("comparison", "Comparison", "contender", "jaxneuro compared")

    def __repr__(self) -> str:
        best = self.certain
        return (
            f"<{len(self.contenders)} {self.job.word}s, {self.told} chosen: held-out "
            f"{self.score_name} {best.mean:.3f} ({best.mean_low:.3f} to {best.mean_high:.3f}), "
            f"constant {self.constant:.3f}; {self.total} fits>"
        )

    @property
    def told(self) -> str:
        """Who was chosen, in words; by how many outer folds, if they differ."""
        counts = Counter(self.by_fold).most_common()
        if len(counts) == 1:
            return counts[0][0]
        return ", ".join(f"{name} ({count})" for name, count in counts)

    @property
    def score_name(self) -> str:
        if not self.classes:
            return "R²"
        return "balanced accuracy" if self.balanced else "accuracy"

    @property
    def total(self) -> int:
        """Fits run, searches and refits of all contenders."""
        return sum(one.fits for one in self.contenders.values())

    @property
    def compile_seconds(self) -> float:
        return sum(one.compile_seconds for one in self.contenders.values())

    @property
    def run_seconds(self) -> float:
        """Of contenders that are not fitted by `fit_many`, compilation included."""
        return sum(one.run_seconds for one in self.contenders.values())

    @property
    def held(self) -> NDArray[np.bool_]:
        """(sample,) what some outer fold holds out."""
        return np.any(self.splits.test[:, -1] > 0, axis=0)

    @property
    def predictions(self) -> np.ndarray:
        """Of what was chosen in each outer fold: (sample, output) in the units of `y`, or
        probabilities (sample, class); NaN where not held out."""
        each = {name: one.predictions for name, one in self.contenders.items()}
        return self._in_units(pooled(each, self.by_fold, self.splits))

    def predictions_of(self, name: str) -> np.ndarray:
        """Of one contender, likewise."""
        return self._in_units(self.contenders[name].predictions)

    def table(self) -> dict[str, np.ndarray]:
        """One row a contender and output (of categories a contender): its held-out score with
        interval, p and q, its inner score, what was chosen for it, how many fits it took and how
        long."""
        rows: dict[str, list[Any]] = {}
        options = dict.fromkeys(n for one in self.contenders.values() for n in one.chosen)
        for name, one in self.contenders.items():
            sure = self.sure[name]
            score, low, high, p, q = (np.ravel(part) for part in sure[:5])
            for i in range(len(score)):
                row = {
                    self.job.word: name,
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
        """How the fits of all contenders ended, counted; those in closed form do not end."""
        counts: Counter[str] = Counter()
        for one in self.contenders.values():
            if isinstance(one.found, Search):
                counts.update(one.found.fits.statuses())
                counts.update({} if one.found.inner is None else one.found.inner.statuses())
        return dict(counts)

    def _predict(self, x: ArrayLike, trials: ArrayLike | None, name: str | None) -> np.ndarray:
        """New samples by the contender chosen, or another."""
        return self._in_units(self.contenders[name or self.chosen].predict(x, trials))

    def _in_units(self, prediction: np.ndarray) -> np.ndarray:
        return prediction if self.classes else prediction * self.spread + self.centre

    def report(self, folder: str | os.PathLike, title: str | None = None) -> Path:
        """Writes `report.html`, its figures, `fits.csv` and `summary.json` into `folder`.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.compare.page import write_page

        return write_page(self, Path(folder), title)

    def save(self, path: str | os.PathLike) -> None:
        """Writes all of this into one file, for `jaxneuro.load`; see `Search.save`.

        Raises:
          OSError: it cannot be written.
        """
        from jaxneuro.compare.kept import save

        save(self, Path(path))


def pooled(
    each: Mapping[str, np.ndarray], by_fold: tuple[str, ...], splits: NestedSplits
) -> np.ndarray:
    """(sample, ...) each held-out sample by the contender that its outer fold chose; the mean over
    outer folds that hold it out."""
    shape, dtype = each[by_fold[0]].shape, np.result_type(*(each[name] for name in by_fold))
    total = np.zeros(shape, dtype)
    test = splits.test[:, -1] > 0
    for name, held in zip(by_fold, test, strict=True):
        total[held] += each[name][held]
    count = test.sum(axis=0).reshape(-1, *[1] * (len(shape) - 1))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(dtype)
