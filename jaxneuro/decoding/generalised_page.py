"""The page of decoders of windows: when, and from which window to which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxneuro import report
from jaxneuro.report import Figure, Table, figures

if TYPE_CHECKING:
    from jaxneuro.decoding.generalisation import Generalisation

_NOTE = (
    "p is of the greatest accuracy anywhere, by labels that changed places: corrected for all "
    "windows. The greatest of many accuracies is too good for the window that has it: what it "
    "would be there in new trials is less."
)


def write_page(found: Generalisation, folder: Path, title: str | None, unit: str) -> Path:
    """See `Generalisation.report`."""
    course, label = found.accuracy.ndim == 1, f"window ({unit})" if unit else "window"
    values = found.accuracy
    at = None if np.isnan(values).all() else np.unravel_index(np.nanargmax(values), values.shape)
    permutations = 0 if found.null is None else len(found.null)
    report.write(
        folder,
        title=title or ("Decoding over time" if course else "Generalisation over time"),
        lead=f"A {found.decoder} decoder in each of {len(found.windows)} windows"
        + (", tested there" if course else ", tested in all of them")
        + f": {len(found.classes)} categories, {found.codes.shape[-1]} trials, "
        f"{len(found.folds)} folds.",
        summary={
            "job": "sliding" if course else "generalise",
            "data": f"{found.codes.shape[-1]:,} trials",
            "model": found.decoder,
            "fits": len(found.windows) * len(found.folds) * (permutations + 1),
            "compile_seconds": None,
            "run_seconds": found.seconds,
            "score": None if at is None else float(values[at]),
            "score_name": "held-out accuracy in the best window",
            "baseline": found.chance,
            "statuses": {"fitted": int(np.isfinite(found.fold_accuracy).sum()),
                         "undefined": int(np.isnan(found.fold_accuracy).sum())},
            "p": None if at is None or found.p is None else float(found.p[at]),
        },
        fits=found.table(),
        tables=_tables(found, at),
        figures=_pictures(found, course, label),
        notes=[] if found.p is None else [_NOTE],
        provenance=report.versions(),
    )  # fmt: skip
    return folder / "report.html"


def _tables(found: Generalisation, at: Any) -> list[Table]:
    if at is None:
        return []
    rows: list[tuple] = [
        ("largest class", found.chance, ""),
        ("best window", found.accuracy[at], ""),
    ]
    if found.p is not None:
        rows[1] = ("best window", found.accuracy[at], float(found.p[at]))
        rows.append(
            (f"windows of p ≤ .05: {int((found.p <= 0.05).sum())} of {found.p.size}", "", "")
        )
    where = " → ".join(str(found.windows[i]) for i in at)
    return [Table(f"Best: {where}", ("", "held-out accuracy", "p"), rows)]


def _pictures(found: Generalisation, course: bool, label: str) -> list[Figure]:
    significant = None if found.p is None else found.p <= 0.05
    if course:
        drawn = figures.course(found.windows, found.accuracy, found.fold_accuracy, found.chance,
                               significant, label.capitalize())  # fmt: skip
        return [Figure("course", "Held-out accuracy in each window; folds faintly.", drawn)]
    drawn = figures.generalised(found.windows, found.accuracy, found.chance, significant, label)
    diagonal = found.fold_accuracy.diagonal(axis1=1, axis2=2)
    own = figures.course(found.windows, found.accuracy.diagonal(), diagonal, found.chance,
                         None if significant is None else significant.diagonal(),
                         label.capitalize())  # fmt: skip
    caption = "Held-out accuracy by the windows trained and tested in; lines around p ≤ .05."
    return [
        Figure("generalisation", caption, drawn),
        Figure("course", "The diagonal: trained and tested in the same window.", own),
    ]
