"""Splitters of samples: folds, blocks of time, classes in proportion, one part."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.splits.parts import (
    check_folds,
    check_integer,
    checked,
    from_parts,
    index_within,
    values_within,
    warn,
    weights,
)
from jaxneuro.splits.types import Splits


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
    index = index_within(within, samples)
    check_folds(folds, len(index), "samples")
    if seed is not None:
        index = np.random.default_rng(seed).permutation(index)
    return from_parts(np.array_split(index, folds), samples)


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

    >>> blocks(6, 2, gap=1).train.tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    index = index_within(within, samples)
    check_integer("gap", gap, least=0)
    check_integer("blocks_per_fold", blocks_per_fold, least=1)
    check_folds(folds, len(index), "samples")
    if folds * blocks_per_fold > len(index):
        raise ValueError(
            f"blocks_per_fold = {blocks_per_fold}: {folds} folds of these need "
            f"{folds * blocks_per_fold} blocks, but there are {len(index)} samples"
        )
    pieces = np.array_split(index, folds * blocks_per_fold)
    splits = from_parts([np.concatenate(pieces[k::folds]) for k in range(folds)], samples)
    counts = np.pad(np.cumsum(splits.test, axis=1, dtype=np.int64), ((0, 0), (1, 0)))
    time = np.arange(samples)
    before, after = np.maximum(time - gap, 0), np.minimum(time + gap + 1, samples)
    near = counts[:, after] > counts[:, before]  # a test sample lies within the gap
    train = np.where(near, np.float32(0), splits.train)
    return checked(splits._replace(train=train), f"gap = {gap} is too wide")


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
    labels, index = values_within("labels", labels, within)
    index = np.random.default_rng(seed).permutation(index)
    classes, label, counts = np.unique(labels[index], return_inverse=True, return_counts=True)
    check_integer("folds", folds, least=2)
    if len(classes) < 2:
        raise ValueError(f"labels: at least 2 classes are needed, got {len(classes)}")
    if np.count_nonzero(counts > 1) < 2:
        raise ValueError("labels: at least 2 classes must have 2 members or more each")
    if (counts == 1).any():
        once = ", ".join(str(name) for name in classes[counts == 1])
        warn(f"labels: class {once} has a single member, and is left out of all folds")
    least = int(counts[counts > 1].min())
    if least < folds:
        few = ", ".join(str(name) for name in classes[counts == least])
        warn(f"labels: class {few} has only {least} members: {least} folds instead of {folds}")
    index = index[np.argsort(label, kind="stable")]
    index = index[np.repeat(counts, counts) > 1]  # in the order of classes, as the index now is
    folds = min(folds, least)
    return from_parts([index[k::folds] for k in range(folds)], len(labels))


def holdout(test: ArrayLike, within: ArrayLike | None = None) -> Splits:
    """A single fold: the samples of `test` are the test, all others are trained on.

    Args:
      test: bool (sample,).
      within: bool (sample,), the samples to split; None = all.

    Raises:
      ValueError: nothing to test, nothing to train on, or a malformed mask.

    >>> holdout([False, False, True]).train.tolist()
    [[1.0, 1.0, 0.0]]
    """
    mask = np.asarray(test)
    index = index_within(within, mask.size)
    tested = np.intersect1d(index_within(test, mask.size, "test"), index)
    parts = weights([tested, np.setdiff1d(index, tested)], mask.size)
    return checked(Splits(parts[1:], parts[:1], ("holdout",)), "test or within")
