"""What each group of features adds: variance partitioning, and r² split between groups."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.statistics.arrays import Floats, numbers

_MOST = 10  # groups: twice as many fits for each


class Subsets(NamedTuple):
    """Every set of feature groups but the empty one, the whole last.

    Attributes:
      kept: (set, feature) 0 or 1: `axes.ablations(kept, labels)` fits each set.
      members: (set, group) bool.
      labels: (set,) such as "position + speed".
      groups: (group,) their names.
    """

    kept: NDArray[np.float32]
    members: NDArray[np.bool_]
    labels: tuple[str, ...]
    groups: tuple[str, ...]


def subsets(groups: ArrayLike) -> Subsets:
    """Sets of feature groups for `axes.ablations`.

    Args:
      groups: (feature,) the group of each of the flattened features: names or numbers, in whose
        order of appearance the groups are.

    Raises:
      ValueError: another shape, a single group, or more than 10: 2^groups - 1 sets are fitted.
    """
    labels = np.asarray(groups)
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"groups has shape {labels.shape}: it must be (feature,), and not empty")
    found, first = np.unique(labels, return_index=True)
    found = found[np.argsort(first)]
    if not 2 <= len(found) <= _MOST:
        raise ValueError(f"groups has {len(found)} values: it must be 2 to {_MOST}")
    names = tuple(str(name) for name in found)
    members = np.array(list(itertools.product((True, False), repeat=len(found)))[:-1])
    members = members[np.argsort(members.sum(axis=1), kind="stable")]
    kept = members[:, (labels[:, None] == found).argmax(axis=1)].astype(np.float32)
    sets = tuple(" + ".join(itertools.compress(names, row)) for row in members)
    return Subsets(kept, members, sets, names)


class Partition(NamedTuple):
    """A score of all groups, divided.

    Attributes:
      total: (*target) of all groups together.
      unique: (group, *target) what is lost without each alone.
      parts: (set, *target) what exactly the groups of each set share; they sum to `total`. Of a set
        of one it is `unique`. Negative where groups predict better together than the sum of each.
    """

    total: Floats
    unique: Floats
    parts: Floats


def partition(scores: ArrayLike, members: ArrayLike) -> Partition:
    """Variance partitioning by fits of every set of groups (commonality analysis; Lescroart et al.
    2015, Front. Comput. Neurosci. 9:135; de Heer et al. 2017, J. Neurosci. 37:6539).

    With R(A) the score of the groups A, and h(A) = R(all) - R(all but A) what only A knows, the
    part of a set S is the sum of (-1)^(|S| - |A|) h(A) over its subsets A.

    Args:
      scores: (set, *target), 0 for a model of no features: r², explained deviance.
      members: (set, group) bool, every set but the empty one once, as `subsets` gives it.

    Raises:
      ValueError: sets that are missing, double or empty.
    """
    scores, members = numbers("scores", scores), np.asarray(members, bool)
    if members.ndim != 2 or len(members) != 2 ** members.shape[1] - 1:
        raise ValueError(f"members {members.shape} must be (set, group), with 2^group - 1 sets")
    if scores.shape[:1] != members.shape[:1]:
        raise ValueError(f"scores {scores.shape} must be (set, *target), with {len(members)} sets")
    code = members @ (1 << np.arange(members.shape[1]))
    if len(np.unique(code)) < len(code) or not code.all():
        raise ValueError("members: every set of groups must be there once, and the empty one not")
    whole = len(code)
    by_code = np.zeros((whole + 1, *scores.shape[1:]))  # of no features: 0
    by_code[code] = scores
    only = by_code[whole] - by_code[whole - np.arange(whole + 1)]
    parts = only.copy()  # Möbius: take out what smaller sets hold, one group at a time
    for bit in range(members.shape[1]):
        has = (np.arange(whole + 1) >> bit) & 1 == 1
        parts[has] -= parts[np.arange(whole + 1)[has] - (1 << bit)]
    unique = only[1 << np.arange(members.shape[1])]
    return Partition(by_code[whole], unique, parts[code])


def split_r2(y: ArrayLike, predictions: ArrayLike) -> Floats:
    """r² of a sum of predictions, split between them by the product measure: they sum to the whole
    (himalaya's `r2_score_split`; Dupré la Tour et al. 2022, NeuroImage 264:119728, eq. 11):
    Σ (2y - ŷ) ŷ_g / Σ y², with `y` about its mean.

    Args:
      y: (sample, *target), NaN = missing.
      predictions: (group, sample, *target) what each group of features adds to the prediction of
        `y` about its mean: x_g·kernel_g of features about theirs.

    Returns:
      (group, *target), NaN where `y` is constant or missing.

    Raises:
      ValueError: shapes that do not match, or infinite values.
    """
    y, predictions = numbers("y", y), numbers("predictions", predictions)
    if not y.ndim or predictions.shape[1:] != y.shape:
        raise ValueError(
            f"predictions {predictions.shape} must be (group, sample, *target), and y {y.shape} "
            "(sample, *target)"
        )
    there = ~np.isnan(y)
    count = np.maximum(there.sum(axis=0), 1)
    least = np.where(there, y, np.inf).min(axis=0)
    least = np.where(np.isfinite(least), least, 0)
    y = np.where(there, y - least, 0)
    y = np.where(there, y - y.sum(axis=0) / count, 0)
    predictions = np.where(there, predictions, 0)
    rest = 2 * y - predictions.sum(axis=0)
    total = np.square(y).sum(axis=0)
    found = np.stack([(rest * part).sum(axis=0) for part in predictions])
    return np.where(total > 0, found / np.where(total > 0, total, 1), np.nan)
