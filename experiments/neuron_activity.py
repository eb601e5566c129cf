"""Job 1, neuron activity prediction: stimulus -> firing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import figures, mouse_v1, receptive_fields, receptors, resting_state
from experiments.report import Figure, Table
from experiments.runs import Part, choose, command_line, finish, held_out
from jaxneuro import axes, data, encoding, losses, protocol
from jaxneuro.crossval import Search


@dataclass
class Options:
    """Predict neurons' activity from a stimulus, every neuron at once, and write a report.

    Default: grasshopper auditory receptors (five models), a simulated V1 population of 1 000
    neurons (receptive fields recovered) and resting BOLD (94 regions × 7 subjects). About two
    minutes on two cores, and 12 MB to download once. Writes summary.json, fits.csv, PNG figures and
    report.html.
    """

    data: str = "all"
    """"all", "grasshopper", "v1-simulation", "resting-state", "mouse-v1" (needs --path), or a
    FILE.npz with x (sample, *feature) and y (sample, neuron), and if you like groups, test, dt."""
    path: Path | None = None
    """Folder of the mouse V1 recordings."""
    out: Path = Path("results/neuron_activity")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    command = f"python -m experiments.neuron_activity --data {options.data} --seed {options.seed}"
    common = {"job": "neuron_activity", "command": command, "out": options.out}
    if options.data == "mouse-v1":
        if options.path is None:
            raise ValueError("--data mouse-v1 needs --path, the folder of the recordings")
        return mouse_v1.run(options.path, options.seed, options.quick, common)
    if options.data.endswith(".npz"):
        return _anybody(options, common)

    wanted = ("grasshopper", "v1-simulation", "resting-state")
    if options.data not in ("all", *wanted):
        raise ValueError(
            f"--data {options.data}: not one of {('all', *wanted, 'mouse-v1')} or .npz"
        )
    chosen = wanted if options.data == "all" else (options.data,)
    part, found = Part(), {}
    if "grasshopper" in chosen:
        first, searches, best = receptors.run(options.seed, options.quick)
        part.join(first)
        scores = {n: float(np.mean(held_out(s, receptors.SCORE))) for n, s in searches.items()}
        name = "held-out bits per spike, mean of 2 cells"
        found = {"model": best, "score": scores[best], "score_name": name, "models": scores}
    if "v1-simulation" in chosen:
        part.join(receptive_fields.run(options.seed, options.quick))
        score = part.results["receptive_field_correlation"]
        name = "median correlation with the true receptive field"
        found = found or {"model": "Poisson GLM", "score": score, "score_name": name, "models": {}}
    if "resting-state" in chosen:
        part.join(resting_state.run(options.seed, options.quick))
        score, name = part.results["regions_r2_median"], "median held-out R²"
        found = found or {"model": "ridge", "score": score, "score_name": name, "models": {}}
    return finish(
        part,
        title="Neuron activity prediction",
        lead="Models of neurons' responses, each neuron's hyper-parameters chosen on inner folds "
        "and scored once on samples that nothing before has seen. All fits of a model run in one "
        "compiled program.",
        data=options.data,
        baseline=0.0,  # a constant rate, a receptive field of noise, the mean signal
        **found,
        **common,
    )


def _anybody(options: Options, common: dict[str, Any]) -> dict[str, Any]:
    """The same on anybody's data: mean over neurons of the held-out correlation."""
    given = data.dataset_from_npz(options.data, "activity")
    samples, series = len(given.x), given.dt is not None
    gap = max(1, samples // 200) if series else 0
    splits = protocol(
        samples, test=given.test, groups=given.groups, series=series, gap=gap, seed=options.seed,
        folds=3 if options.quick else 5,
    )  # fmt: skip
    there = given.y[~np.isnan(given.y)]
    counts = bool(np.asarray(losses.poisson.valid(there)).all())
    scores = encoding.COUNTS if counts else encoding.TRACES
    y = given.y if counts else _scaled(given.y, splits.train[0, -1] > 0)
    steps = 30 if options.quick else 200
    plans = {"ridge": (encoding.linear(scores), axes.grid(l2=[1e-3, 1e-2, 1e-1, 1.0]))}
    if counts:
        plans["Poisson GLM"] = encoding.poisson_glm(), axes.grid(l2=[1e-3, 1e-2, 1e-1])
        plans["Poisson MLP"] = encoding.poisson_mlp((16,), steps), axes.grid(l2=[1e-3, 1e-2])
    else:
        plans["MLP"] = encoding.mlp((16,), steps), axes.grid(l2=[1e-3, 1e-2, 1e-1])
    part, searches = Part(), dict[str, Search]()
    for name, (fit, grid) in plans.items():
        searches[name] = encoding.encode(
            fit, given.x, y, splits, grid, score="correlation", seed=options.seed
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
        data=options.data,
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


if __name__ == "__main__":
    command_line(Options, main, None)
