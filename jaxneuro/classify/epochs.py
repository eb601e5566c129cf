"""Epochs, labels and folds as the programs of `matrix` take them, and what can be wrong of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxneuro import origin
from jaxneuro import splits as splitters
from jaxneuro.data.labels import plain
from jaxneuro.sizes import bucket, grown
from jaxneuro.splits import NestedSplits, Splits

_INNER = 3  # folds


class Epochs(NamedTuple):
    """Epochs, and what is known of them.

    Attributes:
      x: (window, trial, feature), trials padded.
      bad: (window,) whether values are not finite.
      labels: (trial,) the class of each.
      classes: (class,) what `y` has for them.
    """

    x: Any
    bad: NDArray[np.bool_]
    labels: NDArray[np.int32]
    classes: NDArray[Any]


def make_epochs(x: Any, y: Any, labels: NDArray[np.int32], names: Sequence[str], used) -> Epochs:
    """Checks `x` (trial, window, *feature), of which only the trials `used` (trial,) are looked at.

    Raises:
      ValueError: of another shape or kind.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf" or x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"x is {x.dtype} {x.shape}: it must be numbers (trial, window, *feature)")
    if len(x) != len(labels):
        raise ValueError(f"x has {len(x)} trials and y has {len(labels)}")
    x = x.reshape(*x.shape[:2], -1)
    finite = np.isfinite(x) | ~used[:, None, None]
    bad = ~finite.all(axis=(0, 2))
    if bad.any():
        warnings.warn(
            f"x: {int(bad.sum())} of {len(bad)} windows have values that are not finite, the first "
            f"is window {int(bad.argmax())}: they are left out, and their accuracies are NaN",
            stacklevel=5,
        )
    if bad.any() or not used.all():
        x = np.where(used[:, None, None] & ~bad[:, None], x, 0)
    if not (jax.config.jax_enable_x64 and x.dtype == np.float64):  # pyright: ignore
        x = origin.centred("x", x.astype(np.float32) if x.dtype == bool else x)[0]
    x = grown(np.ascontiguousarray(x.swapaxes(0, 1)), bucket(x.shape[0]), 1, zeros=True)
    return Epochs(jax.device_put(x), bad, labels, values_of(y, names))


def folds_of(
    splits: Any, labels: NDArray[np.int32], groups: Any, choose: bool
) -> tuple[Splits, NestedSplits | None]:
    """The folds to report and, to `choose` by, the folds within them.

    Raises:
      ValueError, TypeError: no folds of these trials.
    """
    trials = len(labels)
    if groups is not None and np.shape(groups) != (trials,):
        raise ValueError(f"groups is {np.shape(groups)}: it must be (trial,) = ({trials},)")
    if hasattr(splits, "train") and np.ndim(splits.train) == 3:
        outer = Splits(splits.train[:, -1], splits.test[:, -1], splits.names)
    elif hasattr(splits, "train"):
        outer = Splits(np.asarray(splits.train), np.asarray(splits.test), tuple(splits.names))
    elif hasattr(splits, "split"):
        outer = splitters.from_splitter(splits, trials, labels, groups)
    elif isinstance(splits, Sequence) and not isinstance(splits, str):
        outer = splitters.from_indices(splits, trials)
    else:
        raise TypeError(
            f"splits is {splits!r:.80}: pass what jaxneuro.splits gives, a scikit-learn splitter, "
            "or a list of pairs of indices"
        )
    if outer.train.shape[1] != trials:
        raise ValueError(f"splits are of {outer.train.shape[1]} trials, and y has {trials}")
    if not choose:
        return outer, None
    train: Any = getattr(splits, "train", None)
    if np.ndim(train) == 3 and train.shape[1] > 1:
        return outer, NestedSplits(train, splits.test, outer.names)  # pyright: ignore

    def inner(index: NDArray[np.intp]) -> Splits:
        if groups is not None:
            return splitters.group_k_fold(np.asarray(groups)[index], _INNER)
        return splitters.stratified(labels[index], _INNER)

    return outer, splitters.nested(outer, inner)


def check_classes(outer: Splits, labels: NDArray[np.int32], names: Sequence[str]) -> None:
    """Every class that occurs must be trained on in every fold.

    Raises:
      ValueError: names the fold and the class.
    """
    used = ((outer.train > 0) | (outer.test > 0)).any(axis=0)
    for name, train, test in zip(outer.names, outer.train, outer.test, strict=True):
        if not (train > 0).any() or not (test > 0).any() or ((train > 0) & (test > 0)).any():
            raise ValueError(f"fold {name}: it needs trials to train and others to test")
        missing = np.setdiff1d(labels[used], labels[train > 0])
        if missing.size:
            raise ValueError(
                f"fold {name} has no training trial of class {names[missing[0]]!r}: use "
                "splits.stratified, fewer folds, or leave that class out"
            )


def permuted(
    labels: NDArray[np.int32], outer: Splits, groups: Any, count: int, seed: int
) -> NDArray[np.int32]:
    """(permutation, trial) labels in random order, within groups, of the trials of any fold."""
    used = ((outer.train > 0) | (outer.test > 0)).any(axis=0)
    group = np.zeros(len(labels)) if groups is None else np.asarray(groups)
    _, group = np.unique(group, return_inverse=True)
    rng, found = np.random.default_rng(seed), np.tile(labels, (count, 1))
    for number in np.unique(group[used]):
        members = np.flatnonzero(used & (group == number))
        found[:, members] = rng.permuted(found[:, members], axis=1)
    return found


def values_of(y: Any, names: Sequence[str]) -> NDArray[Any]:
    """(class,) the values that `y` has, in the order of `names`."""
    values = plain(y, "y")
    if values.dtype.kind not in "biuf" or (values.ndim == 2 and values.shape[1] > 1):
        return np.array(names)
    found = np.unique(values)
    return found.astype(np.int64) if found.dtype.kind == "f" else found


def called(classes: NDArray[Any], codes: NDArray[Any]) -> NDArray[Any]:
    """What `codes` stand for, as `y` has it. Where one is -1, for none: "" of strings; numbers are
    then floats, and it is NaN."""
    found, none = classes[codes], codes < 0
    if not none.any():
        return found
    return np.where(none, "" if found.dtype.kind == "U" else np.nan, found)
