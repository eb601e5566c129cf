"""Job 3, neural decoding: neural signals -> movement or mental state."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import decoding_report, movements, places
from experiments.categories import classify
from experiments.runs import (
    Part,
    command_line,
    finish,
    lags_of,
    mean_defined,
    told,
)
from experiments.sure import judge
from jaxneuro import axes, data, decoding, metrics, protocol, splits
from jaxneuro.adapters.read import Picks
from jaxneuro.data import Dataset
from jaxneuro.decoding.contender import Contender, View, of_search
from jaxneuro.decoding.contenders import cascade, kalman_filter, recurrent, suited
from jaxneuro.decoding.recording import Recording, units
from jaxneuro.selection import Search, lag_choice, leakage, past_of
from jaxneuro.selection.defaults import LAGS, STRENGTHS

COMMAND = "python -m experiments.neural_decoding"
_SEEDS = 3  # of the perceptron, whose predictions are averaged
OWN_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # around what our own recordings need
FINE = {"power": (0.5, 1.0), "l2": tuple(0.1 * 2 ** (i / 2) for i in range(11))}
"""Of M1's linear decoder: 18 of its 171 units are nearly silent."""


@dataclass
class Options(Picks):
    """Decode movement or categories from neural signals and write a report.

    Default: human ECoG and subthalamic field potentials -> grip force, 19 seconds, three contiguous
    folds. The seed article's linear decoder by gradient descent, its exact ridge solution, and an
    MLP, with a circularly shifted control; of longer time series also a Wiener cascade, a Kalman
    filter and a GRU. About half a minute on two cores, and 20 MB to download once; compiled
    programs are kept in ~/.cache/jaxneuro. Writes summary.json, fits.csv, PNG figures and
    report.html.
    """

    data: str = "ecog-grip"
    """"ecog-grip", "m1-reach" or "hippocampus" (these two need --path), or a FILE.npz with x
    (sample, *feature) and y (sample, output), or (sample,) strings or whole numbers, which are
    categories; and if you like groups, test, dt; or .nwb, .mat, .csv, MNE's -epo.fif, or a folder
    of Kilosort or suite2p."""
    path: Path | None = None
    """File of the m1-reach recording, or folder of one track of the hippocampus."""
    out: Path = Path("results/neural_decoding")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    if options.data == "hippocampus":
        if options.path is None:
            raise ValueError("--data hippocampus needs --path, the folder of a track")
        command = f"{COMMAND} --data hippocampus --seed {options.seed}"
        common = {"out": options.out, "job": "neural_decoding", "command": command}
        return places.run(options.path, options.seed, options.quick, common)
    part = Part()
    with told(part.notes):
        return _main(options, part)


def _main(options: Options, part: Part) -> dict[str, Any]:
    if options.data == "ecog-grip":
        outer = splits.blocks(len((given := movements.ecog_grip()).x), 3, gap=5)
        nested = splits.nested(outer, lambda index: splits.blocks(len(index), 3, gap=5))
        return _run(options, part, given, nested, (0,), {"l2": OWN_STRENGTHS})
    if options.data == "m1-reach":
        if options.path is None:
            raise ValueError("--data m1-reach needs --path, the file of the recording")
        given, lags = movements.m1_reach(options.path), (9, 12)
        choices = FINE
    elif options.is_file(options.data):
        file = options.npz(options.data, options.out)
        given, lags = data.dataset_from_npz(file, "decoding"), None
        choices = {"l2": STRENGTHS}
        part.notes.extend(given.notes)
        if given.categories:
            command = f"{COMMAND} --data {options.data} --seed {options.seed}{options.told()}"
            return classify(options, part, given, "neural_decoding", command)
    else:
        raise ValueError(f"--data {options.data}: not ecog-grip, m1-reach, hippocampus or a file")
    lags = lags_of(given, part) if lags is None else lags
    series = given.dt is not None
    nested = protocol(
        len(given.x), test=given.test, groups=given.whole, series=series, folds=3,
        gap=max(*LAGS, *lags) if series and len(given.x) > 20 * max(LAGS) else 0, seed=options.seed,
    )  # fmt: skip
    return _run(options, part, given, nested, lags, choices)


