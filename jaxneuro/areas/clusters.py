"""Clusters of a map: places that touch each other above a threshold, and how likely by chance."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.areas.neighbours import Neighbours, spheres
from jaxneuro.statistics import p_values

_CHUNK = 2**22  # numbers that the null maps of one moment look at


@dataclass(frozen=True, repr=False)
class Clusters:
    """Of a map, the largest first.

    Attributes:
      labels: (centre,) the number of its cluster from 1; 0: none.
      sizes: (cluster,) centres.
      peaks: (cluster,) the centre of the greatest value.
      values: (cluster,) that value.
      positions: (cluster, 3) where it is, in mm; None where positions are not known.
      p: (cluster,) the p of the peak, as given; None without.
      p_size: (cluster,) probability of a cluster as large anywhere, from `null_maps`; None without.
      threshold: above which values are.
    """

    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]
    peaks: NDArray[np.int64]
    values: NDArray[np.float64]
    positions: NDArray[np.float64] | None
    p: NDArray[np.float64] | None
    p_size: NDArray[np.float64] | None
    threshold: float

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        largest = f", the largest of {self.sizes[0]}" if len(self) else ""
        return f"<{len(self)} clusters above {self.threshold:.3g}{largest}>"

    def table(self) -> dict[str, NDArray[Any]]:
        """One row a cluster."""
        rows: dict[str, NDArray[Any]] = {
            "cluster": np.arange(1, len(self) + 1),
            "size": self.sizes,
            "peak": self.peaks,
            "value": self.values,
        }
        if self.positions is not None:
            rows |= dict(zip(("x", "y", "z"), self.positions.T, strict=True))
        some = {"p": self.p, "p_size": self.p_size}
        return rows | {name: found for name, found in some.items() if found is not None}

    def save(self, path: str | Path) -> Path:
        """Writes the table as comma-separated values."""
        table = self.table()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
        return Path(path)


def clusters(
    values: ArrayLike,
    threshold: float,
    touching: Neighbours | ArrayLike,
    *,
    positions: ArrayLike | None = None,
    p: ArrayLike | None = None,
    null_maps: ArrayLike | None = None,
) -> Clusters:
    """Connected sets of centres whose values are above a threshold.

    The size of a cluster is judged by the largest of each null map above the same threshold, which
    must not have been chosen by looking at the map (Nichols & Holmes 2002, Hum. Brain Mapp. 15:1):
    a small p_size says that the cluster as a whole is real, and of no single centre.

    Args:
      values: (centre,); NaN is in no cluster.
      threshold: values above it count.
      touching: which centres touch: `Neighbours` of themselves, or a bool mask (x, y, z) of which
        they are the voxels: those with a face in common touch.
      positions: (centre, 3) in mm, as of `data.Volume`.
      p: (centre,) p-values of the map.
      null_maps: (permutation, centre), as of `searchlight`.

    Raises:
      ValueError: shapes that do not match.
    """
    near = touching if isinstance(touching, Neighbours) else spheres(touching, 1.0, 1.0)
    given = np.asarray(values, np.float64)
    if given.shape != (len(near),):
        raise ValueError(f"values {given.shape} must be (centre,) = ({len(near)},)")
    _check("positions", positions, (len(near), 3))
    _check("p", p, (len(near),))
    _check("null_maps", null_maps, (len(near),), maps=True)
    root = _roots(given[None] > threshold, near)[0]
    names, first_size = np.unique(root[root >= 0], return_counts=True)
    order = np.argsort(-first_size, kind="stable")
    labels = np.zeros(len(given), np.int32)
    peaks = np.zeros(len(names), np.int64)
    for number, name in enumerate(names[order]):
        members = np.flatnonzero(root == name)
        labels[members], peaks[number] = number + 1, members[given[members].argmax()]
    sizes = first_size[order]
    largest = None if null_maps is None else _largest(np.asarray(null_maps), threshold, near)
    return Clusters(
        labels,
        sizes,
        peaks,
        given[peaks],
        None if positions is None else np.asarray(positions, np.float64)[peaks],
        None if p is None else np.asarray(p, np.float64)[peaks],
        None if largest is None else _as_large(sizes, largest),
        float(threshold),
    )


def _check(name: str, array: ArrayLike | None, ending: tuple[int, ...], maps: bool = False) -> None:
    if array is not None and (shape := np.shape(array))[int(maps) :] != ending:
        raise ValueError(f"{name} {shape}: the axes of a centre must be {ending}, as values are")


def _as_large(sizes: NDArray[np.int64], largest: NDArray[np.int64]) -> NDArray[np.float64]:
    return p_values(sizes.astype(float), np.tile(largest[:, None].astype(float), len(sizes)))


def _largest(maps: NDArray[Any], threshold: float, near: Neighbours) -> NDArray[np.int64]:
    """(permutation,) size of the largest cluster of each map."""
    step = max(1, _CHUNK // near.index.size)
    found = np.zeros(len(maps), np.int64)
    for first in range(0, len(maps), step):
        roots = _roots(maps[first : first + step] > threshold, near)
        for number, root in enumerate(roots):
            if (root >= 0).any():
                found[first + number] = np.bincount(root[root >= 0]).max()
    return found


def _roots(above: NDArray[np.bool_], near: Neighbours) -> NDArray[np.int64]:
    """(map, centre) the least centre of its cluster; -1 of those that are not above."""
    maps, count = above.shape
    root = np.where(above, np.arange(count), count)
    root = np.concatenate([root, np.full((maps, 1), count)], axis=1)  # the last: of padding
    index = np.where(near.index < 0, count, near.index)
    while True:
        least = root[:, index].min(axis=2)
        least = np.where(above, np.minimum(least, root[:, :-1]), count)
        least = np.concatenate([least, np.full((maps, 1), count)], axis=1)
        least = np.take_along_axis(least, least, axis=1)  # long ways in few steps
        if (least == root).all():
            return np.where(root < count, root, -1)[:, :-1]
        root = least
