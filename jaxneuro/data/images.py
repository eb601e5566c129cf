"""Images of the brain in and out: NIfTI and whatever else nibabel reads, on one grid.

Nothing is resampled: images of differing grids are refused, and it is said how they differ.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.data.nibabel_files import opened, written
from jaxneuro.extras import needed

_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
_SAME = 1e-3  # mm by which affines of one grid may differ
_DIGITS = 3


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Images of one grid, looked at where a mask says so.

    Attributes:
      values: (time, voxel) float32, voxels of the mask in C order, as of `image[mask]`.
      mask: (x, y, z) bool.
      affine: (4, 4) from voxels to mm.
      repetition: seconds from one image to the next; None where there is one, or none is told.
      names: (time,) what the images are called; empty: nothing.
      header: of the file; the code of its space goes into images made of it.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    repetition: float | None = None
    names: tuple[str, ...] = ()
    header: Any = None

    def __repr__(self) -> str:
        every = "" if self.repetition is None else f" every {self.repetition:.3g} s"
        grid = " × ".join(map(str, self.mask.shape))
        return f"<{len(self.values)} images{every} of {self.values.shape[1]} voxels in {grid}>"

    def patterns(self) -> NDArray[np.float32]:
        """(time, voxel), as `areas.searchlight` takes them."""
        return self.values

    @property
    def positions(self) -> NDArray[np.float64]:
        """(voxel, 3) in mm."""
        return np.argwhere(self.mask) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def array(self, values: ArrayLike) -> NDArray[Any]:
        """(x, y, z) or, of several maps, (x, y, z, map), of `values` (voxel,) or (map, voxel):
        outside of the mask whole numbers are 0 and others NaN.

        Raises:
          ValueError: not a value for each voxel of the mask.
        """
        given = np.asarray(values)
        count = int(self.mask.sum())
        if given.ndim not in (1, 2) or given.shape[-1] != count or given.dtype.kind not in "biuf":
            raise ValueError(
                f"values are {given.dtype} {given.shape}: they must be numbers (voxel,) or "
                f"(map, voxel), of the {count} voxels of the mask"
            )
        whole = given.dtype.kind in "biu"
        found = np.full(
            (*self.mask.shape, *given.shape[:-1]),
            0 if whole else np.nan,
            np.int32 if whole else np.float32,
        )
        found[self.mask] = given.T
        return found

    def image(self, values: ArrayLike) -> Any:
        """A `nibabel.Nifti1Image` of `array(values)`, on this grid.

        Raises:
          ImportError: nibabel is missing.
          ValueError: as `array`.
        """
        nibabel = needed("nibabel", "imaging")
        array = self.array(values)
        header = self.header if isinstance(self.header, nibabel.Nifti1Header) else None
        made = nibabel.Nifti1Image(array, self.affine, header)
        made.set_data_dtype(array.dtype)
        made.header["cal_min"] = made.header["cal_max"] = 0
        return made

    def save(self, values: ArrayLike, path: str | os.PathLike[str]) -> Path:
        """Writes `image(values)` as NIfTI: `.nii` or `.nii.gz`."""
        path = Path(path)
        if not path.name.endswith((".nii", ".nii.gz")):
            raise ValueError(f"{path}: the name must end in .nii or .nii.gz")
        return written(self.image(values), path)


def read_volume(
    path: str | os.PathLike[str] | Any, mask: ArrayLike | str | os.PathLike[str] | Any | None = None
) -> Volume:
    """Images of a NIfTI file, 3-D or 4-D, or of any other that nibabel reads.

    Args:
      path: a file, or an image of nibabel's, as nilearn hands about.
      mask: which voxels to look at: a file or image of the same grid, not 0 there, or bool
        (x, y, z). None: those that are finite throughout and not always the same.

    Raises:
      FileNotFoundError: no such file.
      ImportError: nibabel is missing.
      ValueError: not an image, of other axes, an empty mask, or one of another grid.
    """
    image = _opened(path)
    name = "the image" if image is path else str(path)
    shape = tuple(image.shape)
    if len(shape) not in (3, 4):
        raise ValueError(f"{name} has shape {shape}: it must be (x, y, z) or (x, y, z, time)")
    affine = np.asarray(image.affine, np.float64)
    data = np.asarray(image.dataobj, np.float32).reshape(*shape[:3], -1)
    if mask is None:
        inside = np.isfinite(data).all(axis=3) & (
            (data != data[..., :1]).any(axis=3) if data.shape[3] > 1 else data[..., 0] != 0
        )
    else:
        inside = _mask_of(mask, shape[:3], affine, name)
    if not inside.any():
        raise ValueError(f"mask: no voxel of {name} is inside")
    return Volume(
        np.ascontiguousarray(data[inside].T),
        inside,
        affine,
        _repetition(image.header) if len(shape) == 4 else None,
        header=image.header,
    )


def concatenated(volumes: Sequence[Volume]) -> Volume:
    """The images of several runs one after the other, all of one mask.

    Raises:
      ValueError: none, or of differing grids, masks or repetition times.
    """
    if not volumes:
        raise ValueError("volumes: there is none")
    first = volumes[0]
    for number, other in enumerate(volumes[1:], start=1):
        check_grid(other.mask.shape, other.affine, first.mask.shape, first.affine, f"run {number}")
        if (other.mask != first.mask).any():
            raise ValueError(f"run {number} has another mask than run 0: read both with one mask")
        if other.repetition != first.repetition:
            raise ValueError(
                f"run {number} has an image every {other.repetition} s, run 0 every "
                f"{first.repetition} s"
            )
    names = sum((volume.names for volume in volumes), ())
    return replace(first, values=np.concatenate([v.values for v in volumes]), names=names)


def check_grid(shape: Any, affine: Any, of: Any, expected: Any, name: str) -> None:
    """That an image lies on the grid of another.

    Raises:
      ValueError: says how they differ.
    """
    advice = "resample one of them first, with nilearn.image.resample_to_img"
    if tuple(shape) != tuple(of):
        raise ValueError(f"{name} has {tuple(shape)} voxels and not {tuple(of)}: {advice}")
    if (far := float(np.abs(np.asarray(affine) - expected).max())) > _SAME:
        rows = np.round(affine, _DIGITS).tolist(), np.round(expected, _DIGITS).tolist()
        raise ValueError(
            f"{name} lies elsewhere: its affine is {rows[0]} and not {rows[1]}, {far:.3g} mm off: "
            f"{advice}"
        )


def _opened(path: Any) -> Any:
    if hasattr(path, "dataobj") and hasattr(path, "affine"):
        return path
    found = opened(path)
    if getattr(found, "affine", None) is None:
        raise ValueError(f"{path}: a {type(found).__name__}, which has no grid of voxels.")
    return found


def _mask_of(mask: Any, shape: Any, affine: NDArray, name: str) -> NDArray[np.bool_]:
    if isinstance(mask, np.ndarray | list):
        inside = np.asarray(mask)
        if inside.dtype != bool or inside.shape != tuple(shape):
            raise ValueError(
                f"mask is {inside.dtype} {inside.shape}: it must be bool {tuple(shape)}, as {name}"
            )
        return inside
    image = _opened(mask)
    word = "the mask" if image is mask else f"mask {mask}"
    array = np.asarray(image.dataobj)
    array = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    check_grid(array.shape, image.affine, shape, affine, word)
    return np.nan_to_num(array) != 0


def _repetition(header: Any) -> float | None:
    """Seconds, where the header tells."""
    try:
        zooms, (_, unit) = header.get_zooms(), header.get_xyzt_units()
    except AttributeError:  # other formats have no units
        return None
    seconds = float(zooms[3]) * _SECONDS.get(unit, 0.0) if len(zooms) > 3 else 0.0
    return seconds if np.isfinite(seconds) and seconds > 0 else None
