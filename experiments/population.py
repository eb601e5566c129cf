"""Anybody's population: every neuron's response predicted from x, out of an npz file."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments import figures
from experiments.report import Figure, Table
from experiments.runs import Part, choose, finish, held_out
from jaxneuro import axes, data, encoding, losses, protocol
from jaxneuro.selection.search import Search


def run(file: str, seed: int, quick: bool, common: dict[str, Any]) -> dict[str, Any]:
    """Fits every neuron with each model; the score is the mean over neurons of the correlation."""
    given = data.dataset_from_npz(file, "activity")
    samples, series = len(given.x), given.dt is not None
    gap = max(1, samples // 200) if series else 0
    splits = protocol(
        samples, test=given.test, groups=given.groups, series=series, gap=gap, seed=seed,
        folds=3 if quick else 5,
    )  # fmt: skip
    there = given.y[~np.isnan(given.y)]
    counts = bool(np.asarray(losses.poisson.valid(jnp.asarray(there))).all())
    scores = encoding.COUNTS if counts else encoding.TRACES
    y = given.y if counts else _scaled(given.y, splits.train[0, -1] > 0)
    steps = 30 if quick else 200
    plans = {"ridge": (encoding.linear(scores), axes.grid(l2=[1e-3, 1e-2, 1e-1, 1.0]))}
    if counts:
        plans["Poisson GLM"] = encoding.poisson_glm(), axes.grid(l2=[1e-3, 1e-2, 1e-1])
        plans["Poisson MLP"] = encoding.poisson_mlp((16,), steps), axes.grid(l2=[1e-3, 1e-2])
    else:
        plans["MLP"] = encoding.mlp((16,), steps), axes.grid(l2=[1e-3, 1e-2, 1e-1])
    part, searches = Part(), dict[str, Search]()
    for name, (fit, grid) in plans.items():
        searches[name] = encoding.encode(
            fit, given.x, y, splits, grid, score="correlation", seed=seed
        )
        part.add(name, searches[name])
    by_model = {n: held_out(s, "correlation")[:, 0] for n, s in searches.items()}
    models = {n: float(np.nanmean(v)) for n, v in by_model.items()}
    best = choose(searches)
    part.tables.append(Table("Held-out correlation", ("model", "mean", "median", "neurons"),
        [(n, models[n], np.nanmedian(v), v.size) for n, v in by_model.items()],
        "The model is chosen by its inner folds, not by this table."))  # fmt: skip
    part.figures.append(Figure("scores", "Held-out correlation of every neuron, by model.",
        figures.scores(list(by_model), by_model, 0.0, "correlation")))  # fmt: skip
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}
    return finish(
        part,
        title=f"Neuron activity prediction: {given.name}",
        lead="Every neuron's response predicted from x; penalties chosen for each neuron on inner "
        "folds, scored once on the held-out part.",
        data=file,
        model=best,
        score=models[best],
        score_name="held-out correlation, mean over neurons",
        baseline=0.0,  # the mean response correlates with nothing
        models=models,
        **common,
    )


def _scaled(y: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Each neuron in units of its own fitted samples, so that one grid of penalties suits all."""
    known = fitted[:, None] & ~np.isnan(y)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, y, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, np.square(y - mean), 0).sum(axis=0) / count)
    return (y - mean) / np.where(spread > 0, spread, 1)
