"""The report writer: strict files, written whole or not at all, and pictures without warnings."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402

from experiments import figures, report  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error")

EVIL = "<script>alert('&')</script>"
RANDOM = np.random.default_rng(0)
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
        self.open, self.tags, self.loads, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
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
    assert set(report.REQUIRED) <= set(read)
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
    for shown in ("0.451", "−0.045", "12,345", "6.00", "2 converged", "3 of 3 rows"):
        assert shown in page.text


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
    table = report.closing_table([SUMMARY, SUMMARY | {"job": "areas", "score": 0.9, "fits": 1200}])
    header, rule, first, second = table.splitlines()
    assert header.split() == [
        "job",
        "data",
        "model",
        "fits",
        "seconds",
        "held-out",
        "baseline",
        "score",
    ]
    assert set(rule) == {"-", " "}
    assert first.split()[-6:] == ["3", "2.00", "0.451", "-", "mean", "correlation"]
    assert first.index("mean") == second.index("mean") == header.index("score")
    assert "1,200" in second and "0.900" in second


def test_versions() -> None:
    pytest.importorskip("jax")
    found = report.versions()
    assert list(found) == [
        "jaxneuro",
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "numpy",
        "Python",
        "device",
    ]
    assert found["numpy"] == np.__version__
    assert all(isinstance(value, str) and value for value in found.values())


TIME = np.linspace(0, 5, 200)
NOISY = np.where(np.arange(200) % 7, RANDOM.normal(size=200), np.nan)
FIELD = RANDOM.normal(size=(8, 12))
MAP = np.where(np.add.outer(np.arange(20), np.arange(30)) % 9, RANDOM.integers(0, 7, (20, 30)), -1)
NETWORKS = [name.capitalize() for name in figures.NETWORKS]
PICTURES: dict[str, Callable[[], Figure]] = {
    "traces": lambda: figures.traces(TIME, np.sin(TIME), {"gru": NOISY}, "Force (N)", "Block 3"),
    "traces alone": lambda: figures.traces(TIME, NOISY, {}, "Rate (spikes/s)"),
    "scores": lambda: figures.scores(
        ["ridge", "a long name of a network", "none", "one"],
        {"ridge": NOISY, "a long name of a network": NOISY, "none": [np.nan], "one": 0.5},
        0.2,
        "Correlation",
    ),
    "scores alone": lambda: figures.scores(["ridge"], {"ridge": [0.1, 0.2]}, None, "Accuracy"),
    "scatter": lambda: figures.scatter(NOISY, NOISY[::-1], "Linear", "Network"),
    "scatter free": lambda: figures.scatter(TIME, NOISY, "Time (s)", "Score", identity=False),
    "scatter empty": lambda: figures.scatter([np.nan], [1.0], "x", "y"),
    "images": lambda: figures.images([FIELD] * 5, ["a", "b", "c", "", ""], 3),
    "images grey": lambda: figures.images([FIELD, FIELD * 0], ["", ""], 2, symmetric=False),
    "images empty": lambda: figures.images([FIELD * np.nan] * 2, ["a", "b"], 1),
    "curve": lambda: figures.curve(
        [1e-3, 1.0, 10.0], {"adam": [3, 2, np.nan], "lbfgs": [3, 1, 1]}, "L2", "Loss", True, 0.9
    ),
    "curve linear": lambda: figures.curve([1, 2, 3], {"a": [1, 2, 3]}, "Layers", "Accuracy"),
    "confusion": lambda: figures.confusion([[8, 2, 0], [0, 0, 0], [1, 0, 99]], ["a", "b", "c"]),
    "label map": lambda: figures.label_map([("True", MAP), ("Predicted", MAP)], NETWORKS, MAP == 3),
    "label map other": lambda: figures.label_map([("True", MAP)], list("abcdefg")),
    "histogram": lambda: figures.histogram({"a": NOISY, "b": TIME}, "Score", reference=4.0),
    "histogram empty": lambda: figures.histogram({"a": []}, "Score"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_draws(tmp_path: Path, name: str) -> None:
    style = dict(matplotlib.rcParams)
    figure = PICTURES[name]()
    figure.savefig(tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    width, height = (int.from_bytes(content[start : start + 4]) for start in (16, 20))
    assert min(width, height) >= 140 and len(content) > 1_000
    assert dict(matplotlib.rcParams) == style


def test_networks_keep_their_customary_colours() -> None:
    (legend,) = figures.label_map([("True", MAP)], NETWORKS).legends
    colours = [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    assert colours == [colour.lower() for colour in figures.NETWORKS.values()]


def test_an_image_has_its_own_scale_around_zero() -> None:
    first, second = (
        axes.images[0] for axes in figures.images([FIELD, -9 * FIELD], ["", ""], 2).axes
    )
    top = np.abs(FIELD).max()
    assert first.get_clim() == (-top, top)
    assert second.get_clim() == (-9 * top, 9 * top)
