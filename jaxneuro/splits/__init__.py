"""Cross-validation as weights: every splitter gives `(fold, sample)` arrays of 0 and 1.

A fold is a pair of weights over *all* samples, never a slice of them: shapes stay the same, the
data stay shared, and one compiled program serves every fold. A sample may be in neither part of a
fold (a gap, a held-out set): it then has weight 0 in both. NumPy only; all of it runs on the host.

Each splitter takes `within`, a bool mask (sample,): only these samples are split, all others have
weight 0 everywhere, so that a part held out for the end cannot be touched by the search. Labels and
groups outside it are not looked at. What cannot be split raises a ValueError that names the
argument, and the fold where there is one.

>>> k_fold(4, 2).test
array([[1., 1., 0., 0.],
       [0., 0., 1., 1.]], dtype=float32)
"""

from jaxneuro.splits.given import from_indices, from_splitter
from jaxneuro.splits.groups import group_k_fold, leave_one_group_out
from jaxneuro.splits.samples import blocks, holdout, k_fold, stratified
from jaxneuro.splits.spatial import by_distance
from jaxneuro.splits.types import NestedSplits, Splits
from jaxneuro.splits.within import nested

__all__ = [
    "NestedSplits",
    "Splits",
    "blocks",
    "by_distance",
    "from_indices",
    "from_splitter",
    "group_k_fold",
    "holdout",
    "k_fold",
    "leave_one_group_out",
    "nested",
    "stratified",
]
