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

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "NestedSplits",
    "Splits",
    "blocks",
    "from_indices",
    "from_splitter",
    "group_k_fold",
    "holdout",
    "k_fold",
    "leave_one_group_out",
    "nested",
    "stratified",
]


class Splits(NamedTuple):
    """Folds of one cross-validation; weights of 0 and 1 (or how often `from_indices` drew it)."""

    train: NDArray[np.float32]  # (fold, sample) what is fitted
    test: NDArray[np.float32]  # (fold, sample) what is scored
    names: tuple[str, ...]  # (fold,)


class NestedSplits(NamedTuple):
    """Folds within folds; the last of each outer fold's inner rows is its refit (see `nested`)."""

    train: NDArray[np.float32]  # (outer, inner + 1, sample) what is fitted
    test: NDArray[np.float32]  # (outer, inner + 1, sample) what is scored
    names: tuple[str, ...]  # (outer,)


def k_fold(
    samples: int, folds: int, seed: int | None = None, within: ArrayLike | None = None
) -> Splits:
    """Folds of equal size (to one sample): contiguous without a seed, shuffled with one.

    For independent samples. Neighbours in a time series are not: see `blocks`.

    Args:
      samples: how many there are.
      folds: how many, at least 2 and at most the samples split.
      seed: of the shuffle; None = in order, as scikit-learn's KFold.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: too few or too many folds, or a malformed mask.
    """
    index = _index_within(within, samples)
    _check_folds(folds, len(index), "samples")
    if seed is not None:
        index = np.random.default_rng(seed).permutation(index)
    return _from_parts(np.array_split(index, folds), samples)


def blocks(
    samples: int,
    folds: int,
    gap: int = 0,
    blocks_per_fold: int = 1,
    within: ArrayLike | None = None,
) -> Splits:
    """Contiguous blocks of time as tests, with a gap around each that is in neither part.

    For autocorrelated series and lagged features, where a training sample next to a test block
    holds what is tested (Burman, Chow & Nolan 1994, Biometrika 81:351, h-block cross-validation).
    Let `gap` be the longest lag, or the time over which noise is correlated, in samples.

    Args:
      samples: how many there are, in order of time.
      folds: how many, at least 2.
      gap: a training sample is further than this from every test sample of its fold, counted in
        samples of the whole series, not of those within `within`.
      blocks_per_fold: test blocks of each fold, dealt in turn, so that more than one spreads
        each fold's test over the session and its drift.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: too few or too many folds or blocks, a gap that leaves a fold nothing to train
        on, or a malformed mask.
    """
    index = _index_within(within, samples)
    _check_integer("gap", gap, least=0)
    _check_integer("blocks_per_fold", blocks_per_fold, least=1)
    _check_folds(folds, len(index), "samples")
    if folds * blocks_per_fold > len(index):
        raise ValueError(
            f"blocks_per_fold = {blocks_per_fold}: {folds} folds of these need "
            f"{folds * blocks_per_fold} blocks, but there are {len(index)} samples"
        )
    pieces = np.array_split(index, folds * blocks_per_fold)
    splits = _from_parts([np.concatenate(pieces[k::folds]) for k in range(folds)], samples)
    counts = np.pad(np.cumsum(splits.test, axis=1, dtype=np.int64), ((0, 0), (1, 0)))
    time = np.arange(samples)
    before, after = np.maximum(time - gap, 0), np.minimum(time + gap + 1, samples)
    near = counts[:, after] > counts[:, before]  # a test sample lies within the gap
    train = np.where(near, np.float32(0), splits.train)
    return _checked(splits._replace(train=train), f"gap = {gap} is too wide")


def leave_one_group_out(groups: ArrayLike, within: ArrayLike | None = None) -> Splits:
    """Each group (run, session, subject) is the test of one fold; the folds bear their names.

    Args:
      groups: (sample,) integers, strings, ...; the folds come in their sorted order.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: a single group, missing values, or a malformed mask.
    """
    groups, index = _values_within("groups", groups, within)
    names, group = np.unique(groups[index], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"groups: at least 2 are needed to leave one out, got {len(names)}")
    parts = [index[group == k] for k in range(len(names))]
    return _from_parts(parts, len(groups), tuple(str(name) for name in names))


