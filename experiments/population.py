"""Anybody's population: every neuron's response predicted from x, out of an npz file."""

import warnings
from typing import Any

import numpy as np

from experiments.runs import Part, finish, mean_defined, told
from jaxneuro import data, encoding
from jaxneuro.encoding.given import are_counts
from jaxneuro.encoding.neurons_page import pictures, tables

OWN = "each neuron's own"


def run(
    file: str, seed: int, quick: bool, common: dict[str, Any], source: str | None = None
) -> dict[str, Any]:
    """Fits every neuron with each model; the score is the mean over neurons of the correlation."""
    part = Part()
    with told(part.notes):
        return _run(part, file, seed, quick, common, source or file)


def _run(
    part: Part, file: str, seed: int, quick: bool, common: dict[str, Any], source: str
) -> dict[str, Any]:
    given = data.dataset_from_npz(file, "activity")
    part.notes.extend(given.notes)
    found = encoding.fit_neurons(
        given.x,
        given.y,
        dt=given.dt,
        trials=given.trials,
        groups=given.groups,
        stimulus=given.stimulus,
        test=given.test,
        models=encoding.candidates(are_counts(given.y), given.dt is not None, quick),
        folds=3 if quick else 5,
        resamples=19 if quick else 999,
        seed=seed,
        progress=True,
    )
    for name, search in found.searches.items():
        part.add(name, search)
    part.notes += found.notes
    rows = found.table()
    own = {name: rows[name] for name in next(iter(found.scores.values()))}
    every = {**found.scores, OWN: own}
    models = {
        model: mean_defined(scores["correlation"], "neuron", part)
        for model, scores in every.items()
    }
    part.results |= {
        "interval": [found.sure.mean_low, found.sure.mean_high],
        "p": found.sure.p.tolist(),
        "q": found.sure.q.tolist(),
        "chosen": {model: int((found.chosen == model).sum()) for model in found.searches},
        "neurons_scored": [int((~np.isnan(found.sure.score)).sum()), len(found.chosen)],
    }
    if found.counts:
        bits = {model: _mean(scores["bits_per_spike"]) for model, scores in every.items()}
        part.results["bits_per_spike"] = bits
    if found.repeats is not None:
        told_of = found.repeats.ceilings
        part.results["ceilings"] = {
            "explainable_variance": told_of.explainable_variance.tolist(),
            "reliability": told_of.reliability.tolist(),
            "correlation": told_of.correlation.tolist(),
            "normalised_correlation": found.repeats.normalised.tolist(),
        }
    part.tables += tables(found)
    part.figures += pictures(found)
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}
    return finish(
        part,
        title=f"Neuron activity prediction: {given.name}",
        lead="Every neuron's response predicted from x; strengths, how much of the past of a "
        "time series is seen, and the model chosen for each neuron on inner folds, scored once on "
        "the held-out part.",
        data=source,
        model=OWN,
        score=models[OWN],
        score_name="held-out correlation, mean over neurons",
        baseline=0.0,  # the mean response correlates with nothing
        models=models,
        **common,
    )


def _mean(values: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of none at all: NaN
        return float(np.nanmean(values))
