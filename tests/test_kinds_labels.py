"""Labels, groups and pictures of any kind; and messages that speak of the file."""

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import NAMES, regions, run, told, told_of_groups

from experiments import brain_areas

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(scope="module")
def areas_of_plain(tmp_path_factory) -> dict[str, Any]:
    x, y = regions()
    return run("brain_areas", tmp_path_factory.mktemp("plain"), x=x, y=y)


FORMS = {
    "strings": lambda y: NAMES[y],
    "bytes": lambda y: NAMES[y].astype("S"),
    "objects": lambda y: NAMES[y].astype(object),
    "one-hot": lambda y: np.eye(3, dtype=bool)[y],
    "column": lambda y: (y * 7 + 3)[:, None],
    "negative": lambda y: y - 5,
    "bytes of memory": lambda y: (y + 250).astype(np.uint8),
}


@pytest.mark.slow
@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
@pytest.mark.parametrize("form", FORMS)
def test_labels_of_any_kind(tmp_path: Path, areas_of_plain, job: str, form: str) -> None:
    x, y = regions()
    found = run(job, tmp_path, x=x, y=FORMS[form](y))
    assert found["score_name"] == "held-out accuracy"
    softmax = found["models"]["softmax regression"]
    assert softmax == pytest.approx(areas_of_plain["models"]["softmax regression"], abs=0.1)
    assert "y has 3 categories" in told(found)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_yes_and_no_are_labels(tmp_path: Path, job: str) -> None:
    x, y = regions()
    found = run(job, tmp_path, x=x, y=y == 1)
    assert found["models"]["softmax regression"] > 0.8
    assert "y has 2 categories: False, True" in told(found)


@pytest.mark.slow
def test_one_hot_numbers_of_areas(tmp_path: Path) -> None:
    x, y = regions()
    assert run("brain_areas", tmp_path, x=x, y=np.eye(3)[y])["score"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_few_of_a_class(tmp_path: Path, job: str) -> None:
    x, y = regions(60)
    x = np.r_[x, x[:1] + 9, x[:2] - 9]
    names = np.r_[NAMES[y], ["seen once", "twice", "twice"]]
    found = run(job, tmp_path, x=x, y=names)
    assert found["score"] > 0.6
    assert "y: class seen once seen once: left out of every part" in told(found)
    assert "class twice" in told(found) and "folds must" not in told(found)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_twelve_samples(tmp_path: Path, job: str) -> None:
    x, y = regions(60)
    chosen = np.concatenate([np.flatnonzero(y == k)[:4] for k in range(3)])
    found = run(job, tmp_path, x=x[chosen], y=NAMES[y[chosen]])
    assert 0 <= found["score"] <= 1 and "folds must" not in told(found)


@pytest.mark.slow
def test_groups_of_one_value_and_of_strings(tmp_path: Path) -> None:
    x, y = regions()
    told_of_groups(tmp_path, "brain_areas", x=x, y=y)


@pytest.mark.parametrize(
    ("job", "change", "says"),
    [
        ("brain_areas", {"y": np.full(120, "V1")}, r"'y' has one class only \(V1\)"),
        ("brain_areas", {"y": np.where(np.arange(120) == 9, np.nan, 1.0)}, "'y' has 1 missing"),
        ("brain_areas", {"y": np.linspace(0, 1, 120)}, "'y' has 118 values that are not whole"),
        ("neural_decoding", {"groups": np.ones((120, 2))}, r"'groups' has shape \(120, 2\)"),
        ("neural_decoding", {"dt": -1.0}, r"'dt' is -1.0; it must be one positive"),
        ("neuron_activity", {"y": np.full((120, 2), "a")}, r"'y' has dtype <U1, not real"),
        ("neuron_activity", {"test": np.ones(120, bool)}, "'test' is True everywhere"),
    ],
)
def test_messages_speak_of_the_file(tmp_path: Path, job: str, change, says: str) -> None:
    x, y = regions()
    fields = {"x": x, "y": y, **change}
    with pytest.raises(ValueError, match=rf"{job}\.npz: field {says}"):
        run(job, tmp_path, **fields)


# What is a picture


@pytest.mark.slow
def test_epochs_are_no_pictures_unless_asked(tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(48) % 3
    epochs = rng.normal(size=(48, 7, 5)) + y[:, None, None] * np.linspace(-1, 1, 5)
    found = run("brain_areas", tmp_path, x=epochs, y=y)
    assert "x (48, 7, 5) is taken as features, not images; --kind images" in told(found)
    assert "x (48, 7, 5) is taken as features" in capsys.readouterr().out
    assert {"majority", "softmax regression", "LDA", "MLP"} <= set(found["models"])
    assert "the article's CNN" not in found["models"]
    assert found["models"]["softmax regression"] > 0.8
    found = run("brain_areas", tmp_path, "images", x=epochs, y=y)
    assert "is taken as images; --kind features" in told(found)
    assert "the article's CNN" in found["models"]
    with pytest.raises(ValueError, match=r"--kind images: x has shape \(48, 35\)"):
        run("brain_areas", tmp_path, "images", x=epochs.reshape(48, -1), y=y)


@pytest.mark.parametrize(
    ("shape", "kind", "images"),
    [
        ((9, 9), "auto", True),
        ((9, 9), "features", False),
        ((6, 9, 2), "auto", True),
        ((50, 9), "auto", False),
        ((50, 9), "images", True),
        ((3, 3), "auto", False),
        ((40,), "auto", False),
    ],
)
def test_what_is_taken_for_a_picture(shape, kind: str, images: bool) -> None:
    part = brain_areas.Part()
    given: Any = types.SimpleNamespace(x=np.zeros((12, *shape)))
    assert brain_areas._are_images(given, kind, part) is images
