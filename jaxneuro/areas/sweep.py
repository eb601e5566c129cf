"""A searchlight in blocks of centres: what a block holds, and what its programs are called with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro.areas import scan
from jaxneuro.areas.cells import Cells, cells_of
from jaxneuro.areas.neighbours import Neighbours
from jaxneuro.sizes import bucket, grown
from jaxneuro.splits import Splits

_STORED = 2**27  # bytes of what spheres keep for all permutations, and of the sums of a block
_WORKING = 2**20  # bytes of the scores of one moment: they stay in the cache
_MOST = 128  # permutations in a block
_SPHERES = 5  # prepared together


class Sweep(NamedTuple):
    """A searchlight over `x` (voxel, sample) by a classifier of `local`.

    Attributes:
      x: the last voxels are zeros, one at least.
      blocks: the centres of each, all of one length; -1 is padding.
    """

    x: Any
    splits: Splits
    neighbours: Neighbours
    local: Any
    classes: int
    blocks: NDArray[np.int64]

    def right(
        self, labels: NDArray[np.int32], tell: Callable[[int], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(permutation, centre) weight of held-out samples that are taken for what `labels`
        (permutation, sample) say; and (fold, centre) of the first of them."""
        total = np.zeros((len(labels), len(self.neighbours)), np.float32)
        by_fold = np.zeros((len(self.splits.names), len(self.neighbours)), np.float32)
        for folds, cells in cells_of(self.splits):
            cells = jax.tree.map(jnp.asarray, cells)
            over = scan.voxels(self.x, cells)
            for centres in self.blocks:
                kept = centres[centres >= 0]
                for first, found in self.block(over, cells, centres, labels):
                    counts = found[: len(kept)]
                    if first == 0:
                        by_fold[np.ix_(folds, kept)] = counts[:, :, 0].T
                    last = min(first + counts.shape[2], len(labels))
                    total[first:last, kept] += counts.sum(axis=1).T[: last - first]
                    tell(len(kept) * len(folds) * (last - first))
        return total, by_fold

    def block(self, over, cells: Cells, centres, labels) -> Iterator[tuple[int, NDArray]]:
        """(sphere, fold, permutation) counts of each block of permutations, and its first."""
        none = len(self.x) - 1  # of zeros
        index = np.full((len(centres), bucket(self.neighbours.index.shape[1])), -1)
        index[centres >= 0, : self.neighbours.index.shape[1]] = self.members(centres)
        some = np.unique(index[index >= 0])
        index = np.where(index >= 0, index, none)
        made = scan.prepared(over, cells, index, self.local, group=_SPHERES)
        within = np.full(len(self.x), self.union() - 1)
        within[some] = np.arange(len(some))
        some = np.pad(some, (0, self.union() - len(some)), constant_values=none)
        size = self.together(len(labels), cells)
        group = self.group(size, cells)
        for first in range(0, len(labels), size):
            part = jnp.asarray(grown(labels[first : first + size], size, 0))
            of = scan.class_sums(over, cells, some, part, classes=self.classes)
            found = scan.right(made, of, cells, within[index], part, self.local, group=group)
            yield first, np.asarray(found)

    def members(self, centres: NDArray[np.int64]) -> NDArray[np.int32]:
        return self.neighbours.index[centres[centres >= 0]]

    def union(self) -> int:
        """Voxels of the largest block of centres, and one of zeros."""
        return bucket(1 + max(len(np.unique(self.members(block))) for block in self.blocks))

    def together(self, permutations: int, cells: Cells) -> int:
        """Permutations in a block: one if there are no others."""
        a_permutation = 4 * self.union() * self.classes * sum(cells.weight.shape)
        return min(permutations, _MOST, max(1, _STORED // a_permutation))

    def group(self, permutations: int, cells: Cells) -> int:
        """Spheres and folds that are scored together; divides all those of a block."""
        scores = 4 * cells.test.shape[1] * self.classes * permutations
        pairs = self.blocks.shape[1] * len(cells.weight)
        cached = jax.default_backend() == "cpu"
        most = min(64, _WORKING // scores) if cached else min(pairs, _STORED // scores)
        return max(size for size in range(1, 1 + max(1, most)) if pairs % size == 0)


def blocks_of(neighbours: Neighbours, samples: int) -> NDArray[np.int64]:
    """(block, place) centres that lie together, so that they share voxels; -1 is padding."""
    width = bucket(neighbours.index.shape[1])
    a_sphere = 4 * width * (samples + 8 * width)
    groups = max(1, min(_STORED // a_sphere // _SPHERES, bucket(-(-len(neighbours) // _SPHERES))))
    size = groups * _SPHERES
    order = _nearby(neighbours, size) if size < len(neighbours) else np.arange(len(neighbours))
    return np.pad(order, (0, -len(order) % size), constant_values=-1).reshape(-1, size)


def _nearby(neighbours: Neighbours, size: int) -> NDArray[np.int64]:
    """(centre,) in an order of which each `size` lie together: breadth first over members from the
    first that is left, each voxel standing for the centre of its number where there is one."""
    lists, left, order = neighbours.lists(), np.ones(len(neighbours), bool), list[int]()
    for start in range(len(left)):
        waiting, taken = [start] * bool(left[start]), 0
        for centre in waiting:  # grows as it is read
            if taken == size:
                break
            if left[centre]:
                left[centre] = False
                order.append(centre)
                taken += 1
                members = lists[centre][lists[centre] < len(left)]
                waiting.extend(members[left[members]].tolist())
    return np.array(order)
