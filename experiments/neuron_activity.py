"""Job 1, neuron activity prediction: stimulus -> firing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import (
    mouse_v1,
    place_cell,
    population,
    receptive_fields,
    receptors,
    resting_state,
)
from experiments.runs import Part, command_line, finish, held_out, told
from jaxneuro.adapters.read import Picks

_BY_PATH = {"mouse-v1": mouse_v1.run, "place-cell": place_cell.run}


@dataclass
class Options(Picks):
    """Predict neurons' activity from a stimulus, every neuron at once, and write a report.

    Default: grasshopper auditory receptors (six models), a simulated V1 population of 1 000
    neurons (receptive fields recovered) and resting BOLD (94 regions × 7 subjects). About two
    minutes on two cores, and 12 MB to download once; compiled programs are kept in
    ~/.cache/jaxneuro. Writes summary.json, fits.csv, PNG figures and
    report.html.
    """

    data: str = "all"
    """"all", "grasshopper", "v1-simulation", "resting-state", "mouse-v1" or "place-cell" (these two
    need --path), or a FILE.npz with x (sample, *feature) and y (sample, neuron), and if you like
    groups, test, dt; or .nwb, .mat, .csv, or a folder of Kilosort or suite2p."""
    path: Path | None = None
    """Folder of the mouse V1 recordings, or of the place cell's."""
    out: Path = Path("results/neuron_activity")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    command = f"python -m experiments.neuron_activity --data {options.data} --seed {options.seed}"
    command += options.told()
    common = {"job": "neuron_activity", "command": command, "out": options.out}
    if options.data in _BY_PATH:
        if options.path is None:
            raise ValueError(f"--data {options.data} needs --path, the folder of the recordings")
        return _BY_PATH[options.data](options.path, options.seed, options.quick, common)
    wanted = ("grasshopper", "v1-simulation", "resting-state")
    if options.data not in ("all", *wanted):
        if options.is_file(options.data):
            file = options.npz(options.data, options.out)
            return population.run(file, options.seed, options.quick, common, options.data)
        raise ValueError(f"--data {options.data}: not one of {('all', *wanted, *_BY_PATH)} or a "
                         "file")  # fmt: skip
    chosen = wanted if options.data == "all" else (options.data,)
    part, found = Part(), {}
    with told(part.notes):
        return _recordings(options, part, chosen, found, common)


def _recordings(
    options: Options,
    part: Part,
    chosen: tuple[str, ...],
    found: dict[str, Any],
    common: dict[str, Any],
) -> dict[str, Any]:
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


if __name__ == "__main__":
    command_line(Options, main, None)
