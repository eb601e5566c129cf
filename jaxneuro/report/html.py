"""The page, from `templates/`: every text is escaped, every number rounded for people."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxneuro.extras import needed
from jaxneuro.report.values import item, numeric, shown

if TYPE_CHECKING:
    import jinja2


class Grid(NamedTuple):
    """A table as the template takes it; columns that hold only numbers stand to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str
    numeric: Sequence[bool]


class Picture(NamedTuple):
    """An image inside the page."""

    caption: str
    width: int
    source: str


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str) -> Grid:
    """The table of `rows` (row, column).

    Raises:
        ValueError: a row is not as long as `columns`.
    """
    cells = [[item(value) for value in row] for row in rows]
    for index, row in enumerate(cells):
        if len(row) != len(columns):
            raise ValueError(
                f"table {title!r}: row {index} has {len(row)} cells, for {len(columns)} columns"
            )
    by_column = list(zip(*cells, strict=True)) or [()] * len(columns)
    return Grid(title, columns, cells, note, [numeric(column) for column in by_column])


def picture(caption: str, png: bytes) -> Picture:
    """The picture at its own size, so that letters are equally large in all of them."""
    pixels = int.from_bytes(png[16:20])  # where a PNG's header keeps its width
    width = pixels * 72 // 100  # seven inches at 150 dpi then fill the page
    return Picture(caption, width, "data:image/png;base64," + base64.b64encode(png).decode())


def render(
    *,
    title: str,
    lead: str,
    facts: Mapping[str, Any],
    tables: Sequence[Grid],
    figures: Sequence[Picture],
    notes: Sequence[str],
    fits: Grid,
    provenance: Mapping[str, str],
) -> str:
    """The whole page.

    Args:
        facts: the summary, in plain values.
        fits: the first fits, shown after figures and notes.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            lead=lead,
            job=str(facts["job"]).replace("_", " "),
            data=facts["data"],
            tiles=_tiles(facts),
            tables=tables,
            figures=figures,
            notes=notes,
            fits=fits,
            provenance=provenance,
        )
    )


def _tiles(facts: Mapping[str, Any]) -> tuple[tuple[object, object, str], ...]:
    """Headline numbers, (name, value, remark): the score, the baseline, then what it cost."""
    count, compiling, running = facts["fits"], facts["compile_seconds"], facts["run_seconds"]
    rate = count / running if running else None
    total = compiling + running if None not in (compiling, running) else None
    baseline = ("baseline", facts["baseline"], "simplest honest model")
    return (
        (facts["score_name"], facts["score"], f"held out, {facts['model']}{between(facts)}"),
        *([baseline] if facts["baseline"] is not None else []),
        ("fits", count, ""),
        ("seconds", total, f"{shown(compiling)} to compile"),
        ("fits per second", rate, "once compiled"),
    )


def between(facts: Mapping[str, Any]) -> str:
    """The score's interval in words, where there is one."""
    ends = facts.get("interval")
    return f"; 95 %: {shown(ends[0])} to {shown(ends[1])}" if ends and None not in ends else ""


@cache
def _environment() -> jinja2.Environment:
    jinja2, markup = needed("jinja2", "report"), needed("markupsafe", "report").Markup

    def finished(value: object) -> object:
        # The standard library's entities for quotes: who looks for a note in the page has them.
        return value if isinstance(value, markup) else markup(escape(str(value)))

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxneuro.report"),
        autoescape=True,
        finalize=finished,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shown"] = shown
    return environment
