"""Splitters that divide no group: runs, sessions, subjects."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.splits.parts import check_folds, from_parts, values_within
from jaxneuro.splits.types import Splits


def leave_one_group_out(groups: ArrayLike, within: ArrayLike | None = None) -> Splits:
    """Each group (run, session, subject) is the test of one fold; the folds bear their names.

    Args:
      groups: (sample,) integers, strings, ...; the folds come in their sorted order.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: a single group, missing values, or a malformed mask.

    >>> leave_one_group_out(["a", "b", "a"]).names
    ('a', 'b')
    >>> leave_one_group_out(["a", "b", "a"]).test.tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    groups, index = values_within("groups", groups, within)
    names, group = np.unique(groups[index], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"groups: at least 2 are needed to leave one out, got {len(names)}")
    parts = [index[group == k] for k in range(len(names))]
    return from_parts(parts, len(groups), tuple(str(name) for name in names))


def group_k_fold(groups: ArrayLike, folds: int, within: ArrayLike | None = None) -> Splits:
    """Folds that split no group, balanced in samples: largest group first, to the smallest fold.

    Args:
      groups: (sample,) integers, strings, ...
      folds: how many, at least 2 and at most the groups.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: too few or too many folds, missing values, or a malformed mask.
    """
    groups, index = values_within("groups", groups, within)
    names, group, counts = np.unique(groups[index], return_inverse=True, return_counts=True)
    check_folds(folds, len(names), "groups")
    sizes, fold_of = np.zeros(folds, int), np.zeros(len(names), int)
    for k in np.argsort(-counts, kind="stable"):
        fold_of[k] = np.argmin(sizes)
        sizes[fold_of[k]] += counts[k]
    return from_parts([index[fold_of[group] == k] for k in range(folds)], len(groups))