def group_k_fold(groups: ArrayLike, folds: int, within: ArrayLike | None = None) -> Splits:
    """Folds that split no group, balanced in samples: largest group first, to the smallest fold.

    Args:
      groups: (sample,) integers, strings, ...
      folds: how many, at least 2 and at most the groups.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: too few or too many folds, missing values, or a malformed mask.
    """
    groups, index = _values_within("groups", groups, within)
    names, group, counts = np.unique(groups[index], return_inverse=True, return_counts=True)
    _check_folds(folds, len(names), "groups")
    sizes, fold_of = np.zeros(folds, int), np.zeros(len(names), int)
    for k in np.argsort(-counts, kind="stable"):
        fold_of[k] = np.argmin(sizes)
        sizes[fold_of[k]] += counts[k]
    return _from_parts([index[fold_of[group] == k] for k in range(folds)], len(groups))


def stratified(
    labels: ArrayLike, folds: int, seed: int = 0, within: ArrayLike | None = None
) -> Splits:
    """Shuffled folds, each with each class in its proportion, to one sample.

    Samples sorted by class are dealt to the folds in turn, as cards, so that folds are of equal
    size too, to one sample. Every class is in the test of every fold: where one has fewer members
    than there are folds, there are fewer folds, and a class with a single member is in neither part
    of any. A warning tells of each.

    Args:
      labels: (sample,) classes: integers, strings, ...
      folds: how many, at least 2.
      seed: of the shuffle within classes.
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: fewer than 2 folds, fewer than two classes with two members, missing values, or a
        malformed mask.
    """
    labels, index = _values_within("labels", labels, within)
    index = np.random.default_rng(seed).permutation(index)
    classes, label, counts = np.unique(labels[index], return_inverse=True, return_counts=True)
    _check_integer("folds", folds, least=2)
    if len(classes) < 2:
        raise ValueError(f"labels: at least 2 classes are needed, got {len(classes)}")
    if np.count_nonzero(counts > 1) < 2:
        raise ValueError("labels: at least 2 classes must have 2 members or more each")
    if (counts == 1).any():
        once = ", ".join(str(name) for name in classes[counts == 1])
        _warn(f"labels: class {once} has a single member, and is left out of all folds")
    least = int(counts[counts > 1].min())
    if least < folds:
        few = ", ".join(str(name) for name in classes[counts == least])
        _warn(f"labels: class {few} has only {least} members: {least} folds instead of {folds}")
    index = index[np.argsort(label, kind="stable")]
    index = index[np.repeat(counts, counts) > 1]  # in the order of classes, as the index now is
    folds = min(folds, least)
    return _from_parts([index[k::folds] for k in range(folds)], len(labels))


def holdout(test: ArrayLike, within: ArrayLike | None = None) -> Splits:
    """A single fold: the samples of `test` are the test, all others are trained on.

    Args:
      test: bool (sample,).
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: nothing to test, nothing to train on, or a malformed mask.
    """
    mask = np.asarray(test)
    index = _index_within(within, mask.size)
    tested = np.intersect1d(_index_within(test, mask.size, "test"), index)
    weights = _weights([tested, np.setdiff1d(index, tested)], mask.size)
    return _checked(Splits(weights[1:], weights[:1], ("holdout",)), "test or within")


