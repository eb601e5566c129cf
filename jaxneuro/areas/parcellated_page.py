"""The page of areas of people: how well each is told, and what is taken for what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxneuro import report
from jaxneuro.metrics.classes import confusion_matrix
from jaxneuro.report import Figure, Table, figures

if TYPE_CHECKING:
    from jaxneuro.areas.parcellated import Parcellation

_CONFUSED = 10  # pairs of areas in the table
_NOTE = (
    "No subject's labels taught the fit that told them, or chose its candidate, shrinkage, "
    "smoothing and temperature. With an atlas of the same areas in everybody, an accuracy is as "
    "much about registration as about brains."
)


def write_page(found: Parcellation, folder: Path, title: str | None) -> Path:
    """See `Parcellation.report`."""
    subjects, units = found.labels.shape
    places = found.labels.size
    codes = np.searchsorted(found.classes, found.labels).ravel()
    told = found.individual.probabilities.reshape(places, -1)
    counts = np.asarray(confusion_matrix(codes, told), np.int64)
    of_area = counts.sum(axis=1)
    largest = float(of_area.max() / places)
    unsure = int(found.individual.unsure.sum())
    report.write(
        folder,
        title=title or "Areas of people",
        lead=f"Areas of {units} places in each of {subjects} subjects, told by what the others' "
        f"labels taught: {len(found.classes)} areas.",
        summary={
            "job": "parcellate",
            "data": f"{subjects} subjects × {units} places",
            "model": str(found.chosen[-1]["candidate"]),
            "fits": subjects,
            "compile_seconds": None,
            "run_seconds": None,
            "score": float(found.accuracy.mean()),
            "score_name": "accuracy in subjects left out",
            "baseline": largest,
            "statuses": {"sure": places - unsure, "unsure": unsure},
        },
        fits=found.table(),
        tables=[_confused(counts, found.classes)],
        figures=[
            Figure(
                "subjects",
                "Accuracy in each subject; the line is the largest area's share.",
                figures.scores(found.accuracy, range(subjects), "accuracy", largest),
            ),
            Figure(
                "areas",
                "Share of each area's places that are told as it.",
                figures.scores(counts.diagonal() / of_area, list(found.classes), "share told"),
            ),
        ],
        notes=[_NOTE],
        provenance=report.versions(),
    )
    return folder / "report.html"


def _confused(counts: np.ndarray, classes: np.ndarray) -> Table:
    wrong = counts - np.diag(counts.diagonal())
    worst = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSED]
    pairs = zip(*np.unravel_index(worst, wrong.shape), strict=True)
    rows = [(str(classes[i]), str(classes[j]), int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
    title = f"Most often confused, of {int(wrong.sum()):,} places of all subjects"
    return Table(title, ("area", "taken for", "places"), rows)
