"""Where the information is: a classifier in every sphere of voxels, or disc of vertices."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat, origin
from jaxneuro.areas.found import SearchlightMap, significance
from jaxneuro.areas.gathered import gathered
from jaxneuro.areas.local import LOCAL
from jaxneuro.areas.neighbours import Neighbours
from jaxneuro.areas.sweep import Sweep, blocks_of
from jaxneuro.classify.epochs import check_classes, folds_of, permuted, values_of
from jaxneuro.data.labels import as_labels
from jaxneuro.engine.progress import Progress
from jaxneuro.sizes import bucket
from jaxneuro.splits import Splits

_DECODERS = ("ridge", "lda", "max_correlation", "logistic")


def searchlight(
    x: ArrayLike,
    y: ArrayLike,
    splits: Any,
    neighbours: Neighbours,
    decoder: str = "ridge",
    *,
    l2: float | Sequence[float] = 1.0,
    shrinkage: float | str = "ledoit_wolf",
    permutations: int = 0,
    groups: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> SearchlightMap:
    """The accuracy of a classifier of each centre's neighbours, cross-validated (Kriegeskorte,
    Goebel & Bandettini 2006, PNAS 103:3863), and a p-map by the maximum over centres.

    Centres, folds and permutations run through the same programs over one `x`. Voxels are scaled by
    mean and deviation of the training samples of each fold. "ridge", "max_correlation" and "lda" of
    a fixed shrinkage see labels through the sums of classes alone: thousands of permutations cost
    little more than one. "logistic" and "lda" by Ledoit and Wolf are fitted anew for each.

    Args:
      x: (sample, voxel) numbers: volumes or betas, detrended. A voxel with values that are not
        finite is left out of all spheres, with a warning, and the map is NaN there.
      y: (sample,) labels, as of `data.as_labels`.
      splits: from `jaxneuro.splits`, nested or not; a scikit-learn splitter, or a list of pairs of
        indices (train, test). Runs must stay whole: `splits.leave_one_group_out(run)`.
      neighbours: of `spheres`, `discs` or `neighbours.from_lists`, over the columns of `x`.
      decoder: "ridge" (least squares on indicators of the classes, scikit-learn's
        `RidgeClassifier`), "lda" (`classify.lda`), "max_correlation" (`classify.max_correlation`)
        or "logistic" (`classify.logistic`).
      l2: of "ridge", relative to the training samples (`alpha = l2 · samples`); of "logistic",
        relative to the curvature of the loss, or a list to choose from on inner folds.
      shrinkage: of "lda": from 0 to 1, or "ledoit_wolf".
      permutations: of the labels, for the p-map.
      groups: (sample,) runs or subjects: labels change places within their group only.
      blocks: (sample,) ids of stretches of one label that change places as a whole, as the volumes
        of a block must, since each resembles the next. None: every sample on its own.
      seed: of the permutations.
      progress: True or False; None: where stderr is a terminal.

    Raises:
      ValueError: names the field, or the fold and the class that it has no training sample of.
    """
    begun = time.perf_counter()
    strength = _strength(decoder, l2, shrinkage)
    if not isinstance(permutations, int | np.integer) or permutations < 0:
        raise ValueError(f"permutations is {permutations!r}: it must be a whole number from 0")
    labels, names = as_labels(y)
    several = decoder == "logistic" and np.size(l2) > 1
    outer, inner = folds_of(splits, labels, groups, several)
    check_classes(outer, labels, names)
    used = ((outer.train > 0) | (outer.test > 0)).any(axis=0)
    data, bad = _voxels(x, len(labels), neighbours, used)
    orders = exchanged(labels, outer, groups, blocks, int(permutations), seed)
    every = np.concatenate([labels[None], orders]).astype(np.int32)
    told = _Told(len(neighbours) * len(outer.names) * len(every), progress)
    with compat.own_settings():
        if decoder in LOCAL and strength is not None:
            _check_lda(decoder, strength, outer, labels, neighbours)
            local = LOCAL[decoder](jnp.float32(strength))
            grid = blocks_of(neighbours, len(labels))
            sweep = Sweep(_laid_out(data), outer, neighbours, local, len(names), grid)
            right, by_fold = sweep.right(every, told.more)
        else:
            right, by_fold = gathered(
                data, every, outer, inner, neighbours, decoder, l2, len(names), told.more
            )
    told.close()
    weight = outer.test.sum(axis=1, dtype=np.float64)
    known = np.isfinite(right[0]) & ~_unknown(data, bad, neighbours, used)
    return SearchlightMap(
        decoder,
        np.where(known, right[0] / weight.sum(), np.nan).astype(np.float64),
        np.where(known, by_fold / weight[:, None], np.nan),
        sizes=neighbours.counts,
        classes=values_of(y, names),
        folds=tuple(outer.names),
        **significance(right, float(weight.sum()), known),
        seconds=time.perf_counter() - begun,
    )


def exchanged(
    labels: NDArray[np.int32], outer: Splits, groups: Any, blocks: Any, count: int, seed: int
) -> NDArray[np.int32]:
    """(permutation, sample) labels in random order: within groups, and by whole blocks.

    Raises:
      ValueError: blocks of another length, or one of two labels, groups or parts of a fold.
    """
    if blocks is None:
        return permuted(labels, outer, groups, count, seed)
    if np.shape(blocks) != labels.shape:
        raise ValueError(f"blocks is {np.shape(blocks)}: it must be (sample,) = {labels.shape}")
    names, first, block = np.unique(np.asarray(blocks), return_index=True, return_inverse=True)
    group = np.zeros(len(labels)) if groups is None else np.asarray(groups)
    used = np.asarray(((outer.train > 0) | (outer.test > 0)).any(axis=0))
    for what, values in (("label", labels), ("group", group), ("use", used)):
        if (odd := np.flatnonzero(values != values[first][block])).size:
            name = names[block[odd[0]]]
            raise ValueError(f"blocks: block {name} has samples of more than one {what}")
    whole = Splits(outer.train[:, first], outer.test[:, first], outer.names)
    return permuted(labels[first], whole, group[first], count, seed)[:, block]


class _Told:
    """Fits that are done, told as they come."""

    def __init__(self, fits: int, shown: bool | None):
        self.done, self.progress = 0, Progress(fits, 0, shown)

    def more(self, fits: int) -> None:
        self.done += fits
        self.progress.tell(self.done, 0)

    def close(self) -> None:
        self.progress.close()


def _voxels(x: Any, samples: int, neighbours: Neighbours, used) -> tuple[Any, NDArray[np.bool_]]:
    """(sample, voxel) float32, 0 where not finite or not used; and (voxel,) whether not finite."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf" or x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x is {x.dtype} {x.shape}: it must be numbers (sample, voxel)")
    if len(x) != samples:
        raise ValueError(f"x has {len(x)} samples and y has {samples}")
    if not isinstance(neighbours, Neighbours):
        raise TypeError("neighbours: pass what areas.spheres or areas.discs gives")
    if (most := int(neighbours.index.max())) >= x.shape[1]:
        raise ValueError(f"neighbours have voxel {most}, and x has {x.shape[1]} voxels")
    bad = np.asarray((~np.isfinite(x) & used[:, None]).any(axis=0))
    if bad.any():
        warnings.warn(
            f"x: {int(bad.sum())} of {len(bad)} voxels have values that are not finite, the first "
            f"is voxel {int(bad.argmax())}: they are left out of all spheres, and NaN in the map",
            stacklevel=3,
        )
    if bad.any() or not used.all():
        x = np.where(used[:, None] & ~bad, x, 0)
    return origin.centred("x", x.astype(np.float32) if x.dtype == bool else x)[0], bad


