"""CIFTI-2 in and out: series, maps and labels of grayordinates, on the axis they came with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.nibabel_files import opened
from jaxneuro.data.nibabel_files import written as put
from jaxneuro.data.surfaces import Surface
from jaxneuro.extras import needed

_KINDS = {
    ".dtseries.nii": "NIFTI_INTENT_CONNECTIVITY_DENSE_SERIES",
    ".dscalar.nii": "NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS",
    ".dlabel.nii": "NIFTI_INTENT_CONNECTIVITY_DENSE_LABELS",
}
_CORTEX = {"left": "CIFTI_STRUCTURE_CORTEX_LEFT", "right": "CIFTI_STRUCTURE_CORTEX_RIGHT"}


@dataclass(frozen=True, eq=False, repr=False)
class Grayordinates:
    """Vertices of the cortices and voxels below them, as one axis.

    Attributes:
      values: (time, grayordinate) float32; of labels: their keys.
      models: `nibabel.cifti2.BrainModelAxis`: what each grayordinate is.
      repetition: seconds from one row to the next of a series; None of maps and labels.
      names: (time,) of maps and labels; empty of a series.
      tables: (time,) the name of each key; empty where the rows are no labels.
    """

    values: NDArray[np.float32]
    models: Any
    repetition: float | None = None
    names: tuple[str, ...] = ()
    tables: tuple[dict[int, str], ...] = ()

    def __repr__(self) -> str:
        every = "" if self.repetition is None else f" every {self.repetition:.3g} s"
        rows, count = self.values.shape
        return f"<{rows} rows{every} of {count} grayordinates in {len(self.structures)} structures>"

    def patterns(self) -> NDArray[np.float32]:
        """(time, grayordinate), as the betas of `jaxneuro.fmri` and decoders take them."""
        return self.values

    @property
    def structures(self) -> dict[str, slice]:
        """Where each structure lies among the grayordinates, by CIFTI's name."""
        return {str(name): place for name, place, _ in self.models.iter_structures()}

    @property
    def labels(self) -> NDArray[np.str_]:
        """(map, grayordinate) names of areas, where the rows are labels.

        Raises:
          ValueError: they are not, or a key has no name.
        """
        if not self.tables:
            raise ValueError("the rows are no labels: they have no table of names")
        found = []
        for row, table in zip(self.values, self.tables, strict=True):
            keys, place = np.unique(row, return_inverse=True)
            if unknown := [key for key in keys.tolist() if key not in table]:
                raise ValueError(f"labels: key {unknown[0]:g} is not in the table of its map")
            found.append(np.array([table[int(key)] for key in keys], np.str_)[place.ravel()])
        return np.stack(found)

    def surface(self, side: str, vertices: ArrayLike, faces: ArrayLike) -> Surface:
        """The rows of a cortex on its mesh: what `areas.discs` needs for searchlights.

        Args:
          side: "left" or "right".
          vertices: (vertex, 3) in mm, all of the mesh, the medial wall's too.
          faces: (face, 3); both as `nibabel.load("…surf.gii").agg_data()` gives them.

        Raises:
          ValueError: no such cortex, or a mesh of another number of vertices.
        """
        name = _CORTEX.get(side)
        if name is None or name not in self.structures:
            raise ValueError(f"side is {side!r}: there are {sorted(self.structures)}")
        place, points = self.structures[name], np.asarray(vertices, np.float64)
        count = int(self.models.nvertices[name])
        if points.shape != (count, 3):
            raise ValueError(f"vertices {points.shape} must be ({count}, 3), as the {side} cortex")
        order = np.argsort(self.models.vertex[place], kind="stable")
        mask = np.zeros(count, bool)
        mask[self.models.vertex[place]] = True
        own = np.ascontiguousarray(self.values[:, place][:, order])
        return Surface(own, mask, points, np.asarray(faces, np.int64))

    def save(
        self, values: ArrayLike, path: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> Path:
        """Writes values on this axis: `.dscalar.nii`, `.dtseries.nii`, or strings as `.dlabel.nii`.

        Args:
          values: (grayordinate,) or (map, grayordinate).
          path: its ending says which of the three.
          names: (map,) of maps and labels. Empty: their numbers.

        Raises:
          ImportError: nibabel is missing.
          ValueError: another ending; not a value for each grayordinate; strings as numbers or
            numbers as labels; a series without repetition time.
        """
        path = Path(path)
        ending = next((ending for ending in _KINDS if path.name.endswith(ending)), None)
        if ending is None:
            raise ValueError(f"{path}: the name must end in one of {', '.join(_KINDS)}")
        given = np.atleast_2d(np.asarray(values))
        if given.ndim != 2 or given.shape[1] != len(self.models):
            raise ValueError(
                f"values are {np.shape(values)}: they must be (grayordinate,) or "
                f"(map, grayordinate), of {len(self.models)} grayordinates"
            )
        if given.dtype.kind not in ("U" if ending == ".dlabel.nii" else "biuf"):
            raise ValueError(f"values are {given.dtype}: {ending} holds {_held(ending)}")
        rows, written = self._rows(given, ending, tuple(names))
        nibabel = needed("nibabel", "imaging")
        image = nibabel.Cifti2Image(written, (rows, self.models))
        image.nifti_header.set_intent(_KINDS[ending])
        image.set_data_dtype(written.dtype)
        return put(image, path)

    def _rows(self, given: NDArray, ending: str, names: tuple[str, ...]) -> tuple[Any, NDArray]:
        """The axis of rows, and what is written."""
        axes = needed("nibabel.cifti2", "imaging")
        if ending == ".dtseries.nii":
            if self.repetition is None:
                raise ValueError("a series needs a repetition time: these are maps")
            return axes.SeriesAxis(0.0, self.repetition, len(given)), given.astype(np.float32)
        names = names or tuple(str(number) for number in range(len(given)))
        if len(names) != len(given):
            raise ValueError(f"names: there are {len(names)}, for {len(given)} maps")
        if ending == ".dscalar.nii":
            return axes.ScalarAxis(names), given.astype(np.float32)
        known = [name for name in np.unique(given).tolist() if name not in ("", "???")]
        key = {"": 0, "???": 0} | {name: number for number, name in enumerate(known, start=1)}
        table = {0: ("???", (0.0, 0.0, 0.0, 0.0))}
        table |= {key[name]: (name, (*_colour(key[name]), 1.0)) for name in known}
        keys, place = np.unique(given, return_inverse=True)
        numbers = np.array([key[str(name)] for name in keys], np.int32)
        written = numbers[place.reshape(given.shape)]
        return axes.LabelAxis(names, [table] * len(given)), written


def read_cifti(path: str | os.PathLike[str] | Any) -> Grayordinates:
    """A dense series, dense scalars or dense labels of CIFTI-2.

    Args:
      path: a `.dtseries.nii`, `.dscalar.nii` or `.dlabel.nii` file, or an image of nibabel's.

    Raises:
      FileNotFoundError: no such file.
      ImportError: nibabel is missing.
      ValueError: not CIFTI-2, or not dense (of parcels, or a connectome).
    """
    axes = needed("nibabel.cifti2", "imaging")
    image, name = _opened(path)
    first, models = (image.header.get_axis(place) for place in (0, 1))
    if not isinstance(models, axes.BrainModelAxis):
        kind = type(models).__name__
        raise ValueError(f"{name}: its columns are a {kind}, and not grayordinates")
    values = np.asarray(image.dataobj, np.float32)
    if isinstance(first, axes.SeriesAxis):
        if first.unit != "SECOND":
            raise ValueError(f"{name}: a series in {first.unit}, and not in time")
        return Grayordinates(values, models, float(first.step))
    if isinstance(first, axes.LabelAxis):
        tables = tuple({int(k): str(v[0]) for k, v in table.items()} for table in first.label)
        return Grayordinates(values, models, None, tuple(map(str, first.name)), tables)
    if isinstance(first, axes.ScalarAxis):
        return Grayordinates(values, models, None, tuple(map(str, first.name)))
    raise ValueError(
        f"{name}: its rows are a {type(first).__name__}: a dense series, scalars or labels are read"
    )


def _opened(path: Any) -> tuple[Any, str]:
    nibabel = needed("nibabel", "imaging")
    if isinstance(path, nibabel.Cifti2Image):
        return path, "the image"
    found = opened(path)
    if not isinstance(found, nibabel.Cifti2Image):
        raise ValueError(f"{path}: a {type(found).__name__}, not CIFTI-2.")
    return found, str(path)


def _held(ending: str) -> str:
    return "names of areas, strings" if ending == ".dlabel.nii" else "numbers"


def _colour(number: int) -> tuple[float, float, float]:
    """Colours that differ between neighbouring keys: hues a golden angle apart."""
    hue = np.array([0.0, 1 / 3, 2 / 3]) + 0.618034 * number
    red, green, blue = (0.5 + 0.4 * np.cos(2 * np.pi * hue)).tolist()
    return red, green, blue
