"""The classifiers that `identify` compares where nobody says.

Each makes a function of a `Recording` alone; one of your own is given likewise. All scale features,
screen them or find components by what each fold fits, never by what it scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from jaxneuro import axes, models
from jaxneuro.classify.components import component_lda
from jaxneuro.classify.fits import linear_svm, network, softmax_regression
from jaxneuro.classify.screening import screening
from jaxneuro.compare.contender import Competitor, Contender, View
from jaxneuro.compare.contenders import (
    STEPS,
    classifying_network,
    closed_form,
    searched,
    softmax,
)
from jaxneuro.compare.linear import closed
from jaxneuro.compare.recording import Recording
from jaxneuro.fit import Fit
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.types import Axis, Model

__all__ = [
    "classifying_network",
    "closed_form",
    "components",
    "image_network",
    "of_fit",
    "screened",
    "softmax",
    "suited",
    "svm",
    "volume_network",
]

_FEW = 20  # features: there is nothing to screen
_BATCH = 64  # of networks
_MOST_WORK = 6e12  # operations of a network's fits: about a minute on two cores
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the features that screening keeps
_COUNTS = (5, 10, 20, 40, 80, 160)  # of components


def suited(recording: Recording, notes: list[str]) -> dict[str, Competitor]:
    """What is compared of this recording, by name; what is left out, and why, is noted."""
    features, places = int(np.prod(recording.x.shape[1:])), recording.x.ndim - 2
    made: dict[str, Competitor] = {
        "softmax regression": softmax(),
        "LDA": closed_form("lda"),
        "linear SVM": svm(),
    }
    if features > _FEW:
        made |= {"screened softmax": screened(), "LDA of components": components()}
    if places == 2 and min(recording.x.shape[1:3]) >= 4:
        made["the article's CNN"], weights = image_network(), 60 * features * 64
    elif places == 3 and min(recording.x.shape[1:4]) >= 2:
        made["3-D CNN"], weights = volume_network(), 60 * features * 16
    else:
        made["MLP"], weights = classifying_network(), 64 * features
    name, fits = list(made)[-1], recording.splits.train[:, :, 0].size * 2
    if 6 * STEPS * _BATCH * fits * weights > _MOST_WORK:
        del made[name]
        notes.append(f"{name} was left out: of so many features it would take long. Give it by "
                     "`classifiers`, from `areas.contenders`.")  # fmt: skip
    return made


def svm(strengths: Sequence[float] = STRENGTHS) -> Competitor:
    """`areas.linear_svm`; "l2" is chosen."""
    return partial(_of_classes, linear_svm, axes.grid(l2=strengths))


def screened(
    counts: Sequence[int] | None = None, strengths: Sequence[float] = STRENGTHS[1::2]
) -> Competitor:
    """`areas.softmax_regression` of the features that tell classes apart best one by one (ANOVA);
    how many, and "l2", are chosen.

    Args:
      counts: numbers of features; None: from a fiftieth to all.
      strengths: of "l2".
    """

    def competitor(recording: Recording) -> Contender:
        classes, features = len(recording.classes), int(np.prod(recording.x.shape[1:]))
        tried = {max(1, round(share * features)) for share in _SHARES}
        kept = screening(sorted(tried if counts is None else set(counts)), classes)
        grid = (kept, *axes.grid(l2=strengths))
        return searched(recording, softmax_regression(classes), View(), grid, recording.metric)

    return competitor


def components(counts: Sequence[int] = _COUNTS) -> Competitor:
    """LDA with a shrunken covariance of the first principal components; how many is chosen."""

    def competitor(recording: Recording) -> Contender:
        fitted = int((recording.splits.train > 0).sum(axis=-1).min())
        most = min(fitted - 1, int(np.prod(recording.x.shape[1:])))
        tried = tuple(sorted({min(count, most) for count in counts}))
        return closed(recording, View(), component_lda, "components", tried)

    return competitor


def image_network(
    model: Model | None = None, steps: int = STEPS, batch: int = _BATCH, seeds: int = 1
) -> Competitor:
    """A network of images (sample, row, column, channel), each channel in units of what is fitted;
    "weight_decay" is chosen, and the predictions of so many `seeds` are averaged.

    Args:
      model: from `jaxneuro.models`; None: the seed article's, `models.region_cnn`.
      steps, batch: of `areas.network`.
      seeds: of the refits.
    """

    def competitor(recording: Recording) -> Contender:
        own = models.region_cnn(len(recording.classes)) if model is None else model
        return _by_channel(recording, own, steps, batch, seeds)

    return competitor


def volume_network(
    model: Model | None = None, steps: int = STEPS, batch: int = _BATCH, seeds: int = 1
) -> Competitor:
    """A network of volumes (sample, i, j, k, channel), likewise; None: `models.volume_cnn`."""

    def competitor(recording: Recording) -> Contender:
        own = models.volume_cnn(len(recording.classes)) if model is None else model
        return _by_channel(recording, own, steps, batch, seeds)

    return competitor


def of_fit(fit: Fit, grid: Sequence[Axis] = (), seeds: int = 1) -> Competitor:
    """Any `Fit` of categories with the scores of `areas.SCORES`, over a grid of one's own."""

    def competitor(recording: Recording) -> Contender:
        return searched(recording, fit, View(), grid, recording.metric, seeds)

    return competitor


def _of_classes(make, grid: Sequence[Axis], recording: Recording) -> Contender:
    return searched(recording, make(len(recording.classes)), View(), grid, recording.metric)


def _by_channel(
    recording: Recording, model: Model, steps: int, batch: int, seeds: int
) -> Contender:
    fit = network(models.by_channel(model), steps, batch, standardise=True)
    grid = axes.grid(weight_decay=[0.1, 0.5], learning_rate=[2e-3])
    return searched(recording, fit, View(), grid, recording.metric, seeds)