def from_indices(pairs: Iterable[tuple[ArrayLike, ArrayLike]], samples: int) -> Splits:
    """Folds from pairs of (train indices, test indices), the form of scikit-learn's splits.

    An index that occurs twice in a part (a bootstrap) has weight 2 there. Samples may be in neither
    part of a fold.

    Args:
      pairs: one for each fold: indices 0, ..., samples - 1, or bool masks (sample,).
      samples: how many there are.

    Returns:
      Splits named "0", "1", ... in the order of the pairs.

    Raises:
      ValueError: names the fold that has no train or no test samples, samples in both, or indices
        that are none.
    """
    _check_integer("samples", samples, least=1)
    rows = [_pair_weights(pair, fold, samples) for fold, pair in enumerate(pairs)]
    if not rows:
        raise ValueError("pairs holds no fold: it needs (train indices, test indices) for each")
    train, test = (np.stack(part) for part in zip(*rows, strict=True))
    return _checked(Splits(train, test, tuple(str(k) for k in range(len(rows)))), "pairs")


def from_splitter(
    splitter: Any, samples: int, labels: ArrayLike | None = None, groups: ArrayLike | None = None
) -> Splits:
    """Folds of a scikit-learn splitter, or of anything else with `split(x, labels, groups)`.

    Args:
      splitter: such as `StratifiedGroupKFold(5)`; it is given a column of zeros for x.
      samples: how many there are.
      labels: (sample,), for splitters that look at classes.
      groups: (sample,), for splitters that look at groups.

    Raises:
      ValueError: what the splitter raises, with its name before it; or its folds are not sound, as
        in `from_indices`.
    """
    split: Any = getattr(splitter, "split", None)
    name = type(splitter).__name__
    if isinstance(splitter, str | bytes | type) or not callable(split):
        raise ValueError(f"splitter is {splitter!r}: it needs a method split(x, labels, groups)")
    _check_integer("samples", samples, least=1)
    given = [np.zeros((samples, 1)), labels, groups]
    while given[-1] is None:  # a splitter of one's own may take x alone
        given.pop()
    try:
        folds: Any = split(*given)
        pairs = list(folds)  # most splitters are generators, which raise only here
    except (TypeError, ValueError) as error:
        missing = [k for k, v in (("labels", labels), ("groups", groups)) if v is None]
        hint = f" (not given: {' and '.join(missing)})" if missing else ""
        raise ValueError(f"{name}.split: {error}{hint}") from error
    try:
        return from_indices(pairs, samples)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _pair_weights(pair: Any, fold: int, samples: int) -> list[NDArray[np.float32]]:
    """Train and test weights, each (sample,), of one pair of indices."""
    try:
        parts = list(pair)
    except TypeError:
        parts = []
    if len(parts) != 2:
        raise ValueError(f"pairs: fold {fold} is not a pair of (train indices, test indices)")
    rows = []
    for what, part in zip(("train", "test"), parts, strict=True):
        index = np.asarray(part)
        if index.dtype == bool and index.shape == (samples,):
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise ValueError(
                f"pairs: the {what} part of fold {fold} has dtype {index.dtype} and shape "
                f"{index.shape}; it must be a list of indices or a bool mask (sample,)"
            )
        if (outside := index[(index < 0) | (index >= samples)]).size:
            raise ValueError(
                f"pairs: the {what} part of fold {fold} has index {outside[0]}, which is not one "
                f"of {samples} samples"
            )
        rows.append(np.bincount(index.astype(np.intp), minlength=samples).astype(np.float32))
    return rows


def nested(outer: Splits, inner: Callable[[NDArray[np.intp]], Splits]) -> NestedSplits:
    """Splits of each outer fold's training samples, for choosing hyper-parameters without leaks.

    The last inner row of each outer fold is the *refit*: all its training samples, scored on its
    test samples. Search and refit are then rows of one array, so that one compiled program, in one
    pass, fits both: choose by the mean score of the rows before the last, report the last.

    Samples outside an outer fold's training part (its test, its gap) have weight 0 in all of its
    search rows.

    Args:
      outer: the folds to report.
      inner: called for each outer fold with the sorted indices of its training samples; returns
        Splits of just these: `lambda index: group_k_fold(groups[index], 5)`. The same number
        of folds every time. The gap of `blocks` inside counts training samples only, and so is
        never narrower than outside.

    Raises:
      ValueError: what `inner` raises, with the outer fold's name before it; inner splits of other
        shapes, a differing number of them, or with an empty or overlapping train and test.
    """
    _checked(outer, "outer")
    rows = [_inner_rows(outer, inner, fold) for fold in range(len(outer.names))]
    counts = [train.shape[0] - 1 for train, _ in rows]
    if len(set(counts)) > 1:
        listed = ", ".join(
            f"{count} in fold {name}" for name, count in zip(outer.names, counts, strict=True)
        )
        raise ValueError(f"inner must give each outer fold the same number of folds; got {listed}")
    train, test = (np.stack(part) for part in zip(*rows, strict=True))
    return NestedSplits(train, test, outer.names)