def _laid_out(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """(voxel, sample), with voxels of zeros at the end."""
    grown = np.zeros((bucket(data.shape[1] + 1), len(data)), np.float32)
    grown[: data.shape[1]] = data.T
    return grown


def _unknown(data, bad, neighbours: Neighbours, used) -> NDArray[np.bool_]:
    """(centre,) that no member of varies, or that is not finite itself, where it is a voxel."""
    varies = np.append((data[used] != data[used][0]).any(axis=0), False)
    some = np.asarray(varies[neighbours.index].any(axis=1))
    return ~(some & ~bad) if len(neighbours) == len(bad) else ~some


def _strength(decoder: str, l2: Any, shrinkage: Any) -> float | None:
    """Of the classifiers by sums of classes; None of those that are fitted anew.

    Raises:
      ValueError: no such decoder, or no such strength.
    """
    if decoder not in _DECODERS:
        raise ValueError(f"decoder is {decoder!r}: one of {', '.join(map(repr, _DECODERS))}")
    if decoder == "lda" and shrinkage != "ledoit_wolf":
        if isinstance(shrinkage, str) or not 0 <= shrinkage <= 1:
            raise ValueError(f'shrinkage is {shrinkage!r}: "ledoit_wolf" or a number in [0, 1]')
        return float(shrinkage)
    if decoder in ("ridge", "logistic"):
        given = np.atleast_1d(np.asarray(l2, np.float64))
        if given.ndim != 1 or not given.size or not (np.isfinite(given) & (given > 0)).all():
            raise ValueError(f"l2 is {l2!r:.80}: it must be above 0")
        if decoder == "ridge" and given.size > 1:
            raise ValueError("l2 is a list, which only decoder='logistic' chooses from")
        return float(given[0]) if decoder == "ridge" else None
    return None if decoder == "lda" else 0.0


def _check_lda(decoder: str, strength: float, outer: Splits, labels, neighbours) -> None:
    if decoder != "lda" or strength > 0:
        return
    for name, train in zip(outer.names, outer.train, strict=True):
        free = int((train > 0).sum()) - len(np.unique(labels[train > 0]))
        if free < (most := int(neighbours.counts.max())):
            raise ValueError(
                f"fold {name}: lda without shrinkage needs more training samples than {most} "
                'voxels and the classes: shrinkage above 0, or "ledoit_wolf"'
            )
