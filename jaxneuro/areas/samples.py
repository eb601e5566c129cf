"""Samples of categories as classifiers see them: checked, numbered, and split into honest folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import splits
from jaxneuro.compare.recording import Recording, samples_of
from jaxneuro.data.given import labels_of
from jaxneuro.data.labels import as_labels
from jaxneuro.selection.defaults import told_folds
from jaxneuro.selection.lags import past_of
from jaxneuro.splits import NestedSplits

_MANY = 20  # groups that are each left out once; of more, several at a time
_TOGETHER = 10  # outer folds then
_GAP = 5  # samples between the parts of a time series
_UNEVEN = 2.0  # times that one class is as frequent as another, to be told


def make_samples(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None,
    test: ArrayLike | None,
    dt: float | None,
    balanced: bool,
    folds: int,
    seed: int,
    progress: bool | None,
    notes: list[str],
) -> Recording:
    """Checks what was given, and says in `notes` what was decided.

    Raises:
      ValueError: names the field.
    """
    found = samples_of(x, dt)
    known, classes = as_labels(labels, "labels")
    if len(known) != len(found):
        raise ValueError(f"labels has {len(known)} samples, and x has {len(found)}")
    whole = labels_of("groups", groups, len(found))
    made = _folds(known, classes, whole, test, dt, folds, seed, notes)
    counts = np.bincount(known)
    if not balanced and counts.max() >= _UNEVEN * counts.min():
        notes.append(
            f"Classes have from {counts.min()} to {counts.max()} samples: "
            "accuracy favours the frequent; balanced=True weighs classes alike."
        )
    if balanced:
        made = made._replace(train=_evened(made.train, known))
        notes.append("Classes weigh alike in every fit, and balanced accuracy is scored.")
    none = np.zeros(0)
    return Recording(
        x=found, y=known, observed=known, centre=none, spread=none, classes=classes, edges=None,
        whole=whole, series=dt is not None, lags=(0,), past=past_of(found, 0), splits=made,
        seed=seed, progress=progress, balanced=balanced,
    )  # fmt: skip


def _folds(
    known: NDArray[np.int32],
    classes: tuple[str, ...],
    groups: NDArray | None,
    test: ArrayLike | None,
    dt: float | None,
    folds: int,
    seed: int,
    notes: list[str],
) -> NestedSplits:
    """Each group held out once; else one part, as `selection.protocol` chooses it."""
    count = 0 if groups is None else len(np.unique(groups))
    if test is not None or groups is None or count < 2:
        named = None if dt is not None else np.array(classes)[known]
        made, told = told_folds(
            len(known), reach=0 if dt is None else _GAP, test=test, groups=groups, labels=named,
            edges=groups, series=dt is not None, folds=folds, seed=seed, whole="whole groups",
            chosen="strengths and the classifier",
        )  # fmt: skip
        notes += told
        return made
    if count <= _MANY:
        outer, how = splits.leave_one_group_out(groups), "Each group is held out once"
    else:
        outer = splits.group_k_fold(groups, _TOGETHER)
        how = f"{count} groups are held out in {_TOGETHER} parts, each once"
    if count == 2:

        def inner(index: NDArray[np.intp]) -> splits.Splits:
            return splits.stratified(known[index], folds, seed)

        within = f"{folds} inner folds that divide the other group"
    else:
        inside = min(folds, count - 1)

        def inner(index: NDArray[np.intp]) -> splits.Splits:
            return splits.group_k_fold(groups[index], inside)

        within = f"{inside} inner folds of the other groups"
    made = splits.nested(outer, inner)
    notes.append(f"{how}: all {len(known)} samples are predicted by fits that saw nothing of "
                 f"their group; strengths and the classifier are chosen on {within}.")  # fmt: skip
    for name, train, held in zip(outer.names, outer.train > 0, outer.test > 0, strict=True):
        unseen = np.setdiff1d(known[held], known[train])
        if len(unseen):
            notes.append(f"Group {name} alone has samples of {classes[unseen[0]]}: they cannot be "
                         "found.")  # fmt: skip
    return made


def _evened(train: NDArray[np.float32], known: NDArray[np.int32]) -> NDArray[np.float32]:
    """(outer, inner + 1, sample) weights under which each class that is fitted weighs the same,
    their sum as it was."""
    member = (known[:, None] == np.arange(known.max() + 1)).astype(np.float32)
    count = train @ member
    there = (count > 0).sum(axis=-1, keepdims=True)
    share = train.sum(axis=-1, keepdims=True) / there / np.where(count > 0, count, 1)
    return (train * (share @ member.T)).astype(np.float32)
