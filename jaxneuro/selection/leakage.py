"""Whether the held-out part is really held out: what leaks is looked for, and told by name.

Pure checks on the host. Each finds one kind of leak and says the field, the fold and what to do; a
list that is empty found nothing. None of them is proof: they look for what happens by mistake.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.linear.columns import groups as same_samples
from jaxneuro.splits import NestedSplits, Splits

_CLOSE = 1e-5  # 1 - |r| of columns that are the same but for offset, unit and rounding
_SAMPLES = 8000  # that columns are compared by, before all are
_FEW = 16  # patterns of missing values that are looked into
_SEED = 20260801  # of projections: any


class Leakage(UserWarning):
    """What is held out is not quite held out."""


def tell(messages: list[str], where: str, level: int) -> None:
    """Warns of each message, as of a call `level` frames up."""
    for message in messages:
        warnings.warn(f"{where}: {message}", Leakage, stacklevel=level + 1)


def leaks(
    x: ArrayLike,
    y: ArrayLike,
    splits: Splits | NestedSplits,
    *,
    groups: ArrayLike | None = None,
    lags: int = 0,
    trials: ArrayLike | None = None,
    test: ArrayLike | None = None,
) -> list[str]:
    """All that can be found of leakage: `copies`, `split_groups`, `short_gaps`, `target_features`
    and `unscored`, which see.

    Args:
      x: (sample, *feature) as fitted.
      y: (sample,) or (sample, target); NaN = missing.
      splits: weights of what is fitted and scored, (fold, sample) or (outer, inner + 1, sample).
      groups: (sample,) runs, subjects or blocks that no fold may divide.
      lags: the longest lag laid out in `x`, in samples; 0: the samples are no time series.
      trials: (sample,) labels over whose edges no lag reaches.
      test: (sample,) bool, the part that the data's authors hold out.

    Returns:
      Messages, the gravest first.
    """
    found = target_features(x, y) + copies(x, y, splits)
    if groups is not None:
        found += split_groups(groups, splits)
    if lags:
        found += short_gaps(splits, lags, trials)
    if test is not None:
        found += unscored(test, splits)
    return found


def copies(x: ArrayLike, y: ArrayLike, splits: Splits | NestedSplits) -> list[str]:
    """Samples of equal bits in all of `x` and `y` that a fold both fits and scores.

    Rows of a single value throughout (silence) are no copies. Nor are those of a design that
    repeats: of a row of `x` that has other `y` at times, or where most rows that repeat do.
    """
    x, y = (np.ascontiguousarray(a).reshape(len(np.asarray(a)), -1) for a in (x, y))
    by_x = _same_rows(x)
    repeated = np.bincount(by_x)[by_x] > 1
    repeated &= (x != x[:, :1]).any(axis=1) | (x.shape[1] == 1)
    places = np.flatnonzero(repeated)
    if not places.size:
        return []
    _, one = np.unique(by_x[places], return_inverse=True)
    by_y = _same_rows(y[places])
    pairs = np.unique(one * (by_y.max() + 1) + by_y) // (by_y.max() + 1)
    alike = np.bincount(pairs) == 1  # rows of x that always have the same y
    if alike.mean() <= 0.5:
        return []
    number = np.full(len(x), -1)
    number[places[alike[one]]] = one[alike[one]]
    told = "x, y: {count} samples that {fold} scores are fitted there too, bit by bit (sample {a} "
    told += "is sample {b}): drop the copies, or pass groups that keep them on one side"
    return _on_both_sides(number, splits, told)


def split_groups(groups: ArrayLike, splits: Splits | NestedSplits) -> list[str]:
    """Groups (sample,) of which a fold fits some samples and scores others."""
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    told = "groups: {fold} fits some samples and scores others of the same group ({count} scored, "
    told += "the first is sample {a}, of the group of {b}): make the folds by splits.group_k_fold"
    return _on_both_sides(number, splits, told)


def short_gaps(
    splits: Splits | NestedSplits, lags: int, trials: ArrayLike | None = None
) -> list[str]:
    """Folds that fit a sample within `lags` of one that they score, in the same trial: the lagged
    features of one are those of the other."""
    worst = None
    for name, train, test in _folds(splits):
        time = np.arange(len(train))
        start = np.zeros(len(train), int) if trials is None else _starts(np.asarray(trials))
        nearest = lags + 1
        for here, there in ((train, test), (test, train)):
            last = np.maximum.accumulate(np.where(there, time, -1))
            within = here & (last >= start)
            nearest = min(nearest, int((time - last)[within].min(initial=nearest)))
        if nearest <= lags and (worst is None or nearest < worst[0]):
            worst = nearest, name
    if worst is None:
        return []
    return [
        f"x reaches {lags} samples back, and {worst[1]} fits samples {worst[0]} from those that it "
        f"scores: both see the same x; leave a gap of {lags} or more (splits.blocks(gap={lags}), "
        f"protocol(gap={lags}))"
    ]


def target_features(x: ArrayLike, y: ArrayLike) -> list[str]:
    """Columns of `y` that are a column of `x`, but for offset, sign and unit."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        return []
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    step = -(-len(x) // _SAMPLES)
    some_x, some_y = x[::step], y[::step].astype(np.float64)
    found, patterns = [], same_samples(some_y, np.asarray(np.isnan(some_y).any(axis=0)))
    for (columns, seen), _ in zip(patterns, range(_FEW), strict=False):
        pairs = _alike(some_x if seen.all() else some_x[seen], some_y[np.ix_(seen, columns)])
        found += [(int(columns[k]), f) for k, f in pairs if _same_column(x[:, f], y[:, columns[k]])]
    if not found:
        return []
    target, feature = min(found)
    more = len({k for k, _ in found}) - 1
    return [
        f"y: target {target} is feature {feature} of x, but for offset and unit: take the feature "
        "out of x, or the target out of y" + (f"; likewise {more} more targets" if more else "")
    ]


def unscored(test: ArrayLike, splits: Splits | NestedSplits) -> list[str]:
    """Samples of `test` (sample,) bool that no fold scores at the end."""
    test = np.asarray(test, bool)
    scored = splits.test[:, -1] if splits.test.ndim == 3 else splits.test
    missed = np.flatnonzero(test & ~(np.asarray(scored) > 0).any(axis=0))
    if not missed.size:
        return []
    part = "none" if missed.size == test.sum() else f"{test.sum() - missed.size}"
    return [
        f"test marks {test.sum()} samples, of which {part} are ever scored (sample {missed[0]} is "
        "not): make the folds by splits.holdout(test) or protocol(test=test)"
    ]


def _folds(splits: Splits | NestedSplits) -> Iterator[tuple[str, NDArray, NDArray]]:
    """Name, and what is fitted and what is scored, bool (sample,)."""
    train, test = np.asarray(splits.train) > 0, np.asarray(splits.test) > 0
    for fold, name in enumerate(splits.names):
        if train.ndim == 2:
            yield f"fold {name}", train[fold], test[fold]
            continue
        yield f"fold {name}", train[fold, -1], test[fold, -1]
        for inner in range(train.shape[1] - 1):
            yield f"fold {name}, inner {inner},", train[fold, inner], test[fold, inner]


def _on_both_sides(number: NDArray, splits: Splits | NestedSplits, told: str) -> list[str]:
    """`told` of the first fold that both fits and scores a number (sample,); -1 is none."""
    first, more = None, 0
    size = int(number.max()) + 1
    for name, train, test in _folds(splits):
        fitted = np.zeros(size + 1, bool)
        fitted[number[train]] = True
        fitted[-1] = False
        at = np.flatnonzero(test & fitted[number])
        if at.size and first is None:
            twin = np.flatnonzero(train & (number == number[at[0]]))[0]
            first = told.format(fold=name, count=at.size, a=at[0], b=twin)
        more += bool(at.size)
    if first is None:
        return []
    return [first + (f"; likewise in {more - 1} more folds" if more > 1 else "")]


def _starts(trials: NDArray) -> NDArray:
    """(sample,) where the trial of each begins."""
    edge = np.r_[True, trials[1:] != trials[:-1]]
    return np.maximum.accumulate(np.where(edge, np.arange(len(trials)), 0))


def _same_rows(rows: NDArray) -> NDArray:
    """(sample,) numbers, equal where rows (sample, column) have equal bits."""
    if rows.dtype.kind in "OU":
        return np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    width = rows.shape[1] * rows.dtype.itemsize
    words = rows.view(np.uint8).reshape(len(rows), width)
    if width % 8:
        words = np.pad(words, ((0, 0), (0, -width % 8)))
    words = np.ascontiguousarray(words).view(np.uint64)
    factor = np.random.default_rng(_SEED).integers(1, 2**63, words.shape[1], np.uint64) * 2 + 1
    mixed = (words ^ (words >> np.uint64(32))) @ factor  # the last bits of floats are often 0
    _, first, number = np.unique(mixed, return_index=True, return_inverse=True)
    same = (words == words[first[number]]).all(axis=1)
    number[~same] = len(first) + np.arange((~same).sum())  # of one hash, and not the same
    return number


def _alike(x: NDArray, y: NDArray) -> list[tuple[int, int]]:
    """Pairs (column of y, column of x) that may be correlated by 1 or -1: those that have the same
    projections, in standard units, on a few random directions."""
    if len(x) < 3:
        return []
    directions = np.random.default_rng(_SEED).normal(size=(4, len(x)))
    (one, of_x), (two, of_y) = (_projected(v, directions) for v in (x, y))
    near = np.ones((len(of_y), len(of_x)), bool)
    for a, b in zip(one, two, strict=True):  # absolute: of either sign
        near &= np.abs(np.abs(b)[:, None] - np.abs(a)) < 0.02
    return [(int(of_y[k]), int(of_x[f])) for k, f in np.argwhere(near)]


def _same_column(x: NDArray, y: NDArray) -> bool:
    there = ~np.isnan(y)
    x, y = (v[there].astype(np.float64) for v in (x, y))
    x, y = x - x.mean(), y - y.mean()
    return bool(abs(x @ y) > (1 - _CLOSE) * np.sqrt(x @ x) * np.sqrt(y @ y))


def _projected(values: Any, directions: NDArray) -> tuple[NDArray, NDArray]:
    """Projections (direction, column) of columns about their mean, of unit norm; and which columns
    vary."""
    mean = values.mean(axis=0, dtype=np.float64)
    centred = (values - mean.astype(values.dtype)).astype(np.float32)
    norm = np.sqrt(np.einsum("sc,sc->c", centred, centred, dtype=np.float64))
    kept = np.flatnonzero(norm > 0)
    found = directions.astype(np.float32) @ centred
    return found[:, kept] / norm[kept], kept
