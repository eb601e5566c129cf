"""One call of the programs of `matrix`: how much at a time, and what comes of the codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.classify import matrix
from jaxneuro.classify.classifiers import lda, max_correlation
from jaxneuro.classify.epochs import Epochs, trials_of
from jaxneuro.classify.logistic import logistic
from jaxneuro.sizes import grown
from jaxneuro.splits import NestedSplits, Splits
from jaxneuro.statistics import p_values

DECODERS: dict[str, Any] = {
    "logistic": logistic, "lda": lda, "max_correlation": max_correlation,
}  # fmt: skip
_WORKING = 2**25  # bytes that the fits of one moment work on
_STORED = 2**28  # bytes of the classifiers of one block of permutations
_MOST = 256  # permutations in a block


class Run(NamedTuple):
    """What the programs are called with.

    Attributes:
      strengths: to choose from, the strongest first; none where the decoder takes none.
    """

    epochs: Epochs
    outer: Splits
    inner: NestedSplits | None
    decoder: str
    strengths: NDArray[Any]
    diagonal: bool

    def observed(self) -> tuple[NDArray[np.int16], NDArray[Any] | None]:
        """Codes (fold, window, [test window,] place) and strengths (window, fold)."""
        labels = self.padded(self.epochs.labels[None])
        strength = self.chosen(labels)
        codes = matrix.predicted(*self.arguments(labels, strength), **self.options(1))
        return np.asarray(codes), None if strength is None else strength[0].astype(np.float64)

    def null(self, labels: NDArray[np.int32]) -> Iterator[NDArray[Any]]:
        """(permutation, window, [test window]) weight of right trials, in blocks of `labels`
        (permutation, trial)."""
        blocks = -(-len(labels) // self.together())
        size = -(-len(labels) // blocks)
        for first in range(0, len(labels), size):
            part = labels[first : first + size]
            block = self.padded(grown(part, size, 0))
            made = self.arguments(block, self.chosen(block))
            yield np.asarray(matrix.counted(*made, **self.options(size)))[: len(part)]

    def arguments(self, labels: NDArray[np.int32], strength) -> tuple:
        return self.epochs.x, labels, trials_of(self.outer.train, self.outer.test), strength

    def options(self, permutations: int) -> dict[str, Any]:
        return {
            "classify": DECODERS[self.decoder],
            "classes": len(self.epochs.classes),
            "group": self.group(permutations),
            "diagonal": self.diagonal,
        }

    def chosen(self, labels: NDArray[np.int32]) -> NDArray[Any] | None:
        """(permutation, window, fold) strengths; (1, window, fold) where all have the same."""
        count = (len(labels), len(self.epochs.x), len(self.outer.names))
        if self.inner is None:
            return np.tile(self.strengths, (1, *count[1:])) if len(self.strengths) else None
        train, test = (part[:, :-1] for part in (self.inner.train, self.inner.test))
        folds, inner, trials = train.shape
        every = trials_of(train.reshape(-1, trials), test.reshape(-1, trials))
        group = self.group(len(labels) * len(self.strengths))
        missed = matrix.losses(
            self.epochs.x, labels, every, self.strengths,
            classes=len(self.epochs.classes), group=group,
        )  # fmt: skip
        mean = np.asarray(missed).reshape(*count[:2], folds, inner, -1).mean(axis=3)
        return self.strengths[np.nan_to_num(mean, nan=np.inf).argmin(axis=-1)]

    def padded(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        return grown(labels, self.epochs.x.shape[1], 1)

    def lane_bytes(self) -> int:
        """That one fit works on, beside its scaled trials."""
        trials, features = int((self.outer.train > 0).sum(axis=1).max()), self.epochs.x.shape[2]
        classes = len(self.epochs.classes)
        if self.decoder == "lda":
            smaller = min(trials, features)
            return 4 * (4 * trials * features + 2 * smaller**2 + trials * min(trials, features))
        if self.decoder == "max_correlation":
            return 4 * classes * (trials + 2 * features)
        own = features**2 if self.inner is not None and features <= trials else 0
        return 4 * (5 * trials * classes + 20 * features * classes + 3 * own)

    def group(self, permutations: int) -> int:
        """Pairs of window and fold whose fits, of so many permutations, work at one moment: a power
        of two, so that recordings of about the same size share programs."""
        trials, features = int((self.outer.train > 0).sum(axis=1).max()), self.epochs.x.shape[2]
        shared = 4 * features * (3 * trials + 3 * min(features, trials))
        pairs = len(self.epochs.x) * len(self.outer.names)
        fitting = _WORKING // (shared + permutations * self.lane_bytes())
        return min(_power(fitting), pairs)

    def together(self) -> int:
        """Permutations in a block."""
        windows, _, features = self.epochs.x.shape
        stored = 4 * windows * len(self.outer.names) * features * len(self.epochs.classes)
        return min(_power(_WORKING // self.lane_bytes()), _power(_STORED // stored), _MOST)


def _power(number: int) -> int:
    """The greatest power of two that is not above, from 1."""
    return 1 << max(0, number.bit_length() - 1)


def scored(run: Run, found: NDArray[np.int16]) -> tuple[NDArray, NDArray, NDArray[np.int16]]:
    """Accuracy ([window, test window]), the same of each fold, and codes (..., trial)."""
    labels, bad = run.epochs.labels, run.epochs.bad
    codes = np.full((*found.shape[1:-1], len(labels)), -1, np.int16)
    by_fold = np.empty(found.shape[:-1])
    weight = run.outer.test.astype(np.float64)
    share = weight / weight.sum(axis=1, keepdims=True)
    for k, test in enumerate(run.outer.test):
        places = np.flatnonzero(test)
        part = found[k, ..., : len(places)]
        codes[..., places] = part
        right = (part == labels[places]) @ share[k, places]
        by_fold[k] = np.where((part < 0).any(axis=-1), np.nan, right)
    wrong = bad if run.diagonal else bad[:, None] | bad
    codes[wrong], by_fold[:, wrong] = -1, np.nan
    return np.tensordot(weight.sum(axis=1) / weight.sum(), by_fold, 1), by_fold, codes


def chance(run: Run, labels: NDArray[np.int32], accuracy: NDArray) -> dict[str, Any]:
    """`p`, `p_alone` and `null` of a `Generalisation`."""
    if not len(labels):
        return {"p": None, "p_alone": None, "null": None}
    total, known = float(run.outer.test.sum()), ~np.isnan(accuracy)
    observed = np.where(known, np.round(accuracy * total, 3), np.inf)  # weights are whole numbers
    above, most = np.zeros(accuracy.shape), []
    for counts in run.null(labels):
        above += (counts >= observed).sum(axis=0)
        most += [np.where(known, counts, 0).max(axis=tuple(range(1, counts.ndim)))]
    greatest = np.concatenate(most)
    values, place = np.unique(observed[known], return_inverse=True)
    p = np.full(accuracy.shape, np.nan)
    p[known] = p_values(values, np.repeat(greatest[:, None], len(values), axis=1))[place]
    alone = np.where(known, (above + 1) / (len(labels) + 1), np.nan)
    return {"p": p, "p_alone": alone, "null": greatest / total}
