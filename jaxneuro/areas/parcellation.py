"""Areas of one brain by those of others: labels, their probabilities, and where it is unsure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import splits
from jaxneuro.areas.label_models import LabelModel, fitted, probabilities, tried
from jaxneuro.areas.neighbours import Neighbours, around_of
from jaxneuro.areas.parcellated import Parcellation, labelled

_SHRINKAGES = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03)  # the strongest first: ties go to it
_SMOOTHINGS = (0, 1, 2, 4, 8)
_TEMPERATURES = tuple(float(2**power) for power in np.arange(-4, 5.25, 0.5))


class _Choice(NamedTuple):
    candidate: str
    shrinkage: float
    smoothing: int
    temperature: float
    accuracy: float  # of inner folds


def parcellate(
    x: ArrayLike | Mapping[str, ArrayLike],
    labels: ArrayLike,
    *,
    graph: Neighbours | Sequence[ArrayLike] | None = None,
    shrinkages: Sequence[float] = _SHRINKAGES,
    smoothings: Sequence[int] = _SMOOTHINGS,
    sure: float = 0.5,
    folds: int = 4,
) -> Parcellation:
    """The areas of each subject by a classifier of all others' fingerprints, leaving one subject
    out, and a classifier of all for subjects to come.

    The classifier is linear discriminant analysis with a shrunken covariance, of features in units
    of their deviation among the subjects fitted. Its shrinkage, how far scores (log-probabilities)
    are smoothed over the graph, and which fingerprints are chosen by accuracy on inner folds of
    subjects, anew for each subject left out; so is the temperature that scores are divided by, by
    log-loss (Guo et al. 2017, ICML 70:1321): a probability of .8 is to be right .8 of the time.

    Args:
      x: (subject, unit, feature), of `fingerprints` or `connectome_fingerprints`; or several such,
        by name, to choose among. Whole connectomes (subject, place, place) are refused.
      labels: (unit,) of all subjects, or (subject, unit): strings or whole numbers.
      graph: which units lie beside each: `Neighbours`, or lists of them, as `mesh_edges` gives.
        None: no smoothing.
      shrinkages: to choose among, from 0 to 1, the strongest first.
      smoothings: to choose among: how often each unit takes the mean of its own scores and those of
        its neighbours.
      sure: a unit whose best label has a lower probability is unsure.
      folds: inner ones, of subjects.

    Raises:
      ValueError: fewer than three subjects, other shapes, values that are not finite, or options
        out of range.
    """
    given = _candidates(x)
    subjects, units = next(iter(given.values())).shape[:2]
    classes, y = _classes(labels, subjects, units)
    if not (0 <= sure <= 1 and all(0 < s <= 1 for s in shrinkages) and len(shrinkages)):
        raise ValueError(f"sure = {sure}, shrinkages = {shrinkages}: from 0 to 1, the latter above")
    levels = tuple(sorted({int(s) for s in smoothings})) if graph is not None else (0,)
    if not levels or levels[0] < 0 or folds < 2:
        raise ValueError(f"smoothings = {smoothings}, folds = {folds}: from 0, and from 2")
    alone = np.arange(units, dtype=np.int32)[:, None]
    around = alone if graph is None else around_of(graph, units)
    train, test = _rows(subjects, folds)
    chosen = _chosen(given, y, around, train, test, shrinkages, levels)
    models = [
        LabelModel(fitted(given[one.candidate], y, weight[-1], one.shrinkage, len(classes)),
                   around, one.smoothing, one.temperature)
        for one, weight in zip(chosen, train, strict=True)
    ]  # fmt: skip
    x_of = [given[one.candidate] for one in chosen]
    found = np.stack([probabilities(models[i], x_of[i][i]) for i in range(subjects)])
    return Parcellation(
        classes=classes,
        labels=classes[y],
        individual=labelled(found, classes, sure),
        group=labelled(found.mean(axis=0), classes, sure),
        chosen=tuple(one._asdict() for one in chosen),
        sure=sure,
        model=models[-1],
    )


def _chosen(
    given: Mapping[str, NDArray[np.float32]],
    y: NDArray[np.int32],
    around: NDArray[np.int32],
    train: NDArray[np.float32],
    test: NDArray[np.float32],
    shrinkages: Sequence[float],
    levels: tuple[int, ...],
) -> list[_Choice]:
    """Of each outer fold of `train` and `test` (fold, inner + 1, subject), by its inner ones."""
    folds, inner, subjects = train[:, :-1].shape
    rows = [part[:, :-1].reshape(-1, subjects) for part in (train, test)]
    strengths = [np.array(some, np.float32) for some in (shrinkages, _TEMPERATURES)]
    scores = {}
    for name, x in given.items():
        made = tried(x, y, around, *rows, *strengths, classes=int(y.max()) + 1, smoothings=levels)
        scores[name] = [np.asarray(a).reshape(folds, inner, *a.shape[1:]) for a in made]
    return [
        _choose({name: (right[fold], loss[fold]) for name, (right, loss) in scores.items()},
                shrinkages, levels)
        for fold in range(folds)
    ]  # fmt: skip


def _rows(subjects: int, folds: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (fold, inner + 1, subject); the last inner row is the refit, and the last fold has
    all subjects in it."""
    outer = splits.leave_one_group_out(np.arange(subjects))
    parts = min(folds, subjects - 1)
    nested = splits.nested(outer, lambda index: splits.k_fold(len(index), parts))
    every = splits.k_fold(subjects, parts)
    ones = np.ones((1, subjects), np.float32)
    train = np.concatenate([nested.train, np.concatenate([every.train, ones])[None]])
    test = np.concatenate([nested.test, np.concatenate([every.test, 0 * ones])[None]])
    return train, test


