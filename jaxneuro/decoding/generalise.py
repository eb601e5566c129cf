"""Decoders of the windows of epochs: each on its own, or trained in one and tested in all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.classify.epochs import check_classes, folds_of, make_epochs, permuted
from jaxneuro.classify.run import DECODERS, Run, chance, scored
from jaxneuro.data.labels import as_labels
from jaxneuro.decoding.generalisation import Generalisation
from jaxneuro.splits import Splits


def generalise(
    x: ArrayLike,
    y: ArrayLike,
    splits: Any,
    decoder: str = "logistic",
    *,
    l2: float | Sequence[float] = 1.0,
    shrinkage: float | str = "ledoit_wolf",
    permutations: int = 0,
    groups: ArrayLike | None = None,
    windows: Sequence | None = None,
    seed: int = 0,
) -> Generalisation:
    """Trains a decoder in each window of epochs and tests it in every window: time generalisation
    (King & Dehaene 2014, Trends Cogn. Sci. 18:203). All windows, folds and permutations run through
    one program.

    Features are scaled by mean and deviation over the training trials of each window and fold: the
    trials of a test window by those of *that* window, so that a change of scale between windows
    costs no accuracy. (A scikit-learn pipeline in MNE-Python's `GeneralizingEstimator` scales them
    by the window trained on.) The diagonal is the same either way.

    Args:
      x: (trial, window, *feature) numbers. A window with values that are not finite is NaN
        throughout, with a warning, and harms no other.
      y: (trial,) labels: integers, strings, ... as of `data.as_labels`.
      splits: from `jaxneuro.splits`, nested or not; a scikit-learn splitter, or a list of pairs of
        indices (train, test).
      decoder: "logistic" (multinomial, ridge; `decoding.logistic`), "lda" (`decoding.lda`) or
        "max_correlation" (`decoding.max_correlation`).
      l2: of "logistic", relative to the curvature of the loss: a number, or a list to choose from
        by cross-entropy on inner folds, for each window, fold and permutation anew. The inner folds
        are those of nested `splits`; else 3, stratified or, with `groups`, of whole groups.
      shrinkage: of "lda".
      permutations: of the labels, for `p`, beside the order observed.
      groups: (trial,) runs or subjects: labels change places within their group only.
      windows: (window,) what the windows are called, such as times. None: 0, 1, ...
      seed: of the permutations.

    Raises:
      ValueError: names the field, or the fold and the class that it has no training trial of.
    """
    own = (l2, shrinkage, permutations, groups, windows, seed)
    return _decode(x, y, splits, decoder, *own, diagonal=False)


def sliding(
    x: ArrayLike,
    y: ArrayLike,
    splits: Any,
    decoder: str = "logistic",
    *,
    l2: float | Sequence[float] = 1.0,
    shrinkage: float | str = "ledoit_wolf",
    permutations: int = 0,
    groups: ArrayLike | None = None,
    windows: Sequence | None = None,
    seed: int = 0,
) -> Generalisation:
    """A decoder in each window of epochs, tested in the same: the diagonal of `generalise`, which
    says what the arguments are.

    Returns:
      `accuracy` (window,), `codes` (window, trial), and all else likewise.
    """
    own = (l2, shrinkage, permutations, groups, windows, seed)
    return _decode(x, y, splits, decoder, *own, diagonal=True)


def _decode(
    x, y, splits, decoder, l2, shrinkage, permutations, groups, windows, seed, *, diagonal
) -> Generalisation:
    begun = time.perf_counter()
    strengths = _strengths(decoder, l2, shrinkage)
    if not isinstance(permutations, int | np.integer) or permutations < 0:
        raise ValueError(f"permutations is {permutations!r}: it must be a whole number from 0")
    labels, names = as_labels(y)
    outer, inner = folds_of(splits, labels, groups, len(strengths) > 1)
    check_classes(outer, labels, names)
    used = ((outer.train > 0) | (outer.test > 0)).any(axis=0)
    epochs = make_epochs(x, y, labels, names, used)
    count = len(epochs.x)
    if windows is not None and len(windows) != count:
        raise ValueError(f"windows: {len(windows)} names for the {count} windows of x")
    if decoder == "lda":
        _check_lda(outer, labels, strengths, epochs.x.shape[2])
    run = Run(epochs, outer, inner, decoder, strengths, diagonal)
    with compat.own_settings():
        codes, right, strength = run.observed()
        found = scored(run, right)
        significance = chance(
            run, permuted(labels, outer, groups, int(permutations), seed), found[0]
        )
    if epochs.bad.any():
        codes = np.where(run.wrong()[..., None], np.int16(-1), codes)
    return Generalisation(
        decoder,
        *found,
        codes,
        labels=labels,
        classes=epochs.classes,
        windows=tuple(range(count)) if windows is None else tuple(windows),
        folds=tuple(outer.names),
        strength=strength,
        **significance,
        seconds=time.perf_counter() - begun,
    )


def _strengths(decoder: str, l2: Any, shrinkage: Any) -> NDArray[np.float32]:
    """What the decoder is regularised by, the strongest first; nothing where it takes nothing."""
    if decoder not in DECODERS:
        raise ValueError(f"decoder is {decoder!r}: one of {', '.join(map(repr, DECODERS))}")
    if decoder == "logistic":
        found = np.atleast_1d(np.asarray(l2, np.float32))
        if found.ndim != 1 or not found.size or not (np.isfinite(found) & (found > 0)).all():
            raise ValueError(f"l2 is {l2!r:.80}: it must be a number above 0, or a list of them")
        return np.sort(found)[::-1].copy()
    if decoder == "lda" and shrinkage != "ledoit_wolf":
        if isinstance(shrinkage, str) or not 0 <= shrinkage <= 1:
            raise ValueError(f'shrinkage is {shrinkage!r}: "ledoit_wolf" or a number in [0, 1]')
        return np.array([shrinkage], np.float32)
    return np.zeros(0, np.float32)


def _check_lda(outer: Splits, labels: NDArray, strengths: NDArray, features: int) -> None:
    for name, train in zip(outer.names, outer.train, strict=True):
        counts = np.bincount(labels[train > 0])
        counts = counts[counts > 0]
        if (counts < 2).all():
            raise ValueError(f"fold {name}: lda needs a class of two training trials")
        if len(strengths) and strengths[0] == 0 and counts.sum() - len(counts) < features:
            raise ValueError(
                f"fold {name}: lda without shrinkage needs more training trials than {features} "
                'features and the classes: shrinkage above 0, or "ledoit_wolf"'
            )
