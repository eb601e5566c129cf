"""What an experiment leaves behind: `summary.json`, `fits.csv`, PNG figures and one `report.html`.

The report is a single file: figures and style are inside it, it runs no script and loads nothing,
so it can be mailed, printed, or opened in ten years.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

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
"""The rows of `fits.csv` that the report shows."""


class Figure(NamedTuple):
    """A picture: `name` becomes the file's name, `caption` stands below it in the report."""

    name: str
    caption: str
    figure: matplotlib.figure.Figure


class Table(NamedTuple):
    """A table of the report. Identifiers go in as strings: numbers are rounded and grouped."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    note: str = ""


def write(
    out: Path,
    *,
    title: str,
    lead: str,
    summary: dict[str, Any],
    fits: Mapping[str, Sequence[object] | np.ndarray],
    tables: Sequence[Table] = (),
    figures: Sequence[Figure] = (),
    notes: Sequence[str] = (),
    provenance: Mapping[str, str] = {},
) -> None:
    """Write one experiment's results into the directory `out`.

    Everything is rendered before the first file is touched, and each file replaces its predecessor
    in one step, `summary.json` last: whoever finds a new summary finds all that belongs to it.

    Args:
        out: the directory; made where it does not exist.
        title: the report's heading.
        lead: one paragraph: the question, the data, the answer.
        summary: has at least the keys in `REQUIRED`; `run_seconds` leaves compilation out. NaN and
            infinity become `null`.
        fits: column name -> one value per fit. NaN becomes an empty cell.
        tables: shown in this order, after the headline numbers.
        figures: embedded in the report, and written as `<name>.png` too.
        notes: what these numbers are not, a sentence each.
        provenance: data licence, citation, versions, command, ...

    Raises:
        ValueError: a required key is missing, columns differ in length, or two figures share a
            name.
        TypeError: the summary holds something that JSON cannot say.
    """
    if missing := [key for key in REQUIRED if key not in summary]:
        raise ValueError(f"summary: missing {', '.join(missing)}")
    facts = _plain(summary, "summary")
    columns = _columns(fits)
    pictures = {re.sub(r"[^\w.-]+", "-", f.name) + ".png": _png(f.figure) for f in figures}
    if len(pictures) < len(figures):
        raise ValueError(f"figures: names must differ, got {[f.name for f in figures]}")
    sections = [
        _lead(title, lead, facts),
        *map(_table, tables),
        *(_figure(f.caption, png) for f, png in zip(figures, pictures.values(), strict=True)),
        _notes(notes),
        _fits(columns, facts["statuses"]),
        _provenance(provenance),
    ]
    files = pictures | {
        "fits.csv": _csv(columns).encode(),
        "report.html": _page(title, sections).encode(),
        "summary.json": (json.dumps(facts, indent=2, allow_nan=False) + "\n").encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _replace(out / name, content)


def closing_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The last words on the terminal: a line per job. Seconds count compilation and run."""
    header = ("job", "data", "model", "fits", "seconds", "held-out", "baseline", "score")
    rows = [
        (
            *(str(facts[key]) for key in ("job", "data", "model")),
            _number(facts["fits"]),
            _number(facts["compile_seconds"] + facts["run_seconds"]),
            _number(facts["score"]),
            _number(facts["baseline"]),
            str(facts["score_name"]),
        )
        for facts in (_plain(summary, "summary") for summary in summaries)
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, tuple("-" * width for width in widths), *rows]
    aligns = "<<<>>>><"
    return "\n".join(
        "  ".join(
            f"{cell:{align}{width}}"
            for cell, align, width in zip(line, aligns, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def versions() -> dict[str, str]:
    """The software and the device that made the numbers, ready for `provenance`."""
    import platform

    import jax

    devices = jax.devices()
    count = f"{len(devices)} x " if len(devices) > 1 else ""
    packages = ("jaxneuro", "jax", "jaxlib", "flax", "optax", "numpy")
    return {name: _version(name) for name in packages} | {
        "Python": platform.python_version(),
        "device": count + devices[0].device_kind,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "from source"


# ---------------------------------------------------------------------------------------- values


def _plain(value: Any, where: str) -> Any:
    """`value` in the types of strict JSON: arrays become lists, NaN and infinity `None`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy's and JAX's arrays and scalars
        return _plain(value.tolist(), where)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where}: JSON cannot hold a {type(value).__name__}: {value!r}")


def _columns(fits: Mapping[str, Sequence[object] | np.ndarray]) -> dict[str, list[Any]]:
    """The table of fits as lists of Python values, checked to be a table."""
    for name, column in fits.items():
        if (shape := getattr(column, "shape", (0,)))[1:] or not shape:
            raise ValueError(f"fits[{name!r}]: a column has one axis, got shape {shape}")
    columns: dict[str, list[Any]] = {
        name: np.asarray(column).tolist() if hasattr(column, "shape") else list(map(_item, column))
        for name, column in fits.items()
    }
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"fits: columns must be equally long, got {lengths}")
    return columns


def _csv(columns: Mapping[str, list[Any]]) -> str:
    """Comma-separated rows; floats by `repr`, so that reading them gives the same bits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow("" if _absent(value) else value for value in row)
    return text.getvalue()


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


def _item(value: Any) -> Any:
    """A Python scalar for NumPy's and JAX's scalars; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> str:
    """A number for people: 0.412, 0.041, 3.14, 12.3, 1,234, 0.00123, 1e-05."""
    if _absent(value):
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size >= 999.5:
        return f"{value:,.0f}" if size < 1e7 else f"{value:.3g}"
    if 0.01 <= size < 1:
        return f"{value:.3f}"
    return f"{value:#.3g}".rstrip(".") if size >= 1 else f"{value:.3g}"


# ------------------------------------------------------------------------------------------ HTML

STYLE = """
:root { color-scheme: light dark; --ink: #1d2024; --soft: #626a73; --line: #dde1e6;
  --paper: #fff; --accent: #0072b2; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --soft: #98a1ab; --line: #33393f; --paper: #16181b;
    --accent: #56b4e9; }
  figure img { filter: brightness(.92); } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 3rem 1.25rem 4rem; max-width: 50rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
h1 { margin: .2rem 0 .8rem; font-size: 2rem; line-height: 1.2; letter-spacing: -.015em;
  text-wrap: balance; }
h2 { margin: 0 0 .6rem; font-size: 1.1rem; line-height: 1.3; }
p { margin: 0 0 .6rem; text-wrap: pretty; }
section, figure { margin: 2.6rem 0 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; line-height: 1.5; }
.lead { font-size: 1.125rem; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr));
  gap: 1.2rem 1.5rem; margin: 2rem 0 0; padding: 1.2rem 0; border: solid var(--line);
  border-width: 1px 0; }
.headline dd { margin: 0; }
.headline .value { font-size: 1.9rem; line-height: 1.25; font-weight: 600;
  letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.headline div:first-child .value { color: var(--accent); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
th, td { padding: .36rem 0 .36rem 1.25rem; text-align: left; vertical-align: baseline;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; }
th { font-weight: 600; vertical-align: bottom; border-bottom-color: var(--soft); }
.number { text-align: right; white-space: nowrap; }
.wide + .soft { margin-top: .6rem; }
figure img { display: block; max-width: 100%; height: auto; padding: .6rem; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; }
figcaption { margin-top: .6rem; }
ul { margin: 0; padding-left: 1.2rem; }
li + li { margin-top: .3rem; }
.facts { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .3rem 1.5rem;
  margin: 0; font-size: .875rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) {
  body { padding-top: 1.75rem; }
  h1 { font-size: 1.6rem; }
  .headline { grid-template-columns: 1fr 1fr; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .5rem; } }
@media print {
  @page { margin: 16mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, tr, .headline, li { break-inside: avoid; }
  h2 { break-after: avoid; }
  .wide { overflow: visible; }
  section, figure { margin-top: 1.8rem; }
  figure img { padding: 0; border: 0; zoom: .8; } }
"""


def _page(title: str, sections: Iterable[str]) -> str:
    body = "\n".join(filter(None, sections))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _lead(title: str, lead: str, facts: Mapping[str, Any]) -> str:
    """Heading, lead and headline numbers: the score beside the baseline, then what it cost."""
    count, compiling, running = facts["fits"], facts["compile_seconds"], facts["run_seconds"]
    rate = count / running if running else None
    total = compiling + running if None not in (compiling, running) else None
    tiles = (
        (facts["score_name"], facts["score"], f"held out, {facts['model']}"),
        ("baseline", facts["baseline"], "simplest honest model"),
        ("fits", count, ""),
        ("seconds", total, f"{_text(compiling)} to compile"),
        ("fits per second", rate, "once compiled"),
    )
    headline = "\n".join(
        f'<div><dt class="soft">{_text(name)}</dt><dd class="value">{_text(value)}</dd>'
        f'<dd class="soft">{_text(remark)}</dd></div>'
        for name, value, remark in tiles
    )
    return f"""<header>
<div class="soft">{_text(str(facts["job"]).replace("_", " "))} · {_text(facts["data"])}</div>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
<dl class="headline">
{headline}
</dl>
</header>"""


def _table(table: Table) -> str:
    """Columns that hold only numbers stand to the right."""
    rows = [[_item(value) for value in row] for row in table.rows]
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    styles = [
        ' class="number"' if any(map(_is_number, column)) and all(map(_numeric, column)) else ""
        for column in columns
    ]

    def line(tag: str, cells: Iterable[object]) -> str:
        pairs = zip(styles, cells, strict=True)
        return "<tr>" + "".join(f"<{tag}{s}>{_text(c)}</{tag}>" for s, c in pairs) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    note = f'\n<p class="soft">{escape(table.note)}</p>' if table.note else ""
    head = line("th", table.columns)
    grid = f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    return _section(table.title, f'<div class="wide">\n{grid}\n</div>{note}')


def _figure(caption: str, png: bytes) -> str:
    """The picture at its own size, so that letters are equally large in all of them."""
    pixels = int.from_bytes(png[16:20])  # where a PNG's header keeps its width
    width = pixels * 72 // 100  # seven inches at 150 dpi then fill the page
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    text = escape(caption)
    return f"""<figure>
<img width="{width}" alt="{text}" src="{source}">
<figcaption>{text}</figcaption>
</figure>"""


def _notes(notes: Sequence[str]) -> str:
    items = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return items and _section("What these numbers are not", f"<ul>\n{items}\n</ul>")


def _fits(columns: Mapping[str, list[Any]], statuses: Mapping[str, int]) -> str:
    """How the fits ended, and the first of them."""
    rows = list(zip(*columns.values(), strict=True))
    shown = rows[:PREVIEW]
    ends = ", ".join(f"{_number(count)} {status}" for status, count in statuses.items())
    some = f"The first {len(shown)} of {len(rows):,} rows of fits.csv." if rows else ""
    return _table(Table("Fits", tuple(columns), shown, f"How they ended: {ends}. {some}"))


def _provenance(provenance: Mapping[str, str]) -> str:
    items = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in provenance.items()
    )
    return items and _section("Provenance", f'<dl class="facts">\n{items}\n</dl>')


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _numeric(value: object) -> bool:
    return _is_number(value) or _absent(value)


def _text(value: object) -> str:
    """A cell: escaped text, or a number with a true minus sign."""
    if _numeric(value):
        return _number(value).replace("-", "–" if _absent(value) else "−")
    return escape(str(value))
