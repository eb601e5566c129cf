"""Labels of vertices: which are unsure, and the same again in the GIFTI that is written."""

import numpy as np
import pytest

from jaxneuro import areas
from jaxneuro.data.surfaces import Surface

nibabel = pytest.importorskip("nibabel")
NAMES = ["V1", "M1", "S1"]


@pytest.fixture
def surface() -> Surface:
    """Six vertices, the second of which is medial wall."""
    mask = np.array([True, False, True, True, True, True])
    faces = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]])
    return Surface(np.zeros((1, 5), np.float32), mask, np.eye(6)[:, :3], faces)


PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2], [0, 1, 0]]
)


def test_what_is_below_sure_is_unsure():
    found = areas.label_vertices(PROBABILITIES, NAMES)
    assert found.labels.tolist() == ["V1", "V1", "S1", "V1", "M1"]
    assert found.unsure.tolist() == [False, True, False, False, False]
    np.testing.assert_allclose(found.probability, [0.7, 0.4, 0.8, 0.5, 1])
    assert areas.label_vertices(PROBABILITIES, NAMES, sure=0.75).unsure.sum() == 3


def test_they_come_back_from_gifti(surface, tmp_path):
    found = areas.label_vertices(PROBABILITIES, NAMES)
    files = areas.save_labels(found, NAMES, surface, tmp_path / "made")
    image = nibabel.load(files["labels"])
    assert image.labeltable.get_labels_as_dict() == {0: "???", 1: "V1", 2: "M1", 3: "S1"}
    (array,) = image.darrays
    assert array.data.dtype == np.int32
    assert array.intent == nibabel.nifti1.intent_codes["NIFTI_INTENT_LABEL"]
    assert array.data.tolist() == [1, 0, 0, 3, 1, 2]
    colours = {tuple(label.rgba) for label in image.labeltable.labels}
    assert len(colours) == 4
    probability = nibabel.load(files["probability"]).darrays[0].data
    np.testing.assert_allclose(probability, [0.7, np.nan, 0.4, 0.8, 0.5, 1], rtol=1e-6)


def test_numbers_are_those_of_the_classes_whatever_was_found(surface, tmp_path):
    every = np.tile([0.0, 0.0, 1.0], (5, 1))
    found = areas.label_vertices(every, NAMES)
    image = nibabel.load(areas.save_labels(found, NAMES, surface, tmp_path)["labels"])
    assert image.darrays[0].data.tolist() == [3, 0, 3, 3, 3, 3]


@pytest.mark.parametrize(
    ("p", "names", "sure", "word"),
    [
        (PROBABILITIES[0], NAMES, 0.5, "probabilities"),
        (PROBABILITIES, NAMES[:2], 0.5, "classes"),
        (PROBABILITIES - 0.2, NAMES, 0.5, "from 0 to 1"),
        (PROBABILITIES, NAMES, 1.5, "sure"),
    ],
)
def test_what_is_wrong_is_named(p, names, sure, word):
    with pytest.raises(ValueError, match=word):
        areas.label_vertices(p, names, sure)


def test_labels_of_other_classes_or_vertices_are_refused(surface, tmp_path):
    found = areas.label_vertices(PROBABILITIES, NAMES)
    with pytest.raises(ValueError, match="each one of classes"):
        areas.save_labels(found, ["V1", "M1"], surface, tmp_path)
    few = areas.label_vertices(PROBABILITIES[:4], NAMES)
    with pytest.raises(ValueError, match="vertices of the mask"):
        areas.save_labels(few, NAMES, surface, tmp_path)
