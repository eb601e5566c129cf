"""The report's pictures: drawn without warnings, whatever the numbers and names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib.colors
from matplotlib.figure import Figure

from jaxneuro.report import figures

RANDOM = np.random.default_rng(0)
EVIL = "$ a_name \\frac{ $^{"  # no formula
TIME = np.linspace(0, 5, 200)
NOISY = np.where(np.arange(200) % 7, RANDOM.normal(size=200), np.nan)
PAIR = RANDOM.normal(size=(600, 2))
FIELD = RANDOM.normal(size=(8, 12))
MAP = np.where(np.add.outer(np.arange(20), np.arange(30)) % 9, RANDOM.integers(0, 7, (20, 30)), -1)
NETWORKS = [name.capitalize() for name in figures.NETWORKS]
PICTURES: dict[str, Callable[[], Figure]] = {
    "traces": lambda: figures.traces(TIME, np.sin(TIME), {"gru": NOISY}, "Force (N)", "Block 3"),
    "traces alone": lambda: figures.traces(TIME, NOISY, {}, "Rate (spikes/s)"),
    "model scores": lambda: figures.model_scores(
        {"ridge": NOISY, "a long name of a network": NOISY, "none": [np.nan], "one": 0.5},
        "Correlation",
        0.2,
    ),
    "model scores alone": lambda: figures.model_scores({"ridge": [0.1, 0.2]}, "Accuracy"),
    "scores named": lambda: figures.scores(NOISY[:9], range(9), "Correlation", 0.0),
    "scores counted": lambda: figures.scores(NOISY, [EVIL] * 200, "Correlation"),
    "scores one": lambda: figures.scores([0.5], ["a"], "R²", 0.0),
    "scores undefined": lambda: figures.scores([np.nan], ["a"], "R²"),
    "course": lambda: figures.course(
        TIME[:9], NOISY[:9], NOISY[:27].reshape(3, 9), 0.5, NOISY[:9] > 0, "Time (s)"
    ),
    "course of names": lambda: figures.course(
        [EVIL] * 40, NOISY[:40], NOISY[:80].reshape(2, 40), 0.5
    ),
    "generalised": lambda: figures.generalised(
        TIME[:8], FIELD[:, :8], 0.5, FIELD[:, :8] > 1, "time (s)"
    ),
    "generalised undefined": lambda: figures.generalised(["a", EVIL], [[np.nan] * 2] * 2, 0.5),
    "generalised alone": lambda: figures.generalised([3], [[0.5]], 0.5),
    "over time": lambda: figures.observed_predicted(PAIR, PAIR + 1, [EVIL, "b"], 0.1),
    "over time empty": lambda: figures.observed_predicted(PAIR, PAIR * np.nan, "ab", 0.1),
    "against": lambda: figures.observed_predicted(PAIR[:, :1], PAIR[:, :1], [EVIL]),
    "against empty": lambda: figures.observed_predicted(PAIR, PAIR * np.nan, "ab"),
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
    "confusion of many": lambda: figures.confusion(np.eye(90), [EVIL] * 90),
    "names": lambda: figures.curve([1e-3, 1.0], {EVIL: [1, 2]}, EVIL, EVIL, logx=True),
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


def test_few_scores_stand_from_high_to_low_beside_their_names() -> None:
    (axes,) = figures.scores([0.1, np.nan, 0.3, 0.2], "abcd", "R²", 0.0).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "d", "a"]
    assert axes.lines[0].get_xdata().tolist() == [0.3, 0.2, 0.1]
    assert axes.get_title(loc="left") == "4 targets, median 0.200; 1 undefined"


def test_many_scores_are_counted_and_their_extremes_named() -> None:
    values = np.arange(100) / 100
    (axes,) = figures.scores(values, [f"cell {i}" for i in range(100)], "r").axes
    told = axes.get_title(loc="left").splitlines()
    assert told == ["100 targets, median 0.495", "highest 0.990 (cell 99)", "lowest 0 (cell 0)"]


def test_traces_start_where_something_is_predicted() -> None:
    y = RANDOM.normal(size=(2000, 6))
    predicted = np.where(np.arange(2000)[:, None] < 700, np.nan, y)
    panels = figures.observed_predicted(y, predicted, "abcdef", dt=0.5).axes
    assert [axes.get_title(loc="left") for axes in panels] == list("abcd")
    for index, axes in enumerate(panels):
        for line in axes.lines:
            np.testing.assert_array_equal(line.get_xdata(), 0.5 * np.arange(700, 1200))
            np.testing.assert_array_equal(line.get_ydata(), y[700:1200, index])


def test_points_are_all_shown_observed_above_predicted() -> None:
    (axes,) = figures.observed_predicted(PAIR[:, :1], PAIR[:, 1:], ["a"]).axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), PAIR[:, ::-1])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "observed")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: figures.scores([1, 2], ["a"], "r"), r"\(1,\) as labels, got \(2,\)"),
        (lambda: figures.scores([[1]], ["a"], "r"), r"got \(1, 1\)"),
        (lambda: figures.observed_predicted(PAIR, PAIR[:9], "ab"), r"\(9, 2\) and 2 names"),
        (lambda: figures.observed_predicted(PAIR, PAIR, "a"), "1 names"),
        (lambda: figures.observed_predicted([1], [1], "a"), r"got \(1,\)"),
        (lambda: figures.confusion(np.eye(3), "ab"), r"= \(2, 2\) as names, got \(3, 3\)"),
    ],
)
def test_refuses(draw: Callable[[], Figure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize("longest", [3, 30, 60])
@pytest.mark.parametrize("others", ["abcde", "ab", "a"])
def test_no_name_of_a_legend_is_cut_off(others: str, longest: int) -> None:
    names = [*others, "m" + "n" * (longest - 1), "o" * min(longest, 30)]
    figure = figures.traces(TIME, np.sin(TIME), {name: NOISY for name in names}, "Rate", "Title")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    box = axes.get_legend().get_window_extent()  # type: ignore[union-attr]
    assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert axes.bbox.width > 0.7 * figure.bbox.width


def test_images_of_one_unit_have_one_scale_and_a_bar() -> None:
    fields = [np.array([[1.0, np.nan], [2.0, 3.0]]), np.array([[4.0, 5.0], [6.0, 9.0]])]
    figure = figures.images(fields, ["one", "other"], 2, symmetric=False, unit="error (px)")
    figure.draw_without_rendering()
    first, second, bar = figure.axes
    assert [axes.images[0].get_clim() for axes in (first, second)] == [(1, 9), (1, 9)]
    assert bar.get_ylabel() == "error (px)"
    own = figures.images(fields, ["one", "other"], 2, symmetric=False).axes
    assert [axes.images[0].get_clim() for axes in own] == [(1, 3), (4, 9)]
