"""Anybody's population: every neuron's response predicted from x, out of an npz file."""

from typing import Any

import numpy as np

from experiments.runs import (
    LAGS,
    STRENGTHS,
    Part,
    choose,
    finish,
    held_out,
    lags_of,
    mean_defined,
    told,
)
from experiments.sure import judge
from jaxneuro import axes, data, encoding, metrics, origin, protocol
from jaxneuro.report import Figure, Table, figures
from jaxneuro.selection import Search, lag_choice, leakage


def run(file: str, seed: int, quick: bool, common: dict[str, Any]) -> dict[str, Any]:
    """Fits every neuron with each model; the score is the mean over neurons of the correlation."""
    part = Part()
    with told(part.notes):
        return _run(part, file, seed, quick, common)


def _run(part: Part, file: str, seed: int, quick: bool, common: dict[str, Any]) -> dict[str, Any]:
    given = data.dataset_from_npz(file, "activity")
    part.notes.extend(given.notes)
    samples, series = len(given.x), given.dt is not None
    lags = lags_of(given, part)
    gap = max(*LAGS, samples // 200) if series and samples > 20 * max(LAGS) else 0
    splits = protocol(
        samples, test=given.test, groups=given.groups, series=series, gap=gap, seed=seed,
        folds=3 if quick else 5,
    )  # fmt: skip
    counts = _are_counts(given.y)
    scores = encoding.COUNTS if counts else encoding.TRACES
    y = given.y if counts else _scaled(given.y, splits.train[0, -1] > 0)
    past = lag_choice(given.x, lags, given.groups)
    lagged = (past.axis,) if len(lags) > 1 else ()
    steps = 30 if quick else 200
    strong, deep = axes.grid(l2=STRENGTHS), axes.grid(l2=[1e-3, 1e-2, 1e-1])
    plans = {"ridge": (encoding.linear(scores), (*lagged, *strong))}
    if counts:
        plans["Poisson GLM"] = encoding.poisson_glm(), (*lagged, *strong)
        plans["Poisson MLP"] = encoding.poisson_mlp((16,), steps), (*lagged[:1], *deep)
    else:
        plans["MLP"] = encoding.mlp((16,), steps, scores), (*lagged[:1], *deep)
    searches = dict[str, Search]()
    for name, (fit, grid) in plans.items():
        searches[name] = encoding.encode(
            fit, past.x, y, splits, grid, seed=seed, progress=True
        )  # fmt: skip
        part.add(name, searches[name])
    by_model = {n: held_out(s, "correlation")[:, 0] for n, s in searches.items()}
    models = {n: mean_defined(v, "neuron", part) for n, v in by_model.items()}
    best = choose(searches)
    part.notes += leakage.short_gaps(splits, max(lags), given.groups) if max(lags) else []
    predictions = {name: s.predictions for name, s in searches.items()}
    judge(part, metrics.correlation, y, predictions, best, what="correlation, mean over neurons",
          series=series, groups=given.groups, seed=seed, quick=quick)  # fmt: skip
    columns = {"correlation": by_model}
    if counts:
        columns["bits per spike"] = {n: held_out(s, "bits_per_spike")[:, 0]
                                     for n, s in searches.items()}  # fmt: skip
        part.results["bits_per_spike"] = {n: _mean(v) for n, v in columns["bits per spike"].items()}
    part.results["neurons_scored"] = [
        int((~np.isnan(by_model[best])).sum()), len(by_model[best])
    ]  # fmt: skip
    rows = [
        (n, *(f(values[n]) for values in columns.values() for f in (_mean, _median)))
        for n in by_model
    ]
    heads = [f"{c}, {f}" for c in columns for f in ("mean", "median")]
    part.tables.append(Table("Held-out scores", ("model", *heads), rows,
        "The model is chosen by the loss of its inner folds (deviance of counts, squared error "
        "else), not by this table."))  # fmt: skip
    part.figures.append(Figure("scores", "Held-out correlation of every neuron, by model.",
        figures.model_scores(by_model, "correlation", 0.0)))  # fmt: skip
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}
    return finish(
        part,
        title=f"Neuron activity prediction: {given.name}",
        lead="Every neuron's response predicted from x; penalties, and how much of the past of a "
        "time series is seen, chosen for each neuron on inner folds, scored once on the held-out "
        "part.",
        data=file,
        model=best,
        score=models[best],
        score_name="held-out correlation, mean over neurons",
        baseline=0.0,  # the mean response correlates with nothing
        models=models,
        **common,
    )


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if not np.isnan(values).all() else np.nan


def _are_counts(y: np.ndarray) -> bool:
    """Whole numbers from 0, and not the small changes of a large offset, as a camera gives them."""
    there = y[~np.isnan(y)]
    whole = bool((there >= 0).all() and (there == np.floor(there)).all())
    return whole and origin.centred("y", y.astype(np.float64))[1] is None


def _scaled(y: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Each neuron in units of its own fitted samples, so that squared errors can be averaged."""
    known = fitted[:, None] & ~np.isnan(y)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, y, 0).sum(axis=0, dtype=np.float64) / count
    spread = np.sqrt(np.where(known, np.square(y - mean), 0).sum(axis=0) / count)
    return (y - mean) / np.where(spread > 0, spread, 1)
