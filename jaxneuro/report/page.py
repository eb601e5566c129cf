"""What an analysis leaves behind: `summary.json`, `fits.csv`, PNG figures and one `report.html`.

The page is a single file: figures and style are inside it, it runs no script and loads nothing,
so it can be mailed, printed, or opened in ten years.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxneuro.report import html
from jaxneuro.report.values import as_columns, as_csv, number, plain

if TYPE_CHECKING:
    import matplotlib.figure

REQUIRED = (
    "job",
    "data",
    "model",
    "fits",
    "compile_seconds",
    "run_seconds",
    "score",
    "score_name",
    "baseline",
    "statuses",
)
"""The keys that every `summary.json` has."""

PREVIEW = 10
"""The rows of `fits.csv` that the page shows."""


class Figure(NamedTuple):
    """A picture: `name` becomes the file's name, `caption` stands below it on the page."""

    name: str
    caption: str
    figure: matplotlib.figure.Figure


class Table(NamedTuple):
    """A table of the page. Identifiers go in as strings: numbers are rounded and grouped."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    note: str = ""


def write(
    out: Path,
    *,
    title: str,
    lead: str,
    summary: Mapping[str, Any],
    fits: Mapping[str, Sequence[object] | np.ndarray],
    tables: Sequence[Table] = (),
    figures: Sequence[Figure] = (),
    notes: Sequence[str] = (),
    provenance: Mapping[str, str] = {},
) -> None:
    """Write the results of one analysis into the directory `out`.

    Everything is rendered before the first file is touched, and each file replaces its predecessor
    in one step, `summary.json` last: whoever finds a new summary finds all that belongs to it.

    Args:
        out: the directory; made where it does not exist.
        title: the page's heading.
        lead: one paragraph: the question, the data, the answer.
        summary: has at least the keys in `REQUIRED`; `run_seconds` leaves compilation out. NaN and
            infinity become `null`.
        fits: column name -> (fit,), one value per fit. NaN becomes an empty cell.
        tables: shown in this order, after the headline numbers.
        figures: embedded in the page, and written as `<name>.png` too.
        notes: what these numbers are not, a sentence each.
        provenance: data licence, citation, versions, command, ...

    Raises:
        ValueError: a required key is missing, columns or a table's rows differ in length, or two
            figures share a name.
        TypeError: the summary holds something that JSON cannot say.
        ImportError: Jinja2 is not installed.
    """
    if missing := [key for key in REQUIRED if key not in summary]:
        raise ValueError(f"summary: missing {', '.join(missing)}")
    facts = plain(summary, "summary")
    columns = as_columns(fits)
    pictures = {re.sub(r"[^\w.-]+", "-", f.name) + ".png": _png(f.figure) for f in figures}
    if len(pictures) < len(figures):
        raise ValueError(f"figures: names must differ, got {[f.name for f in figures]}")
    page = html.render(
        title=title,
        lead=lead,
        facts=facts,
        tables=[html.grid(*table) for table in tables],
        figures=[
            html.picture(f.caption, png) for f, png in zip(figures, pictures.values(), strict=True)
        ],
        notes=notes,
        fits=html.grid(*_preview(columns, facts["statuses"])),
        provenance=provenance,
    )
    files = pictures | {
        "fits.csv": as_csv(columns).encode(),
        "report.html": page.encode(),
        "summary.json": (json.dumps(facts, indent=2, allow_nan=False) + "\n").encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _replace(out / name, content)


def _preview(columns: Mapping[str, list[Any]], statuses: Mapping[str, int]) -> Table:
    """How the fits ended, and the first of them."""
    rows = list(zip(*columns.values(), strict=True))
    shown = rows[:PREVIEW]
    ends = ", ".join(f"{number(count)} {status}" for status, count in statuses.items())
    some = f"The first {len(shown)} of {len(rows):,} rows of fits.csv." if rows else ""
    return Table("Fits", tuple(columns), shown, f"How they ended: {ends}. {some}")


def _png(figure: matplotlib.figure.Figure) -> bytes:
    """The picture's bytes; the same picture gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _replace(path: Path, content: bytes) -> None:
    """Write `path` in one step: a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
