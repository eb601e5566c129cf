"""Labels of vertices as GIFTI, for Connectome Workbench, FreeSurfer and nilearn."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.areas.parcellated import Labelled, labelled
from jaxneuro.data.nibabel_files import written
from jaxneuro.data.surfaces import Surface
from jaxneuro.extras import needed

_GOLDEN = 0.618034  # of a turn of hue: labels beside each other in the table differ in colour


def label_vertices(
    probabilities: ArrayLike, classes: Sequence[Any] | ArrayLike, sure: float = 0.5
) -> Labelled:
    """The likeliest label of each vertex, its probability, and whether that is less than `sure`.

    Args:
      probabilities: (vertex, class), as `identify(...).predict` gives them.
      classes: (class,) their names, as `identify(...).classes`.
      sure: from 0 to 1.

    Raises:
      ValueError: other shapes, or what is no probability.
    """
    p, names = np.asarray(probabilities, np.float32), np.asarray(classes)
    if p.ndim != 2 or names.shape != (p.shape[1],) or not p.size:
        raise ValueError(
            f"probabilities {p.shape} must be (vertex, class), of {len(names)} classes"
        )
    if not ((p >= 0) & (p <= 1)).all() or not 0 <= sure <= 1:
        raise ValueError(f"probabilities and sure = {sure}: from 0 to 1")
    return labelled(p, names, sure)


def save_labels(
    found: Labelled,
    classes: Sequence[Any] | ArrayLike,
    surface: Surface,
    folder: str | os.PathLike[str],
) -> dict[str, Path]:
    """Writes `labels.label.gii`, in which 1, 2, ... are the classes in their order and 0 is what is
    unsure or outside of the mask, and `probability.shape.gii`, NaN outside.

    Args:
      found: of `label_vertices` or of a `Parcellation`: (place,) of the surface's mask.
      classes: (class,) names, so that files of other subjects have the same numbers.
      surface: from `data.read_surface`.
      folder: made if need be.

    Returns:
      The files by name.

    Raises:
      ValueError: a label that is no class, or other vertices; ImportError: no nibabel.
    """
    nibabel = needed("nibabel", "imaging")
    names = np.asarray(classes)
    known = found.labels[..., None] == names
    if known.ndim != 2 or not known.any(axis=1).all():
        raise ValueError(f"found.labels {found.labels.shape} must be (place,), each one of classes")
    keys = np.where(found.unsure, 0, known.argmax(axis=1) + 1)
    whole = np.nan_to_num(surface.array(keys)[0]).astype(np.int32)
    table = nibabel.gifti.GiftiLabelTable()
    for key, name in enumerate(("???", *names)):
        colour = colorsys.hsv_to_rgb(key * _GOLDEN % 1, 0.75, 0.9) if key else (0, 0, 0)
        label = nibabel.gifti.GiftiLabel(key, *colour, 1.0 if key else 0.0)
        label.label = str(name)
        table.labels.append(label)
    image = nibabel.gifti.GiftiImage(labeltable=table)
    image.add_gifti_data_array(
        nibabel.gifti.GiftiDataArray(whole, "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32")
    )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "labels": written(image, folder / "labels.label.gii"),
        "probability": surface.save(found.probability, folder / "probability.shape.gii"),
    }
