"""The report's files: strict, escaped, written whole or not at all; and the extra it needs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from matplotlib.figure import Figure

from jaxneuro import report
from jaxneuro.report import figures, html
from jaxneuro.report.page import REQUIRED

EVIL = "<script>alert('&')</script>"
SUMMARY = {
    "job": "neuron_activity",
    "data": EVIL,
    "model": "core + readout",
    "fits": np.int64(3),
    "compile_seconds": 1.5,
    "run_seconds": np.float32(0.5),
    "score": np.float64(0.4512),
    "score_name": "mean correlation",
    "baseline": float("nan"),
    "statuses": {"converged": np.int32(2), EVIL: 1},
    "models": {"cnn": np.array([0.1, np.inf]), "path": Path("a/b")},
}
FITS = {
    "neuron": np.arange(3),
    "status": ["converged", 'a "quoted", name', EVIL],
    "score": np.array([0.1, np.nan, 1 / 3]),
    "loss": [np.float32(0.1), None, 1e-300],
}


class Page(HTMLParser):
    """Checks that every tag is closed in its turn; collects text, tags, and what would load."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.loads, self.attributes, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [value for _, value in attrs]
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def write(out: Path, **changes: Any) -> None:
    arguments: dict[str, Any] = {
        "title": f"Title {EVIL}",
        "lead": f"Lead {EVIL}",
        "summary": SUMMARY,
        "fits": FITS,
        "tables": [
            report.Table(
                EVIL,
                (EVIL, "score", "size"),
                [(EVIL, np.float32(-0.0451), 12345), ("b", float("nan"), 1)],
                EVIL,
            )
        ],
        "figures": [report.Figure("a/b <c>", EVIL, figures.curve([1, 2], {"a": [1, 2]}, "x", "y"))],
        "notes": [EVIL],
        "provenance": {EVIL: EVIL, "citation": "https://doi.org/10.0/0"},
    }
    report.write(out, **(arguments | changes))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_writes_exactly_its_files_and_the_same_bytes_again(tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    write(out)
    first = contents(out)
    assert set(first) == {"summary.json", "fits.csv", "report.html", "a-b-c-.png"}
    write(out)
    assert contents(out) == first


def test_summary_is_strict_json(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    write(tmp_path)
    read = json.loads((tmp_path / "summary.json").read_text(), parse_constant=refuse)
    assert set(REQUIRED) <= set(read)
    assert (read["fits"], read["run_seconds"], read["score"]) == (3, 0.5, 0.4512)
    assert read["baseline"] is None
    assert read["statuses"] == {"converged": 2, EVIL: 1}
    assert read["models"] == {"cnn": [0.1, None], "path": "a/b"}


def test_fits_survive_the_round_trip_to_the_bit(tmp_path: Path) -> None:
    write(tmp_path)
    header, *rows = csv.reader(io.StringIO((tmp_path / "fits.csv").read_text(), newline=""))
    neuron, status, score, loss = zip(*rows, strict=True)
    assert header == list(FITS)
    assert neuron == ("0", "1", "2")
    assert list(status) == FITS["status"]
    assert (float(score[0]), score[1], float(score[2])) == (0.1, "", 1 / 3)
    assert (float(loss[0]), loss[1], float(loss[2])) == (float(np.float32(0.1)), "", 1e-300)


def test_page_is_closed_escaped_and_self_contained(tmp_path: Path) -> None:
    write(tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags and "link" not in page.tags
    assert len(page.loads) == 1 and page.loads[0].startswith("data:image/png;base64,")
    assert page.text.count(EVIL) == 14  # everywhere that it was put, as text
    assert page.attributes.count(EVIL) == 1  # the picture's alternative
    for shown in ("0.451", "−0.045", "12,345", "6.00", "2 converged", "3 of 3 rows"):
        assert shown in page.text


def test_headline_and_columns_are_escaped_too(tmp_path: Path) -> None:
    evil = dict.fromkeys(("job", "model", "score_name"), EVIL)
    write(tmp_path, summary=SUMMARY | evil, fits={EVIL: ["{{ 1 + 1 }}"]})
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert page.text.count(EVIL) == 14 - 1 + 4  # no status cell; job, model, score, column
    assert "{{ 1 + 1 }}" in page.text


def test_quotes_are_the_standard_library_s(tmp_path: Path) -> None:
    note = 'the "article\'s" own'
    write(tmp_path, notes=[note])
    assert escape(note) in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_page_needs_no_tables_figures_notes_or_rows(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"tables": [], "figures": [], "notes": [], "provenance": {}}
    write(tmp_path, **nothing, fits={"neuron": []})
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Provenance" not in page.text and "What these numbers are not" not in page.text
    assert (tmp_path / "fits.csv").read_text() == "neuron\n"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"summary": {"job": "x", "fits": 1}}, ValueError, "missing data, model, compile_seconds"),
        ({"summary": SUMMARY | {"more": [{1j}]}}, TypeError, r"summary\['more'\]\[0\]\[0\].*1j"),
        ({"fits": {"a": [1, 2], "b": [1]}}, ValueError, r"equally long, got \{'a': 2, 'b': 1\}"),
        ({"fits": {"a": np.ones((2, 2))}}, ValueError, r"fits\['a'\]: .* got shape \(2, 2\)"),
        ({"fits": {"a": np.ones(())}}, ValueError, r"fits\['a'\]: .* got shape \(\)"),
        ({"figures": [report.Figure("a", "", Figure())] * 2}, ValueError, "names must differ"),
        ({"tables": [report.Table("T", ("a",), [(1, 2)])]}, ValueError, "'T': row 0 has 2 cells"),
    ],
)
def test_refuses_and_keeps_what_was_there(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    write(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(error, match=message):
        write(tmp_path, title="another", **changes)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_a_full_disk_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    write(tmp_path)
    before = contents(tmp_path)

    def fail(path: Path, *_: object) -> None:
        path.touch()
        raise OSError("disk full")

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path, title="another")
    assert contents(tmp_path) == before


def test_closing_table_lines_up() -> None:
    sure = SUMMARY | {"job": "areas", "score": 0.9, "interval": [0.85, 0.95], "fits": 1200}
    table = report.closing_table([SUMMARY, sure])
    header, rule, first, second = table.splitlines()
    assert " ".join(header.split()) == "job data model fits seconds held-out 95 % baseline score"
    assert set(rule) == {"-", " "}
    assert first.split()[-6:] == ["3", "2.00", "0.451", "-", "mean", "correlation"]
    assert first.index("mean") == second.index("mean") == header.index("score")
    assert "1,200" in second and "0.900  0.850 to 0.950" in second


def test_versions() -> None:
    found = report.versions()
    assert " ".join(found) == "jaxneuro jax jaxlib flax optax numpy Python device"
    assert found["numpy"] == np.__version__
    assert all(isinstance(value, str) and value for value in found.values())


def test_the_library_imports_no_extra() -> None:
    code = (
        "import sys, jaxneuro; assert 'jaxneuro.report' not in sys.modules; import jaxneuro.report;"
        "assert not {'matplotlib', 'jinja2', 'experiments'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_extra_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html._environment.cache_clear()
    for module in ("matplotlib", "jinja2"):
        monkeypatch.setitem(sys.modules, module, None)
    remedy = r'pip install "jaxneuro\[report\]"'
    with pytest.raises(ImportError, match=remedy):
        figures.scores([0.1], ["a"], "r")
    with pytest.raises(ImportError, match=remedy):
        write(tmp_path / "out", figures=[])
    assert not (tmp_path / "out").exists()