def _choose(
    scores: Mapping[str, Sequence[NDArray[Any]]], shrinkages: Sequence[float], levels: Sequence[int]
) -> _Choice:
    """The best of one fold by what is right, `tried` (inner, shrinkage, smoothing), the first of
    equals; its temperature by the loss (inner, shrinkage, smoothing, temperature)."""
    best: _Choice | None = None
    for name, (right, loss) in scores.items():
        share = right.mean(axis=0)
        i, j = divmod(int(share.argmax()), share.shape[1])
        if best is None or share[i, j] > best.accuracy:
            hot = _TEMPERATURES[int(loss.mean(axis=0)[i, j].argmin())]
            best = _Choice(name, float(shrinkages[i]), int(levels[j]), hot, float(share[i, j]))
    assert best is not None
    return best


def _candidates(x: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float32]]:
    given = dict(x) if isinstance(x, Mapping) else {"fingerprints": x}
    made = {str(name): np.asarray(one, np.float32) for name, one in given.items()}
    if not made or len({one.shape[:2] for one in made.values()}) > 1:
        raise ValueError("x: the candidates must have the same subjects and units, and be some")
    for name, one in made.items():
        if one.ndim != 3 or not one.size or not np.isfinite(one).all():
            raise ValueError(f"{name} {one.shape} must be finite (subject, unit, feature)")
        if len(one) < 3:
            raise ValueError(f"{name}: 3 subjects at least, to choose without the one left out")
        if _are_connectomes(one):
            raise ValueError(
                f"{name} {one.shape} are connectomes (subject, place, place), in which a unit's "
                "connection to itself tells which it is: areas.connectome_fingerprints(x, units, "
                "seeds) takes what leads from units to other places"
            )
    return made


def _are_connectomes(x: NDArray[np.float32]) -> bool:
    """Square, and symmetric or with one value for all connections of a place to itself."""
    if x.shape[1] != x.shape[2] or x.shape[1] < 2:
        return False
    own = np.diagonal(x, axis1=1, axis2=2)
    return bool((x == x.swapaxes(1, 2)).all() or (own == own[:, :1]).all())


def _classes(
    labels: ArrayLike, subjects: int, units: int
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    array = np.asarray(labels)
    if array.shape not in ((units,), (subjects, units)) or array.dtype.kind not in "iubUS":
        raise ValueError(
            f"labels are {array.dtype} {array.shape}: strings or whole numbers (unit,) or "
            f"(subject, unit) = ({subjects}, {units})"
        )
    classes, y = np.unique(np.broadcast_to(array, (subjects, units)), return_inverse=True)
    if len(classes) < 2:
        raise ValueError("labels: at least 2 classes are needed")
    return classes, y.reshape(subjects, units).astype(np.int32)
