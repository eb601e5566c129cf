"""Surfaces of the brain in and out: GIFTI meshes and the data on their vertices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.nibabel_files import opened, written
from jaxneuro.extras import needed


@dataclass(frozen=True, eq=False, repr=False)
class Surface:
    """Data on a mesh, looked at where a mask says so.

    Attributes:
      values: (time, place) float32, the vertices of the mask in order.
      mask: (vertex,) bool: False where there is no cortex.
      vertices: (vertex, 3) in mm.
      faces: (face, 3) vertices of each triangle.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"<{len(self.values)} maps of {int(self.mask.sum())} of {len(self.mask)} vertices>"

    def patterns(self) -> NDArray[np.float32]:
        """(time, place), as `areas.searchlight` takes them."""
        return self.values

    @property
    def positions(self) -> NDArray[np.float64]:
        """(place, 3) in mm."""
        return self.vertices[self.mask]

    @property
    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Vertices and faces within the mask, numbered by place: what `areas.discs` takes."""
        number = np.cumsum(self.mask) - 1
        kept = self.mask[self.faces].all(axis=1)
        return self.positions, number[self.faces[kept]]

    def array(self, values: ArrayLike) -> NDArray[np.float32]:
        """(map, vertex) of `values` (place,) or (map, place); NaN outside of the mask.

        Raises:
          ValueError: not a value for each vertex of the mask.
        """
        given, count = np.atleast_2d(np.asarray(values)), int(self.mask.sum())
        if given.ndim != 2 or given.shape[1] != count:
            raise ValueError(
                f"values are {np.shape(values)}: they must be (place,) or (map, place), of the "
                f"{count} vertices of the mask"
            )
        found = np.full((len(given), len(self.mask)), np.nan, np.float32)
        found[:, self.mask] = given
        return found

    def save(self, values: ArrayLike, path: str | os.PathLike[str]) -> Path:
        """Writes `array(values)` as GIFTI, a data array for each map: `.func.gii`, `.shape.gii`."""
        path = Path(path)
        if not path.name.endswith(".gii"):
            raise ValueError(f"{path}: the name must end in .gii")
        nibabel = needed("nibabel", "imaging")
        image = nibabel.gifti.GiftiImage()
        for one in self.array(values):
            image.add_gifti_data_array(
                nibabel.gifti.GiftiDataArray(one, "NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32")
            )
        return written(image, path)


def read_surface(
    mesh: str | os.PathLike[str],
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    mask: ArrayLike | None = None,
) -> Surface:
    """A mesh (`.surf.gii`) and data on its vertices (`.func.gii`, `.shape.gii`).

    Args:
      mesh: one hemisphere's.
      data: a file, or several whose maps follow each other.
      mask: bool (vertex,). None: the vertices that are finite throughout and not always 0.

    Raises:
      FileNotFoundError: no such file.
      ImportError: nibabel is missing.
      ValueError: not GIFTI, no mesh, data of another number of vertices, or an empty mask.
    """
    vertices, faces = _mesh(mesh)
    paths = [data] if isinstance(data, str | os.PathLike) else list(data)
    maps = np.concatenate([_maps(path, len(vertices)) for path in paths])
    if mask is None:
        inside = np.asarray(np.isfinite(maps).all(axis=0) & (maps != 0).any(axis=0))
    else:
        inside = np.asarray(mask)
        if inside.dtype != bool or inside.shape != (len(vertices),):
            raise ValueError(
                f"mask is {inside.dtype} {inside.shape}: it must be bool ({len(vertices)},)"
            )
    if not inside.any():
        raise ValueError("mask: no vertex is inside")
    return Surface(np.ascontiguousarray(maps[:, inside]), inside, vertices, faces)


def _mesh(path: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    image = _gifti(path)
    points = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")
    triangles = image.get_arrays_from_intent("NIFTI_INTENT_TRIANGLE")
    if len(points) != 1 or len(triangles) != 1:
        raise ValueError(f"{path}: no mesh: it needs one set of points and one of triangles")
    return np.asarray(points[0].data, np.float64), np.asarray(triangles[0].data, np.int64)


def _maps(path: Any, vertices: int) -> NDArray[np.float32]:
    """(map, vertex); a single array may hold several maps, (vertex, map)."""
    parts = []
    for array in _gifti(path).darrays:
        values = np.asarray(array.data, np.float32)
        if values.ndim not in (1, 2) or len(values) != vertices:
            raise ValueError(f"{path} has data of {values.shape}, and the mesh {vertices} vertices")
        parts.append(np.atleast_2d(values.T))
    if not parts:
        raise ValueError(f"{path} holds no data")
    return np.concatenate(parts)


def _gifti(path: Any) -> Any:
    nibabel = needed("nibabel", "imaging")
    found = opened(path)
    if not isinstance(found, nibabel.gifti.GiftiImage):
        raise ValueError(f"{path}: a {type(found).__name__}, not GIFTI.")
    return found
