"""The page is for everybody: read aloud, by keyboard, on paper, on a telephone."""

import itertools
import re
import shutil
import subprocess
from html.parser import HTMLParser

import jax.numpy as jnp
import pytest
from helpers import POISSON, SAMPLES, TARGETS, problem
from matplotlib.figure import Figure as Canvas

from jaxneuro import axes, splits
from jaxneuro.crossval import search
from jaxneuro.report import Figure, Table, write

VOID = {"meta", "img", "br", "hr"}
SUMMARY = {
    "job": "neural_decoding", "data": "a recording", "model": "ridge", "fits": 2,
    "compile_seconds": 1.0, "run_seconds": 2.0, "score": 0.5, "score_name": "held-out R²",
    "baseline": 0.0, "statuses": {"converged": 2},
}  # fmt: skip


class Page(HTMLParser):
    """Elements in order, (tag, attributes); and what each heading, caption and cell says."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        for _, place in self.open:
            self.text[place] = self.text.get(place, "") + data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _written(folder):
    picture = Canvas(figsize=(7, 3), dpi=150)
    picture.subplots().plot([0, 1], [0, 1])
    columns = tuple(f"a rather long name {i}" for i in range(12))
    write(
        folder,
        title="Decoding",
        lead="What is decoded from what.",
        summary=SUMMARY,
        fits={"model": ["ridge", "ridge"], "loss": [1.0, 2.0]},
        tables=[Table("Scores", ("model", "R²"), [["ridge", 0.5]], "held out"),
                Table("Wide", columns, [list(range(12))])],
        figures=[Figure("scores", "Held-out R² of each model", picture)],
        notes=["one recording"],
        provenance={"licence": "CC0"},
    )  # fmt: skip


def _of_a_search(folder):
    def folds(samples):
        return splits.k_fold(samples, 2)

    found = search(
        POISSON, problem()._replace(held_out=jnp.zeros(SAMPLES)), axes.targets(TARGETS),
        splits.nested(folds(SAMPLES), lambda train: folds(len(train))),
        axes.grid(strength=[0.1, 3.0]),
    )  # fmt: skip
    found.report(folder, title="Decoding")


@pytest.fixture(scope="module", params=[_written, _of_a_search])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    request.param(folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(path):
    found = Page(path.read_text())
    assert not found.open  # every element is closed
    return found


def test_it_says_its_language_title_and_width(page):
    assert page.of("html")[0]["lang"] == "en"
    assert "width=device-width" in next(m["content"] for m in page.of("meta") if "content" in m)
    assert "user-scalable" not in str(page.of("meta"))  # who needs to may zoom
    titles = [page.text[i] for i, (tag, _) in enumerate(page.elements) if tag in ("title", "h1")]
    assert titles == ["Decoding", "Decoding"]
    assert len(page.of("main")) == 1


def test_headings_stand_in_order_and_none_is_empty(page):
    places = [i for i, (tag, _) in enumerate(page.elements) if re.fullmatch("h[1-6]", tag)]
    levels = [int(page.elements[i][0][1]) for i in places]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(page.text.get(i, "").strip() for i in places)
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


def test_pictures_are_told_in_words(page):
    assert page.of("img") and all(image.get("alt", "").strip() for image in page.of("img"))
    assert len(page.of("figcaption")) == len(page.of("figure")) == len(page.of("img"))


def test_tables_have_heads_and_scroll_by_keyboard(page):
    assert page.of("table")
    assert all(head.get("scope") == "col" for head in page.of("th"))
    around = [attributes for _, attributes in page.elements if attributes.get("class") == "wide"]
    assert len(around) == len(page.of("table"))
    for one in around:
        assert one["tabindex"] == "0" and one["role"] == "region"
    names = [one["aria-labelledby"] for one in around]
    assert len(set(names)) == len(names)
    assert set(names) <= {a.get("id") for tag, a in page.elements if tag == "h2"}


def test_letters_stand_out_from_the_paper(path):
    """WCAG 2.1, 1.4.3 (AA): a contrast of 4.5 or more, in light and in dark."""
    style = re.search(r"<style>(.*?)</style>", path.read_text(), flags=re.DOTALL)
    assert style
    schemes = re.findall(r":root \{(.*?)\}", style[1], flags=re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): #(\w+)", scheme))
        for name in ("ink", "soft", "accent"):
            assert _contrast(colours[name], colours["paper"]) >= 4.5, (name, colours)
    assert _contrast("000", "ffffff") == pytest.approx(21)


def test_paper_is_thought_of(path):
    printed = path.read_text().split("@media print", 1)[1]
    assert "break-inside: avoid" in printed and "overflow: visible" in printed


@pytest.mark.slow
def test_it_opens_on_a_telephone(path, tmp_path):
    """Nothing but tables, which scroll by themselves, is wider than the screen."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                   "google-chrome"))), None)  # fmt: skip
    if browser is None:
        pytest.skip("no Chromium on this machine")
    size = "[innerWidth, document.documentElement.scrollWidth]"
    told = f'<script>parent.postMessage({size}, "*")</script></body>'
    (tmp_path / "report.html").write_text(path.read_text().replace("</body>", told))
    outer = tmp_path / "telephone.html"  # Chromium's windows are no narrower than 500; frames are
    outer.write_text(
        "<body><script>onmessage = e => { document.body.dataset.found = e.data }</script>"
        '<iframe width="360" height="700" style="border: 0" src="report.html"></iframe></body>'
    )
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
         "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = re.search(r'data-found="(\d+),(\d+)"', done.stdout)
    assert found, done.stderr[-2000:]
    assert int(found[1]) == 360 and int(found[2]) <= 360


def _contrast(one: str, other: str) -> float:
    brighter, darker = sorted(map(_luminance, (one, other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.1."""
    colour = colour if len(colour) == 6 else "".join(2 * c for c in colour)
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
