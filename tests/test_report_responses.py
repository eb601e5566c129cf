"""The pictures of what neurons respond to: drawn without warnings, whatever the numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from jaxneuro.report import figures

RANDOM = np.random.default_rng(0)
AROUND = np.arange(8) * 45.0
CURVES = RANDOM.gamma(3, size=(8, 14))
LOST = np.where(CURVES > 6, np.nan, CURVES)
NAMES = [f"$ a_{i}" for i in range(14)]
INDEX = {"DSI": RANDOM.uniform(size=50), "none": np.full(50, np.nan)}
PICTURES: dict[str, Callable[[], Figure]] = {
    "tuning": lambda: figures.tuning(AROUND, CURVES, NAMES, "Direction (°)", "Spikes/s"),
    "tuning band": lambda: figures.tuning(
        AROUND, LOST - 3, NAMES, "Direction (°)", "ΔF/F", LOST - 4, CURVES
    ),
    "tuning one": lambda: figures.tuning([0.0, 1.0], [[1], [np.nan]], ["a"], "x", "y"),
    "polar": lambda: figures.polar(AROUND, CURVES[:, :3], NAMES[:3], [10, 370, np.nan]),
    "polar band": lambda: figures.polar(AROUND, LOST, NAMES, None, LOST - 1, CURVES),
    "selectivity": lambda: figures.selectivity(INDEX, INDEX, INDEX),
    "fields lines": lambda: figures.fields(RANDOM.normal(size=(14, 5, 3)), NAMES),
    "fields map": lambda: figures.fields(RANDOM.normal(size=(2, 5, 9)), NAMES[:2]),
    "fields flat": lambda: figures.fields(RANDOM.normal(size=(3, 1, 9)), NAMES[:3]),
    "fields empty": lambda: figures.fields(np.full((1, 4, 1), np.nan), ["a"]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_draws(tmp_path: Path, name: str) -> None:
    PICTURES[name]().savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1_000


def test_shapes_that_do_not_go_together_are_told() -> None:
    with pytest.raises(ValueError, match="tuning: curves"):
        figures.tuning(AROUND, CURVES.T, NAMES, "x", "y")
    with pytest.raises(ValueError, match="polar: curves"):
        figures.polar(AROUND[:5], CURVES, NAMES)
    with pytest.raises(ValueError, match="fields: weights"):
        figures.fields(CURVES, NAMES)
