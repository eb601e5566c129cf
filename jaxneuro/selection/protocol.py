"""The honest default for a data set: what is held out, and how the rest is split for choosing.

Small and lopsided data sets get what can be had of it, fewer folds or a narrower gap, and a warning
in the words of the data: `groups`, `y` (the labels) and `test`.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import splits
from jaxneuro.selection import leakage
from jaxneuro.selection.gaps import contiguous, with_gap
from jaxneuro.splits import NestedSplits, Splits

_HELD_OUT = 0.2  # of the samples, where nobody says


class _Plan(NamedTuple):
    """What the samples are, and what has had to be told about splitting them."""

    groups: NDArray[Any] | None
    labels: NDArray[Any] | None
    series: bool
    folds: int
    gap: int
    seed: int
    told: list[str]


def protocol(
    samples: int,
    *,
    test: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    series: bool = False,
    folds: int = 5,
    gap: int = 0,
    seed: int = 0,
) -> NestedSplits:
    """One held-out part, scored once, and inner folds of the rest.

    Where the data allow no more, there are fewer inner folds, the gap is narrower, groups of one
    value are ignored, and a class seen once is left out; a UserWarning tells of each.

    Args:
      samples: how many.
      test: (sample,) bool, the held-out part as the data's authors chose it. None: about a fifth:
        whole groups where there are groups, the end of a time series, else samples at random (with
        `labels`, a fifth of each class and at least one sample).
      groups: (sample,) runs, subjects or blocks that no split divides.
      labels: (sample,) classes, kept in proportion; best their names, which warnings repeat.
      series: the samples are one time series: folds are contiguous.
      folds: inner folds, at least 2.
      gap: samples left out on either side of every contiguous part; at least the lags in `x`.
      seed: of what is random.

    Raises:
      ValueError: fewer than three samples, or two outside `test`; fewer than two classes with two
        samples; or a field of another shape or with missing values.
    """
    for name, value, least in (("samples", samples, 3), ("folds", folds, 2), ("gap", gap, 0)):
        _check_least(name, value, least)
    mask = None if test is None else _mask(test, samples)
    plan = _Plan(
        groups=_values("groups", groups, samples, mask),
        labels=_values("y", labels, samples, mask),
        series=series,
        folds=folds,
        gap=gap,
        seed=seed,
        told=[],
    )
    if plan.groups is not None and len(np.unique(plan.groups)) == 1:
        plan.told.append("groups has one value only: the samples are split without groups")
        plan = plan._replace(groups=None)
    outer = _outer(samples, mask, plan)
    made = splits.nested(outer, lambda index: _inner(index, plan))
    for message in plan.told:
        warnings.warn(message, UserWarning, stacklevel=2)
    if groups is not None and mask is not None:  # as the data's authors chose them
        leakage.tell(leakage.split_groups(np.asarray(groups), _outer_only(made)), "protocol", 2)
    return made


def _outer_only(made: NestedSplits) -> Splits:
    return Splits(made.train[:, -1], made.test[:, -1], made.names)


def _outer(samples: int, test: NDArray[np.bool_] | None, plan: _Plan) -> Splits:
    """The fold whose test part is held out."""
    if test is None and plan.groups is None and plan.series:
        test = np.arange(samples) >= samples - max(1, samples // 5)
    if test is not None:
        outer = splits.holdout(test)
        if plan.series and plan.gap and plan.groups is None:
            outer = with_gap(outer, plan.gap, plan.told)
    elif plan.groups is not None:
        outer = _groups_out(plan.groups, plan.told)
    elif plan.labels is not None:
        outer = _classes_out(plan.labels, plan)
    else:
        outer = _part(splits.k_fold(samples, min(5, samples), plan.seed), 0)
    if plan.labels is not None:
        unseen = np.setdiff1d(plan.labels[outer.test[0] > 0], plan.labels[outer.train[0] > 0])
        if len(unseen):
            plan.told.append(f"y: no sample of {_listed(unseen)} is left to fit, only to score")
    return outer


def _part(found: Splits, fold: int) -> Splits:
    return Splits(found.train[fold : fold + 1], found.test[fold : fold + 1], ("holdout",))


def _groups_out(groups: NDArray[Any], told: list[str]) -> Splits:
    """Whole groups held out, as near to a fifth of the samples as they allow."""
    count = len(np.unique(groups))
    found = splits.group_k_fold(groups, min(5, count))
    sizes = found.test.sum(axis=1)
    fold = int(np.argmin(np.abs(sizes - _HELD_OUT * len(groups))))
    if count < 5 or not 0.1 <= sizes[fold] / len(groups) <= 0.35:
        told.append(
            f"groups has {count} values: whole ones are held out, {int(sizes[fold])} of "
            f"{len(groups)} samples instead of a fifth"
        )
    return _part(found, fold)


def _classes_out(labels: NDArray[Any], plan: _Plan) -> Splits:
    """A fifth of each class held out, at least one sample; a class seen once is in neither part."""
    classes, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y has one class only ({classes[0]}): there is nothing to tell apart")
    if np.count_nonzero(counts > 1) < 2:
        raise ValueError(
            f"y: of {len(classes)} classes fewer than two have two samples: one to fit and one to "
            "score is the least"
        )
    if (counts == 1).any():
        plan.told.append(f"y: {_listed(classes[counts == 1])} seen once: left out of every part")
    train, test = np.zeros((2, 1, len(labels)), np.float32)
    order = np.random.default_rng(plan.seed).permutation(len(labels))
    for k in np.flatnonzero(counts > 1):
        members = order[label[order] == k]
        held = max(1, round(counts[k] * _HELD_OUT))
        test[0, members[:held]], train[0, members[held:]] = 1, 1
    return Splits(train, test, ("holdout",))


def _inner(index: NDArray[np.intp], plan: _Plan) -> Splits:
    """Folds of the samples `index` for choosing."""
    if plan.groups is not None:
        groups = plan.groups[index]
        count = len(np.unique(groups))
        if count > 1:
            folds = _fewer(count, "groups has only {} values outside the held-out part", plan)
            return splits.group_k_fold(groups, folds)
        plan.told.append(
            "groups has one value only outside the held-out part: the inner folds divide it"
        )
    if plan.series:
        return contiguous(len(index), plan.folds, plan.gap, plan.told)
    if plan.labels is not None and (found := _by_class(plan.labels[index], plan)):
        return found
    folds = _fewer(len(index), "only {} samples are outside the held-out part", plan)
    return splits.k_fold(len(index), folds, plan.seed)


def _fewer(count: int, reason: str, plan: _Plan) -> int:
    """As many folds as planned, or `count` if that is less, which is told."""
    if count < plan.folds:
        plan.told.append(f"{reason.format(count)}: {count} inner folds instead of {plan.folds}")
    return min(count, plan.folds)


def _by_class(labels: NDArray[Any], plan: _Plan) -> Splits | None:
    """Folds with each class in its proportion; None where the classes are too small for any."""
    classes, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    enough = counts > 1
    if np.count_nonzero(enough) < 2:
        plan.told.append(
            "y: fewer than two classes have two samples outside the held-out part: the inner folds "
            "do not look at y"
        )
        return None
    if not enough.all():
        names = _listed(classes[~enough])
        plan.told.append(
            f"y: {names} with one sample outside the held-out part: left out of the inner folds"
        )
    least = counts[enough].min()
    names = _listed(classes[counts == least])
    folds = _fewer(int(least), f"y: {names} with only {{}} samples outside the held-out part", plan)
    return splits.stratified(labels, folds, plan.seed, within=enough[label])


def _listed(names: NDArray[Any]) -> str:
    rest = len(names) - 10
    shown = ", ".join(str(name) for name in names[:10]) + (f" and {rest} more" if rest > 0 else "")
    return f"class{'es' if len(names) > 1 else ''} {shown}"


def _check_least(name: str, value: int, least: int) -> None:
    try:
        enough = operator.index(value) >= least
    except TypeError:
        enough = False
    if not enough:
        raise ValueError(f"{name} is {value!r}: it must be a whole number of at least {least}")


def _mask(test: ArrayLike, samples: int) -> NDArray[np.bool_]:
    mask = np.asarray(test)
    if mask.shape != (samples,) or not np.all((mask == 0) | (mask == 1)):
        raise ValueError(
            f"test has dtype {mask.dtype} and shape {mask.shape}: it must be bool (sample,) = "
            f"({samples},), True for held-out samples"
        )
    mask = mask.astype(bool)
    if not mask.any():
        raise ValueError("test is False everywhere: mark the held-out samples, or leave it out")
    if np.count_nonzero(~mask) < 2:
        raise ValueError(
            f"test holds out {np.count_nonzero(mask)} of {samples} samples: at least 2 must be "
            "left to fit and choose on"
        )
    return mask


def _values(
    name: str, values: ArrayLike | None, samples: int, test: NDArray[np.bool_] | None
) -> NDArray[Any] | None:
    """Groups or labels, (sample,), none of them missing where samples are split."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (samples,):
        raise ValueError(f"{name} has shape {array.shape}: it must be (sample,) = ({samples},)")
    missing = (array != array) | (array == np.array(None))
    if test is not None:
        missing &= ~test
    if missing.any():
        raise ValueError(
            f"{name} has {np.count_nonzero(missing)} missing values, the first at sample "
            f"{np.argmax(missing)}: leave those samples out"
        )
    return array