def _inner_rows(
    outer: Splits, inner: Callable[[NDArray[np.intp]], Splits], fold: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Train and test of one outer fold, each (inner + 1, sample), the refit last."""
    index = np.flatnonzero(outer.train[fold])
    try:
        splits = inner(index)
        expected = (len(splits.names), len(index))
        if not splits.train.shape == splits.test.shape == expected:
            raise ValueError(
                f"train {splits.train.shape} and test {splits.test.shape} must be (fold, training "
                f"sample of the outer fold) = {expected}"
            )
        _checked(splits, "splits given by inner")
    except ValueError as error:
        raise ValueError(f"inner, within outer fold {outer.names[fold]}: {error}") from error
    train, test = np.zeros((2, len(splits.names) + 1, outer.train.shape[1]), np.float32)
    train[:-1, index], test[:-1, index] = splits.train, splits.test
    train[-1], test[-1] = outer.train[fold], outer.test[fold]
    return train, test


def _from_parts(
    parts: list[NDArray[np.intp]], samples: int, names: tuple[str, ...] | None = None
) -> Splits:
    """Each part (indices, disjoint) is the test of one fold, and trains all the others."""
    test = _weights(parts, samples)
    train = test.sum(axis=0) - test
    return Splits(train, test, names or tuple(str(k) for k in range(len(parts))))


def _weights(parts: list[NDArray[np.intp]], samples: int) -> NDArray[np.float32]:
    """(part, sample): 1 at the indices of each part."""
    weights = np.zeros((len(parts), samples), np.float32)
    for row, index in zip(weights, parts, strict=True):
        row[index] = 1
    return weights


def _checked(splits: Splits, reason: str) -> Splits:
    """The splits, if every fold has something to train on, something to test, and not the same."""
    for name, train, test in zip(splits.names, splits.train, splits.test, strict=True):
        for part, weight in (("train on", train), ("test", test)):
            if not weight.any():
                raise ValueError(f"{reason}: fold {name} has no samples to {part}")
        if np.any((train > 0) & (test > 0)):
            raise ValueError(f"{reason}: fold {name} tests samples that it trains on")
    return splits


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


def _check_integer(name: str, value: int, least: int) -> None:
    try:
        enough = operator.index(value) >= least
    except TypeError:
        enough = False
    if not enough:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def _check_folds(folds: int, available: int, what: str) -> None:
    _check_integer("folds", folds, least=2)
    if folds > available:
        raise ValueError(f"folds = {folds}, but there are only {available} {what} to split")


def _index_within(mask: ArrayLike | None, samples: int, name: str = "within") -> NDArray[np.intp]:
    """Sorted indices of the samples that the mask lets through."""
    _check_integer("samples", samples, least=0)
    if mask is None:
        return np.arange(samples)
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (samples,):
        raise ValueError(
            f"{name} must be bool (sample,) = ({samples},), got {mask.dtype} {mask.shape}"
        )
    return np.flatnonzero(mask)


def _values_within(
    name: str, values: ArrayLike, within: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Groups or labels, (sample,), and the indices to split; none of these may be missing."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be (sample,), got {array.shape}")
    index = _index_within(within, len(array))
    split = array[index]
    missing = index[(split != split) | (split == np.array(None))]
    if len(missing):
        raise ValueError(
            f"{name} has {len(missing)} missing values, the first at sample {missing[0]}: "
            "leave these samples out by within"
        )
    return array, index
