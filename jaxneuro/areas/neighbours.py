"""Which voxels or vertices lie around a centre: spheres in a volume, discs on a surface."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TIE = 1e-6  # of the radius: what rounding of an affine makes of a distance that equals it


@dataclass(frozen=True, repr=False)
class Neighbours:
    """The members of each centre's sphere or disc.

    Attributes:
      index: (centre, place) columns of `x`, ascending; then -1, up to the size of the largest.
      counts: (centre,) how many members.
    """

    index: NDArray[np.int32]
    counts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        return (
            f"<{len(self)} centres of {self.counts.min()} to {self.counts.max()} members, "
            f"{self.counts.mean():.3g} on average>"
        )

    def lists(self) -> list[NDArray[np.int32]]:
        """The members of each centre."""
        return [row[:count] for row, count in zip(self.index, self.counts, strict=True)]


def from_lists(members: Sequence[ArrayLike]) -> Neighbours:
    """Of any shape: the members of each centre, columns of `x`.

    Raises:
      ValueError: no centre, one without members, or members that are no columns.
    """
    if not len(members):
        raise ValueError("members: there is no centre")
    lists = [np.unique(np.asarray(some)) for some in members]
    for centre, some in enumerate(lists):
        if not some.size or some.dtype.kind not in "iu" or some[0] < 0:
            raise ValueError(f"members of centre {centre} must be column numbers from 0, and some")
    counts = np.array([len(some) for some in lists], np.int32)
    index = np.full((len(lists), counts.max()), -1, np.int32)
    for row, some in zip(index, lists, strict=True):
        row[: len(some)] = some
    return Neighbours(index, counts)


def spheres(mask: ArrayLike, affine: ArrayLike, radius: float) -> Neighbours:
    """Around each voxel of a mask, the voxels of the mask within `radius` of its middle, itself
    among them (Kriegeskorte et al. 2006, PNAS 103:3863), as nilearn's `SearchLight` has them.

    Args:
      mask: (x, y, z) bool; centres and columns are its voxels in C order, as of `x[mask]`.
      affine: (4, 4) of the image in mm, or the size of a voxel in mm, a number or (3,).
      radius: in mm.

    Raises:
      ValueError: an empty mask or one of other than three axes, a singular affine, or no radius.
    """
    inside = _mask(mask)
    linear = _linear(affine)
    if not np.isfinite(radius) or radius < 0:
        raise ValueError(f"radius is {radius!r}: it must be a number of mm from 0")
    offsets = _offsets(linear, radius)
    reach = np.abs(offsets).max(axis=0)
    number = np.full(np.array(inside.shape) + 2 * reach, -1, np.int32)
    places = np.argwhere(inside)
    number[tuple((places + reach).T)] = np.arange(len(places))
    around = np.stack([number[tuple((places + reach + step).T)] for step in offsets], axis=1)
    counts = (around >= 0).sum(axis=1).astype(np.int32)
    last = np.iinfo(np.int32).max
    index = np.sort(np.where(around >= 0, around, last), axis=1)[:, : counts.max()]
    return Neighbours(np.where(index == last, -1, index).astype(np.int32), counts)


def discs(vertices: ArrayLike, faces: ArrayLike, radius: float) -> Neighbours:
    """Around each vertex of a mesh, the vertices within `radius` along its edges (Dijkstra 1959,
    Numer. Math. 1:269): a way that is never shorter than the geodesic over the faces.

    Args:
      vertices: (vertex, 3) in mm.
      faces: (face, 3) vertices of each triangle.
      radius: in mm.

    Raises:
      ValueError: shapes, faces of other vertices, or no radius.
    """
    points, triangles = np.asarray(vertices, np.float64), np.asarray(faces)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"vertices {points.shape} must be finite (vertex, 3)")
    if not np.isfinite(radius) or radius < 0:
        raise ValueError(f"radius is {radius!r}: it must be a number of mm from 0")
    near = mesh_edges(triangles, len(points))
    steps = [np.linalg.norm(points[some] - points[i], axis=1) for i, some in enumerate(near)]
    links = [
        list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in zip(near, steps, strict=True)
    ]
    limit = radius * (1 + _TIE)
    return from_lists([_within(links, centre, limit) for centre in range(len(points))])


def mesh_edges(faces: ArrayLike, vertices: int) -> list[NDArray[np.intp]]:
    """The vertices that each vertex of a mesh shares an edge with.

    Raises:
      ValueError: faces that are no triangles of these vertices.
    """
    triangles = np.asarray(faces)
    if triangles.ndim != 2 or triangles.shape[1] != 3 or triangles.dtype.kind not in "iu":
        raise ValueError(f"faces are {triangles.dtype} {triangles.shape}: whole numbers (face, 3)")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < vertices:
        raise ValueError(f"faces: a vertex is not one of {vertices}")
    pairs = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    ends = np.searchsorted(pairs[:, 0], np.arange(vertices + 1))
    return [pairs[a:b, 1] for a, b in pairwise(ends)]


def around_of(graph: Neighbours | Sequence[ArrayLike], units: int) -> NDArray[np.int32]:
    """(unit, place) each unit itself and those beside it; -1 where there is none.

    Raises:
      ValueError: a graph of another number of units.
    """
    lists = graph.lists() if isinstance(graph, Neighbours) else list(graph)
    if len(lists) != units:
        raise ValueError(f"graph has {len(lists)} units, x has {units}")
    both = from_lists([np.append(np.asarray(some, np.int64), i) for i, some in enumerate(lists)])
    if both.index.max() >= units:
        raise ValueError(f"graph: neighbour {both.index.max()} is not one of {units} units")
    return both.index


def _within(links: list[list[tuple[int, float]]], centre: int, limit: float) -> list[int]:
    known = dict[int, float]()
    waiting = [(0.0, centre)]
    while waiting:
        distance, vertex = heapq.heappop(waiting)
        if vertex in known:
            continue
        known[vertex] = distance
        for other, step in links[vertex]:
            if other not in known and distance + step <= limit:
                heapq.heappush(waiting, (distance + step, other))
    return sorted(known)


def _mask(mask: ArrayLike) -> NDArray[np.bool_]:
    inside = np.asarray(mask)
    if inside.ndim != 3 or inside.dtype != bool or not inside.any():
        raise ValueError(
            f"mask is {inside.dtype} {inside.shape}: it must be bool (x, y, z), not empty"
        )
    return inside


def _linear(affine: ArrayLike) -> NDArray[np.float64]:
    """(3, 3) mm for each step of a voxel."""
    given: Any = np.asarray(affine, np.float64)
    if given.shape in ((), (3,)):
        given = np.diag(np.broadcast_to(given, 3))
    if given.shape not in ((3, 3), (4, 4)) or not np.isfinite(given).all():
        raise ValueError(f"affine {given.shape} must be (4, 4), or the size of a voxel in mm")
    linear = given[:3, :3]
    if abs(np.linalg.det(linear)) < 1e-9:
        raise ValueError("affine is singular: a voxel has no volume")
    return linear


def _offsets(linear: NDArray[np.float64], radius: float) -> NDArray[np.intp]:
    """(place, 3) steps of voxels that stay within the radius."""
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(linear), axis=1) + _TIE).astype(int)
    grid = np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij")
    steps = np.stack([axis.ravel() for axis in grid], axis=1)
    near = np.linalg.norm(steps @ linear.T, axis=1) <= radius * (1 + _TIE)
    return steps[near]
