"""One call: every neuron of a recording, by several models, on identical folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro import metrics
from jaxneuro.encoding.candidates import Candidate, candidates
from jaxneuro.encoding.design import Design, make_design
from jaxneuro.encoding.fits import encode
from jaxneuro.encoding.given import Given, check
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.encoding.repeats import repeats
from jaxneuro.selection.defaults import (
    LAGS,
    edge_notes,
    present_only,
    told_folds,
    told_lags,
    too_large,
)
from jaxneuro.selection.search import EdgeOfGrid, Search
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import certainty

_MOST_SEEN = 5_000_000  # samples × features × neurons of a perceptron
_MOST_HISTORIES = 100  # neurons whose histories share one design
_WORK = 1e9  # numbers that resampling may look at


def fit_neurons(
    x: ArrayLike,
    y: ArrayLike,
    *,
    dt: float | None = None,
    trials: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    stimulus: ArrayLike | None = None,
    test: ArrayLike | None = None,
    models: Mapping[str, Candidate] | None = None,
    lags: Sequence[int] | None = None,
    folds: int = 5,
    resamples: int = 999,
    seed: int = 0,
    progress: bool | None = None,
) -> Neurons:
    """How well each neuron is predicted, by which model, how surely, and how well it could be.

    Of every model and neuron the strength, and of a time series how much of the past is seen, are
    chosen on inner folds; then each neuron's model by the same inner scores. Held-out samples are
    scored once. Results say in `notes` what was decided, and why.

    Args:
      x: (sample, *feature) stimulus, behaviour; finite.
      y: (sample, neuron) counts or a continuous response; NaN = missing.
      dt: seconds between samples, which are then one time series: lags of `x` are chosen, and of
        counts the neuron's own history is a model. None: samples in no order.
      trials: (sample,) labels: no lag or filter reaches over an edge, and no fold divides one.
      groups: (sample,) what no fold divides, if that is more than `trials`: runs, sessions.
      stimulus: (sample,) labels of what was shown, NaN, None or "" where nothing was: where it was
        repeated, ceilings are given, by up to 64 repeats. In data without `dt`, folds then keep all
        repeats of a stimulus together, and p-values come of stimuli that change places. Of a time
        series, samples that follow each other under one label are moments of one showing, each
        compared with the same moment of others.
      test: (sample,) bool, the held-out part as the data's authors chose it; None: a fifth.
      models: by name; None: `candidates`, without the perceptron where data are many.
      lags: in samples, to choose among; None: 0, 5 and 10.
      folds: inner ones.
      resamples: of the intervals and p-values, fewer of large recordings.
      seed: of all that is random.
      progress: see `fit_many`.

    Raises:
      ValueError: a field of another shape or kind, by name.
    """
    given = check(x, y, dt, trials, groups, stimulus)
    known = dict(models if models is not None else candidates(given.counts, given.series))
    notes = [_kind(given)]
    design = _design(given, known, lags, notes)
    if models is None:
        _leave_out(known, given, design, notes)
    splits = _folds(given, design, test, folds, seed, notes)
    searches = {
        name: _search(name, model, design, given, splits, seed, progress, len(known) > 1, notes)
        for name, model in known.items()
    }
    inner = {name: found.sign * _inner(found) for name, found in searches.items()}
    worth = np.stack([np.where(np.isnan(values), -np.inf, values) for values in inner.values()])
    chosen = np.array(list(searches))[worth.argmax(axis=0)]
    predictions = np.full(given.y.shape, np.nan, np.float32)
    for name, found in searches.items():
        predictions[:, chosen == name] = found.predictions[:, chosen == name]
    most = int(np.clip(_WORK / given.y.size, min(99, resamples), resamples))
    sure = certainty(
        metrics.correlation, given.y, predictions, series=given.series, groups=given.whole,
        repeats=given.by_stimulus, resamples=most, nulls=most, seed=seed,
    )  # fmt: skip
    repeated = None
    if given.shown is not None:
        repeated = repeats(given.y, predictions, given.shown, min(most, 200), seed)
        notes.append(
            "Fewer than four stimuli were repeated: there is no ceiling."
            if repeated is None
            else f"Ceilings are of {repeated.conditions} repeated stimuli"
            + (" (moments of them)." if given.series else ".")
        )
    histories = frozenset(name for name, model in known.items() if model.history)
    return Neurons(searches, chosen, inner, predictions, design, sure, repeated, given.counts,
                   histories, tuple(dict.fromkeys(notes)), given)  # fmt: skip


def _design(
    given: Given, known: dict[str, Candidate], lags: Sequence[int] | None, notes: list[str]
) -> Design:
    """Lags and history, as the data allow; what is too large is left out of `known`."""
    histories = [name for name, model in known.items() if model.history]
    if histories and given.y.shape[1] > _MOST_HISTORIES:
        for name in histories:
            del known[name]
        notes.append(f"{', '.join(histories)} was left out: there are above {_MOST_HISTORIES} "
                     "neurons, and their histories share one design.")  # fmt: skip
        histories = []
    choices = _lags(given, lags, notes)
    return make_design(given.x, given.y, choices, max(*choices, 10) if histories else 0)


def _leave_out(known: dict[str, Candidate], given: Given, design: Design, notes: list[str]) -> None:
    """Perceptrons that would take more than about half a minute, unless asked for."""
    seen = given.x.size * (max(design.lags) + 1) * given.y.shape[1]
    for name in [name for name in known if "MLP" in name] if seen > _MOST_SEEN else []:
        del known[name]
        notes.append(
            f"{name} was left out: of so much data it would take long. Give it by `models`, from "
            "`candidates`."
        )


def _folds(
    given: Given, design: Design, test: ArrayLike | None, folds: int, seed: int, notes: list[str]
) -> NestedSplits:
    splits, told = told_folds(
        len(given.x), reach=max(*design.lags, design.window), test=test, groups=given.whole,
        edges=given.edges, series=given.series, folds=folds, seed=seed,
        whole="whole groups, trials or stimuli", chosen="strengths and models",
    )  # fmt: skip
    notes += told
    return splits


def _search(
    name: str,
    model: Candidate,
    design: Design,
    given: Given,
    splits: NestedSplits,
    seed: int,
    progress: bool | None,
    rivals: bool,
    notes: list[str],
) -> Search:
    seen = design.seen(given.x, given.y, given.edges, model.history)
    grid = (*(seen.axes if model.lags else ()), *model.grid)
    more: dict[str, Any] = {} if progress is None else {"progress": progress}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeOfGrid)  # a note, with the model's name
        found = encode(model.fit, seen.x, given.y, splits, grid, features=seen.features, seed=seed,
                       rivals=rivals, **more)  # fmt: skip
    notes += edge_notes(name, found.selection)
    return found


def _inner(found: Search) -> np.ndarray:
    """(neuron,) the inner score of what was chosen; NaN where nothing was."""
    if found.selection is None:
        return np.full(found.fits.shape[0], np.nan)
    return np.asarray(found.selection.score).reshape(found.fits.shape[0], -1).mean(axis=1)


def _kind(given: Given) -> str:
    if not given.counts:
        return "y is continuous: models of squared error."
    mean = np.nanmean(given.y)
    return f"y holds counts ({mean:.3g} on average): Poisson models, chosen by deviance."


def _lags(given: Given, lags: Sequence[int] | None, notes: list[str]) -> tuple[int, ...]:
    if not given.series:
        if lags is not None:
            raise ValueError("lags are of a time series: give dt")
        return (0,)
    choices = tuple(sorted(set(map(int, LAGS if lags is None else lags))))
    if not choices or choices[0] < 0:
        raise ValueError(f"lags is {lags!r}: whole numbers from 0")
    if lags is None and len(given.x) <= 20 * choices[-1]:
        notes.append(f"{len(given.x)} samples are few for lags: models see the present only.")
        return (0,)
    if told := too_large(given.x, choices[-1]):
        notes.append(present_only(told))
        return (0,)
    notes.append(f"Samples are a time series: {told_lags(choices)}.")
    return choices
