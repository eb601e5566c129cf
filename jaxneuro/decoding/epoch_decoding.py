"""Categories of epochs by the covariance of their channels, features fitted inside each fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.classify.epochs import called, check_classes, folds_of, permuted, values_of
from jaxneuro.data.labels import as_labels
from jaxneuro.decoding import epoch_choice, epoch_folds
from jaxneuro.statistics import p_values


@dataclass(frozen=True, repr=False)
class EpochDecoding:
    """Of `decode_epochs`.

    Attributes:
      features, decoder: their names.
      accuracy: share of held-out trials, of all folds together, that are taken for what they are.
      fold_accuracy: (fold,) likewise of each fold.
      codes: (trial,) the class that a trial is taken for when held out, by its number; -1 where no
        fold holds it out. Of a trial that several folds hold out, by the last of them.
      labels: (trial,) the number of its own class.
      classes: (class,) what the numbers stand for.
      folds: (fold,) their names.
      chosen: by name what was chosen, (fold,) each.
      inner: (fold, setting) accuracies on inner folds, of all combinations, the last list changing
        fastest; None where there was nothing to choose.
      p: probability of such an accuracy if labels mean nothing; None without permutations.
      null: (permutation,) accuracies of permuted labels.
      seconds: all in all, compilation included.
    """

    features: str
    decoder: str
    accuracy: float
    fold_accuracy: NDArray[np.float64]
    codes: NDArray[np.int16]
    labels: NDArray[np.int32]
    classes: NDArray[Any]
    folds: tuple[str, ...]
    chosen: Mapping[str, NDArray[Any]]
    inner: NDArray[np.float64] | None
    p: float | None
    null: NDArray[np.float64] | None
    seconds: float

    def __repr__(self) -> str:
        told = "" if self.p is None else f", p {self.p:.2g}"
        if self.inner is not None:
            told += "".join(f", {n} {np.unique(v).tolist()}" for n, v in self.chosen.items())
        return (
            f"<{self.features} and {self.decoder}, {len(self.classes)} classes, {len(self.folds)} "
            f"folds: accuracy {self.accuracy:.3g}{told}; {self.seconds:.2g} s>"
        )

    @property
    def predictions(self) -> NDArray[Any]:
        """(trial,) held-out labels, as `y` has them. Where `codes` has none: "" of strings; numbers
        are then floats, and it is NaN."""
        return called(self.classes, self.codes)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(class, class) held-out trials by true and predicted class."""
        size, there = len(self.classes), self.codes >= 0
        pairs = self.labels[there] * size + self.codes[there]
        return np.bincount(pairs, minlength=size * size).reshape(size, size)


def decode_epochs(
    x: ArrayLike,
    y: ArrayLike,
    splits: Any,
    features: str = "csp",
    decoder: str = "lda",
    *,
    components: int | Sequence[int] = 6,
    shrinkage: float | Sequence[float] = 0.01,
    l2: float | Sequence[float] = 1.0,
    permutations: int = 0,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> EpochDecoding:
    """Classifies epochs by the covariance of their channels. Features, their scale and the
    classifier are fitted on each fold's training trials; folds and permutations are one program.

    Args:
      x: (trial, channel, time) of the band and the stretch of time in question.
      y: (trial,) labels: integers, strings, ... as of `data.as_labels`.
      splits: from `jaxneuro.splits`, nested or not; a scikit-learn splitter, or a list of pairs of
        indices (train, test).
      features: "csp" (log-variances of common spatial patterns; `decoding.csp`) or "tangent" (the
        Riemannian tangent space; `decoding.tangent_space`).
      decoder: "lda" (with Ledoit and Wolf's shrinkage) or "logistic".
      components: of "csp", of each pair of classes: a number, or a list to choose from on inner
        folds (those of nested `splits`; else 3 stratified ones, or of whole groups) by the trials
        that they tell right, of equal ones the first. Each number is a program of its own.
      shrinkage: of "tangent", of each trial's covariance; likewise.
      l2: of "logistic", relative to the curvature of the loss; likewise.
      permutations: of the labels, for `p`. Each chooses anew, so a choice is no advantage.
      groups: (trial,) runs or subjects: labels change places within their group only.
      seed: of the permutations.

    Raises:
      ValueError: names the field, or the fold and the class that it has no training trial of.
    """
    begun = time.perf_counter()
    for name, value, known in (
        ("features", features, ("csp", "tangent")), ("decoder", decoder, ("lda", "logistic")),
    ):  # fmt: skip
        if value not in known:
            raise ValueError(f"{name} is {value!r}: one of {', '.join(map(repr, known))}")
    settings = epoch_choice.settings(features, decoder, components, shrinkage, l2)
    if not isinstance(permutations, int | np.integer) or permutations < 0:
        raise ValueError(f"permutations is {permutations!r}: it must be a whole number from 0")
    labels, names = as_labels(y)
    outer, nested = folds_of(splits, labels, groups, len(settings) > 1)
    check_classes(outer, labels, names)
    if nested is not None:
        check_classes(epoch_choice.inner_splits(nested), labels, names)
    orders = np.concatenate([labels[None], permuted(labels, outer, groups, permutations, seed)])
    used = np.any((outer.train > 0) | (outer.test > 0), axis=0)
    kind = epoch_folds.Kind(features, decoder, 0, len(names))
    run = epoch_folds.Program(epoch_folds.checked(x, len(labels), used), used, orders, kind)
    place, inner = np.zeros((len(outer.names), len(orders)), int), None
    if nested is not None:
        place, shares = epoch_choice.chosen(run, settings, nested, orders)
        inner = shares[:, 0]
    made = np.zeros((len(outer.names), *orders.shape), np.int16)
    for i in np.unique(place):
        made = np.where((place == i)[:, :, None], run(settings[i], outer.train), made)
    weight = outer.test.astype(np.float64)
    right = ((made == orders) * weight[:, None]).sum(axis=2) / weight.sum(axis=1)[:, None]
    share = weight.sum(axis=1) / weight.sum()
    accuracy = share @ right  # (order,)
    codes = np.full(len(labels), -1, np.int16)
    for fold, test in zip(made[:, 0], outer.test > 0, strict=True):
        codes[test] = fold[test]
    null, p = None, None
    if permutations:
        null = accuracy[1:]
        p = float(p_values(accuracy[0].round(9), null.round(9)))
    return EpochDecoding(
        features, decoder, float(accuracy[0]), right[:, 0], codes, labels, values_of(y, names),
        tuple(outer.names),
        {name: np.array([getattr(settings[i], name) for i in place[:, 0]])
         for name in epoch_choice.taken_by(features, decoder)},
        inner, p, null, time.perf_counter() - begun,
    )  # fmt: skip