def _run(
    options: Options,
    part: Part,
    given: Dataset,
    nested: splits.NestedSplits,
    lags: tuple[int, ...],
    choices: dict[str, tuple[float, ...]],
) -> dict[str, Any]:
    centre, spread = units(given.y, nested.train[:, -1].max(axis=0) > 0)
    y = ((given.y - centre) / spread).astype(np.float32)  # R² is the same
    quick, outputs = options.quick, y.shape[1]
    grid = axes.grid(**{name: few[::2] if quick else few for name, few in choices.items()})
    deep = axes.grid(l2=[1e-3, 1e-2] if quick else [1e-3, 1e-2, 1e-1], learning_rate=[3e-3])
    shifts = axes.shifts(2 if quick else 20, least=max(1, len(y) // 10), seed=options.seed)
    past = lag_choice(given.x, lags, given.edges) if max(lags) else None
    power = "power" if "power" in choices else True
    linear_fit = decoding.linear_decoder(outputs, standardise=power)
    linear = decoding.decode(
        linear_fit,
        given.x if past is None else past.x,
        y,
        nested,
        grid if past is None else (past.axis, *grid),
        seed=options.seed,
        refit_axes=[shifts],
        lanes=16,
        progress=True,
    )
    assert linear.selection is not None
    x = given.x
    if past is not None:  # chosen on inner folds of the one outer part
        last = int(linear.selection.values["lags"][0])
        x, part.results["lags"] = past.x[:, : last + 1], last
    network = decoding.mlp(outputs, steps=30 if quick else 1500)
    deeper = decoding.decode(network, x, y, nested, deep, seed=options.seed, progress=True,
                             refit_axes=[axes.seeds(_SEEDS)])  # fmt: skip
    decoders = {"linear decoder": of_search(linear, View()), "MLP": of_search(deeper, View())}
    every = linear.fits.predict(given.x if past is None else past.x)  # (shift, outer, ...)
    predicted = {"linear decoder": _pooled(every[0], nested)}
    predicted["MLP"] = _pooled(deeper.fits.predict(x).mean(axis=0), nested)
    if given.dt is not None and options.data != "ecog-grip":  # nineteen seconds are few for these
        others = _over_time(options, part, given, y, nested, lags)
        decoders |= others
        predicted |= {name: one.predictions for name, one in others.items()}
    for model, one in decoders.items():
        if isinstance(one.found, Search):
            part.add(model, one.found)
    chosen = linear.selection.values
    exact, objective = decoding.exact_linear(x, y, nested, chosen["l2"], chosen.get("power"))
    predicted["exact ridge"] = _pooled(exact, nested)
    part.results["gap_to_exact"] = float(np.abs(linear.fits.loss[0] / objective - 1).max())
    mean = [
        np.broadcast_to(_mean(np.where((t > 0)[:, None], y, np.nan)), y.shape)
        for t in nested.train[:, -1]
    ]

    held = nested.test[:, -1].max(axis=0) > 0
    r2 = {m: np.atleast_1d(metrics.r2(y[held], p[held])) for m, p in predicted.items()}
    constant = np.atleast_1d(metrics.r2(y[held], _pooled(mean, nested)[held]))
    control = []
    for i in range(1, shifts.size):
        moved = decoding.shifted(y, shifts, i)
        found = metrics.r2(moved[held], _pooled(every[i], nested)[held])
        control.append(float(np.mean(found[~np.isnan(found)])))
    part.results["shifted_r2"] = control
    models = {model: mean_defined(values, "output", part) for model, values in r2.items()}
    some = r2["linear decoder"]
    part.results["outputs_scored"] = [int((~np.isnan(some)).sum()), len(some)]
    best = max(decoders, key=lambda name: np.nan_to_num(decoders[name].inner, nan=-np.inf))
    part.results["fits_by_model"] = {name: one.fits for name, one in decoders.items()}
    part.results["seconds_by_model"] = {
        name: one.compile_seconds + one.run_seconds for name, one in decoders.items()
    }
    part.notes += leakage.short_gaps(nested, max(lags), given.edges) if max(lags) else []
    judge(part, metrics.r2, y, predicted, best, what="R², mean over outputs",
          names=given.target_names, series=given.dt is not None, groups=given.whole,
          seed=options.seed, quick=quick)  # fmt: skip
    decoding_report.fill(part, given, y, held, decoders, r2, predicted)
    return finish(
        part,
        out=options.out,
        job="neural_decoding",
        title=f"Neural decoding: {given.name}",
        lead="Movement decoded from neural signals. Penalties, and how much of the past of a time "
        "series is seen, are chosen on inner folds of each training part, and every held-out "
        "sample is scored once.",
        data=options.data,
        model=best,
        score=models[best],
        score_name="held-out R², mean over outputs",
        baseline=mean_defined(constant, "output", part),
        models=models,
        command=f"{COMMAND} --data {options.data} --seed {options.seed}{options.told()}",
    )


def _over_time(
    options: Options,
    part: Part,
    given: Dataset,
    y: np.ndarray,
    nested: splits.NestedSplits,
    lags: tuple[int, ...],
) -> dict[str, Contender]:
    """Decoders that need a time series, of `y` (sample, output) as it is scored."""
    outputs = y.shape[1]
    recording = Recording(
        x=given.x, y=y, observed=y, centre=np.zeros(outputs), spread=np.ones(outputs), classes=(),
        edges=given.edges, whole=given.whole, series=True, lags=lags,
        past=past_of(given.x, max(lags)), splits=nested, seed=options.seed, progress=True,
    )  # fmt: skip
    notes: list[str] = []
    known = suited(recording, notes)
    made = {"Wiener cascade": cascade(STRENGTHS[3:5] if options.quick else STRENGTHS[1::2])}
    if "Kalman filter" in known:
        few = {"noise": [0.3, 1.0, 3.0], "lag": [0]} if options.quick else {}
        made["Kalman filter"] = kalman_filter(**few)
        if options.data == "m1-reach" and options.path is not None:
            state = movements.m1_state(options.path)
            made["Kalman filter, position and acceleration too"] = kalman_filter(state=state, **few)
    found = {name: decoder(recording) for name, decoder in made.items()}
    own = options.data == "m1-reach"  # has its network at any price, and 1.5 s of the past
    if max(lags) and ("GRU" in known or own):
        small = recurrent(16, 30, dropout=0.0)
        large = recurrent()
        if own:  # learns from all but the first 0.4 s of a window
            large = recurrent(128, 3000, dropout=0.4, readin=20, strengths=(3e-4, 1e-3), seeds=3,
                              batch=32, moments=22)  # fmt: skip
        wide = replace(recording, past=past_of(given.x, 29)) if own else recording
        found["GRU"] = small(recording) if options.quick else large(wide)
    part.notes += [note for note in notes if note.split(" was")[0] not in {"MLP", *found}]
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    """(output,) over the samples that are there; 0 where none is."""
    there = ~np.isnan(values)
    return np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)


def _pooled(by_fold, nested: splits.NestedSplits) -> np.ndarray:
    """(sample, output): each sample as predicted by the fold that held it out; NaN elsewhere."""
    out = np.full(np.shape(by_fold[0]), np.nan, np.float32)
    for found, test in zip(by_fold, nested.test[:, -1] > 0, strict=True):
        out[test] = np.asarray(found)[test]
    return out


if __name__ == "__main__":
    command_line(Options, main, None)
