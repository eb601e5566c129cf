"""One call of the programs of `matrix`: how much at a time, and what comes of the codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxneuro.classify import matrix
from jaxneuro.classify.classifiers import lda, max_correlation
from jaxneuro.classify.epochs import Epochs
from jaxneuro.classify.trials import trials_of
from jaxneuro.sizes import grown
from jaxneuro.splits import NestedSplits, Splits
from jaxneuro.statistics import p_values

DECODERS: dict[str, Any] = {
    "logistic": matrix.shared,
    "lda": matrix.gathered(lda),
    "max_correlation": matrix.gathered(max_correlation),
}
_CACHE, _MEMORY = 2**21, 2**28  # bytes that the fits of one moment work on, on CPUs and elsewhere
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

    def observed(self) -> tuple[NDArray[np.int16], NDArray[Any], NDArray[Any] | None]:
        """Codes (window, [test window,] trial), weight of right trials (window, [test window,]
        fold), and strengths (window, fold)."""
        labels = self.padded(self.epochs.labels[None])
        strength = self.chosen(labels)
        codes, right = matrix.predicted(*self.arguments(labels, strength), **self.options(1))
        codes = np.asarray(codes)[..., : len(self.epochs.labels)]
        return codes, np.asarray(right), None if strength is None else strength[0].astype(float)

    def wrong(self) -> NDArray[np.bool_]:
        """(window, [test window]) whether values are not finite."""
        bad = self.epochs.bad
        return bad if self.diagonal else bad[:, None] | bad

    def null(self, labels: NDArray[np.int32]) -> Iterator[NDArray[Any]]:
        """(permutation, window, [test window]) weight of right trials, in blocks of `labels`
        (permutation, trial)."""
        blocks = -(-len(labels) // self.together())
        size = -(-len(labels) // blocks)
        for first in range(0, len(labels), size):
            part = labels[first : first + size]
            block = self.padded(grown(part, size, 0))
            made = self.arguments(block, self.chosen(block))
            counts = np.asarray(matrix.counted(*made, **self.options(size)))
            yield np.moveaxis(counts, 1, 0)[: len(part)]

    def arguments(self, labels: NDArray[np.int32], strength) -> tuple:
        trials = trials_of(self.outer.train, self.outer.test, labels.shape[1])
        return self.epochs.x, labels, trials, strength

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
        flat = train.reshape(-1, trials), test.reshape(-1, trials)
        every = trials_of(*flat, labels.shape[1])
        group = self.group(len(labels) * len(self.strengths), folds * inner)
        missed = matrix.losses(
            self.epochs.x, labels, every, self.strengths,
            classes=len(self.epochs.classes), group=group,
        )  # fmt: skip
        missed = np.moveaxis(np.asarray(missed), 2, 0)
        mean = missed.reshape(*count[:2], folds, inner, -1).mean(axis=3)
        return self.strengths[np.nan_to_num(mean, nan=np.inf).argmin(axis=-1)]

    def padded(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        return grown(labels, self.epochs.x.shape[1], 1)

    def lane_bytes(self) -> int:
        """That one fit works on, beside its trials."""
        trials, features = self.epochs.x.shape[1:]
        classes = len(self.epochs.classes)
        if self.decoder == "lda":
            smaller = min(trials, features)
            return 4 * (4 * trials * features + 2 * smaller**2 + trials * min(trials, features))
        if self.decoder == "max_correlation":
            return 4 * classes * (trials + 2 * features)
        own = features**2 if self.inner is not None and features <= trials else 0
        return 4 * (5 * trials * classes + 20 * features * classes + 3 * own)

    def group(self, permutations: int, folds: int | None = None) -> matrix.Together:
        """What is fitted at one moment on a device, of so many permutations; windows by powers of
        two, so that recordings of about the same size share programs. On CPUs it is one window,
        whose folds stay in the cache, for XLA is slow there with one axis more."""
        trials, features = self.epochs.x.shape[1:]
        folds = folds or len(self.outer.names)
        of_a_fold = 4 * min(features, trials) ** 2 + permutations * self.lane_bytes()
        if self.decoder != "logistic":
            of_a_fold += 8 * trials * features
        parts = -(-folds // max(1, _working() // of_a_fold))
        together = -(-folds // parts)
        if jax.default_backend() == "cpu":
            return matrix.Together(1, together)
        of_a_window = 4 * trials * features + together * of_a_fold
        return matrix.Together(min(_power(_working() // of_a_window), len(self.epochs.x)), together)

    def together(self) -> int:
        """Permutations in a block."""
        windows, _, features = self.epochs.x.shape
        stored = 4 * windows * len(self.outer.names) * features * len(self.epochs.classes)
        return min(_power(_working() // self.lane_bytes()), _power(_STORED // stored), _MOST)


def _working() -> int:
    return _CACHE if jax.default_backend() == "cpu" else _MEMORY


def _power(number: int) -> int:
    """The greatest power of two that is not above, from 1."""
    return 1 << max(0, number.bit_length() - 1)


def scored(run: Run, right: NDArray) -> tuple[NDArray, NDArray]:
    """Accuracy ([window, test window]) and the same of each fold, of the weight `right` (window,
    [test window,] fold); NaN where values are not finite."""
    total = run.outer.test.sum(axis=1, dtype=np.float64)
    by_fold = np.moveaxis(right / total, -1, 0)
    by_fold[:, run.wrong()] = np.nan
    return np.tensordot(total / total.sum(), by_fold, 1), by_fold


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
