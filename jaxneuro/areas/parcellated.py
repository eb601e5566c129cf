"""What `parcellate` leaves behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.areas.label_models import LabelModel, probabilities


class Labelled(NamedTuple):
    """Labels of units, alone or of each subject, (*unit) below.

    Attributes:
      labels: (*unit) the likeliest.
      probability: (*unit) its own.
      unsure: (*unit) bool: it is less than `sure`.
      probabilities: (*unit, class) of all.
    """

    labels: NDArray[Any]
    probability: NDArray[np.float32]
    unsure: NDArray[np.bool_]
    probabilities: NDArray[np.float32]


def labelled(p: NDArray[np.float32], classes: NDArray[Any], sure: float) -> Labelled:
    best = p.max(axis=-1)
    return Labelled(classes[p.argmax(axis=-1)], best, best < sure, p)


@dataclass(frozen=True, eq=False, repr=False)
class Parcellation:
    """Of `parcellate`.

    Attributes:
      classes: (class,) the labels that there are.
      labels: (subject, unit) as given.
      individual: `Labelled` of each subject (subject, unit), by a fit that never saw the subject.
      group: `Labelled` of the units (unit,): of the mean of these probabilities over subjects.
      chosen: of each subject left out, and then of all together: candidate, shrinkage, smoothing,
        temperature, and the accuracy on inner folds that chose them.
      sure: the least probability of a label that is not unsure.
      model: fitted on all subjects, for those to come; what it saw cannot be scored by it.
    """

    classes: NDArray[Any]
    labels: NDArray[Any]
    individual: Labelled
    group: Labelled
    chosen: tuple[Mapping[str, Any], ...]
    sure: float
    model: LabelModel

    def __repr__(self) -> str:
        subjects, units = self.labels.shape
        return (
            f"<{units} units, {len(self.classes)} areas, {subjects} subjects left out in turn: "
            f"accuracy {self.accuracy.mean():.3f}; {self.individual.unsure.mean():.0%} unsure>"
        )

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """(subject,) share of its units that have their label, unsure ones too."""
        return (self.individual.labels == self.labels).mean(axis=1)

    def table(self) -> dict[str, NDArray[Any]]:
        """One row a subject left out; `accuracy_sure` is NaN where nothing is sure."""
        right, sure = self.individual.labels == self.labels, ~self.individual.unsure
        count = sure.sum(axis=1)
        among = np.where(count > 0, (right & sure).sum(axis=1) / np.maximum(count, 1), np.nan)
        rows = {
            "subject": np.arange(len(right)),
            "accuracy": self.accuracy,
            "sure": sure.mean(axis=1),
            "accuracy_sure": among,
        }
        for name in self.chosen[0]:
            rows[name if name != "accuracy" else "accuracy_inner"] = np.array(
                [choice[name] for choice in self.chosen[:-1]]
            )
        return rows

    def report(self, folder: str | os.PathLike[str], title: str | None = None) -> Path:
        """Writes `report.html`: accuracy in each subject and area, what is taken for what, and what
        was chosen.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.areas.parcellated_page import write_page

        return write_page(self, Path(folder), title)

    def predict(self, x: ArrayLike) -> Labelled:
        """Areas of a subject that was not fitted.

        Args:
          x: (unit, feature), of the candidate `chosen[-1]["candidate"]`.

        Raises:
          ValueError: other shapes, or values that are not finite.
        """
        array = np.asarray(x, np.float32)
        wanted = (len(self.model.around), len(self.model.discriminant.mean))
        if array.shape != wanted or not np.isfinite(array).all():
            raise ValueError(f"x {array.shape} must be finite (unit, feature) = {wanted}")
        return labelled(probabilities(self.model, array), self.classes, self.sure)
