"""The contenders that any job may have: functions of a `Recording` alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from jaxneuro import axes, models
from jaxneuro.classify.classifiers import lda, max_correlation
from jaxneuro.classify.fits import network, softmax_regression
from jaxneuro.compare.contender import Competitor, Contender, View, of_search
from jaxneuro.compare.linear import closed
from jaxneuro.compare.recording import Recording
from jaxneuro.fit import Fit
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.selection.search import EdgeOfGrid, search
from jaxneuro.types import Axis

STEPS = 1500  # of networks


def softmax(strengths: Sequence[float] = STRENGTHS) -> Competitor:
    """`areas.softmax_regression` of all lags; "l2" is chosen."""

    def competitor(recording: Recording) -> Contender:
        fit = softmax_regression(len(recording.classes))
        view = all_lags(recording)
        return searched(recording, fit, view, axes.grid(l2=strengths), recording.metric)

    return competitor


def classifying_network(hidden: Sequence[int] = (64,), steps: int = STEPS) -> Competitor:
    """`areas.network` with a perceptron of standardised features; "weight_decay" is chosen."""

    def competitor(recording: Recording) -> Contender:
        model = models.mlp(tuple(hidden), len(recording.classes))
        fit = network(model, steps, standardise=True)
        grid = axes.grid(weight_decay=[0.1, 0.5], learning_rate=[2e-3])
        view = all_lags(recording)
        return searched(recording, fit, view, grid, recording.metric)

    return competitor


def closed_form(name: Literal["lda", "max_correlation"]) -> Competitor:
    """`decoding.lda` or `decoding.max_correlation` of all lags, of standardised features."""
    return partial(_closed_form, {"lda": lda, "max_correlation": max_correlation}[name])


def searched(
    recording: Recording,
    fit: Fit,
    view: View,
    grid: Sequence[Axis],
    score: str,
    seeds: int = 1,
) -> Contender:
    """A fit over the folds of a recording, its hyper-parameters chosen on inner folds by `score`,
    of `seeds` refits the mean."""
    more: dict[str, Any] = {} if recording.progress is None else {"progress": recording.progress}
    more |= {"refit_axes": [axes.seeds(seeds)]} if seeds > 1 else {}
    laid = view(recording.x, recording.edges)
    inputs = make_inputs(laid, recording.y, key=recording.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeOfGrid)  # a note, with the contender's name
        found = search(fit, inputs, (), recording.splits, grid, score=score,
                       rivals=recording.rivals, **more)  # fmt: skip
    return of_search(found, view)


def _closed_form(classify: Any, recording: Recording) -> Contender:
    return closed(recording, all_lags(recording), classify)


def all_lags(recording: Recording) -> View:
    past = recording.past
    return View(past if past.last or past.ahead else None)
