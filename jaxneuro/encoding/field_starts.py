"""Where receptive fields begin their descent: the best of a coarse grid, for each voxel its own.

What each candidate would predict is one matrix product, its correlation with every voxel another.
"""

import numpy as np

from jaxneuro.encoding.field_arrays import Samples
from jaxneuro.models.receptive_field import Screen, gaussian

_SIDE, _SIZES = 15, 6  # centres along each side of the screen, and sizes
_BLOCK = 2048  # voxels at a time
_HALF = 0.5  # what a candidate counts that has a better neighbour, which would end where it does
_ROUNDING = 1e-12  # of the largest variance of a candidate's response: one that sees nothing

MOST = _SIDE**2 * _SIZES


def candidates(screen: Screen) -> tuple[np.ndarray, np.ndarray]:
    """Centres (candidate, 2) all over the screen, sizes (candidate,) evenly in their logarithm."""
    along = np.linspace(-1, 1, _SIDE)
    inside = np.linspace(0, 1, _SIZES + 2)[1:-1]  # at the limits nothing would move
    sizes = screen.least * (screen.most / screen.least) ** inside
    across, up, size = (a.ravel() for a in np.meshgrid(along, along, sizes, indexing="ij"))
    return screen.middle + screen.half * np.stack([across, up], axis=1), size


def first_places(screen: Screen, given: Samples, starts: int) -> np.ndarray:
    """The free coordinates that each voxel's fits start from, the best first.

    Args:
      screen: where the pixels of `given.x` lie.
      starts: how many, up to `MOST`.

    Returns:
      (voxel, start, 3) float32.
    """
    centre, size = candidates(screen)
    used = given.weight > 0
    shape = gaussian(centre.astype(np.float32), size.astype(np.float32), screen.positions)
    shape = shape @ given.x[used].T
    free, found = screen.free(centre, size).astype(np.float32), []
    for first in range(0, given.y.shape[1], _BLOCK):
        worth = explained(shape, given.y[used, first : first + _BLOCK], given.level)
        worth = np.where(_is_peak(worth), worth, _HALF * worth)
        some = np.argpartition(-worth, starts - 1, axis=0)[:starts]
        order = np.argsort(-np.take_along_axis(worth, some, axis=0), axis=0, kind="stable")
        found.append(free[np.take_along_axis(some, order, axis=0)].swapaxes(0, 1))
    return np.concatenate(found)


def explained(shape: np.ndarray, y: np.ndarray, level: bool) -> np.ndarray:
    """(candidate, voxel) share of the squares of `y` (sample, voxel) that multiples of each `shape`
    (candidate, sample) explain over the samples that a voxel has: 0 where it has none."""
    seen = ~np.isnan(y)
    y = np.where(seen, y, 0)
    if (seen == seen[:, :1]).all():
        seen = seen[:, :1]
    there = seen.astype(y.dtype)
    spread = np.square(shape) @ there
    if level:
        spread -= np.square(shape @ there) / np.maximum(there.sum(axis=0), 1)
    size = np.where(spread > _ROUNDING * spread.max(), spread, 0) * np.square(y).sum(axis=0)
    return np.divide(np.square(shape @ y), size, out=np.zeros_like(size), where=size > 0)


def _is_peak(worth: np.ndarray) -> np.ndarray:
    """(candidate, voxel) whether none of its neighbours on the grid is better."""
    grid = worth.reshape(_SIDE, _SIDE, _SIZES, -1)
    highest = grid
    for axis in range(3):
        width = [(1, 1) if i == axis else (0, 0) for i in range(4)]
        padded = np.pad(highest, width)
        shifted = [padded.take(range(i, i + grid.shape[axis]), axis) for i in range(3)]
        highest = np.maximum(np.maximum(*shifted[:2]), shifted[2])
    return (grid >= highest).reshape(worth.shape)
