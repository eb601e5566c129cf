"""Job 3, neural decoding: neural signals -> movement or mental state."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments import decoding_report, movements
from experiments.runs import Part, choose, command_line, finish
from jaxneuro import axes, data, decoding, metrics, protocol, splits
from jaxneuro.data import Dataset
from jaxneuro.fit import Fit
from jaxneuro.fits import take
from jaxneuro.selection.search import Search

COMMAND = "python -m experiments.neural_decoding"


@dataclass
class Options:
    """Decode movement from neural signals and write a report.

    Default: human ECoG and subthalamic field potentials -> grip force, 19 seconds, three contiguous
    folds. The seed article's linear decoder by gradient descent, its exact ridge solution, and an
    MLP, with a circularly shifted control. About half a minute on two cores, and 20 MB to download
    once. Writes summary.json, fits.csv, PNG figures and report.html.
    """

    data: str = "ecog-grip"
    """"ecog-grip", "m1-reach" (needs --path), or a FILE.npz with x (sample, *feature) and y
    (sample, output), and if you like groups, test, dt."""
    path: Path | None = None
    """File of the m1-reach recording."""
    out: Path = Path("results/neural_decoding")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    if options.data == "ecog-grip":
        given = movements.ecog_grip()
        outer = splits.blocks(len(given.x), 3, gap=5)
        nested = splits.nested(outer, lambda index: splits.blocks(len(index), 3, gap=5))
        return _run(options, given, nested)
    if options.data == "m1-reach":
        if options.path is None:
            raise ValueError("--data m1-reach needs --path, the file of the recording")
        given = movements.m1_reach(options.path)
    elif options.data.endswith(".npz"):
        given = data.dataset_from_npz(options.data, "decoding")
    else:
        raise ValueError(f"--data {options.data}: not ecog-grip, m1-reach or a .npz file")
    series = given.dt is not None
    nested = protocol(
        len(given.x), test=given.test, groups=given.groups, series=series, folds=3,
        gap=10 if series else 0, seed=options.seed,
    )  # fmt: skip
    return _run(options, given, nested)


def _run(options: Options, given: Dataset, nested: splits.NestedSplits) -> dict[str, Any]:
    fitted = nested.train[:, -1].max(axis=0) > 0
    y = given.y - np.nanmean(given.y[fitted], axis=0)
    y = (y / np.maximum(np.nanstd(y[fitted], axis=0), 1e-12)).astype(np.float32)  # same R²
    quick, outputs = options.quick, y.shape[1]
    l2 = axes.grid(l2=[0.01, 1.0] if quick else [0.01, 0.03, 0.1, 0.3, 1.0, 3.0])
    deep = axes.grid(l2=[1e-3, 1e-2] if quick else [1e-3, 1e-2, 1e-1], learning_rate=[3e-3])
    shifts = axes.shifts(2 if quick else 20, least=max(1, len(y) // 10), seed=options.seed)
    fits = {
        "linear decoder": decoding.linear_decoder(outputs),
        "MLP": decoding.mlp(outputs, steps=30 if quick else 1500),
    }
    searches = {
        "linear decoder": decoding.decode(
            fits["linear decoder"],
            given.x,
            y,
            nested,
            l2,
            seed=options.seed,
            refit_axes=[shifts],
            lanes=16,
        ),
        "MLP": decoding.decode(fits["MLP"], given.x, y, nested, deep, seed=options.seed),
    }
    part, predicted = Part(), dict[str, np.ndarray]()
    for model, search in searches.items():
        part.add(model, search)
        observed = (0,) if model == "linear decoder" else ()  # index 0 of the shifts
        predicted[model] = _predictions(fits[model], search, observed, given.x, nested)
    linear = searches["linear decoder"]
    assert linear.selection is not None
    exact, objective = decoding.exact_linear(given.x, y, nested, linear.selection.values["l2"])
    predicted["exact ridge"] = _pooled(exact, nested)
    part.results["gap_to_exact"] = float(np.abs(linear.fits.loss[0] / objective - 1).max())
    mean = [np.broadcast_to(y[t > 0].mean(axis=0), y.shape) for t in nested.train[:, -1]]

    held = (nested.test[:, -1].max(axis=0) > 0) & ~np.isnan(y).any(axis=1)
    r2 = {m: np.atleast_1d(metrics.r2(y[held], p[held])) for m, p in predicted.items()}
    control = []
    for i in range(1, shifts.size):
        moved = decoding.shifted(y, shifts, i)
        found = _predictions(fits["linear decoder"], linear, (i,), given.x, nested)
        control.append(np.mean(metrics.r2(moved[held], found[held])))
    part.results["shifted_r2"] = [float(value) for value in control]
    models = {model: float(np.mean(values)) for model, values in r2.items()}
    best = choose(searches)
    decoding_report.fill(part, given, y, held, searches, r2, predicted)
    return finish(
        part,
        out=options.out,
        job="neural_decoding",
        title=f"Neural decoding: {given.name}",
        lead="Movement decoded from neural signals. Penalties are chosen on inner folds of each "
        "training part, and every held-out sample is scored once.",
        data=options.data,
        model=best,
        score=models[best],
        score_name="held-out R², mean over outputs",
        baseline=float(np.mean(metrics.r2(y[held], _pooled(mean, nested)[held]))),
        models=models,
        command=f"{COMMAND} --data {options.data} --seed {options.seed}",
    )


def _predictions(
    fit: Fit, search: Search, first: tuple[int, ...], x: np.ndarray, nested: splits.NestedSplits
) -> np.ndarray:
    predict = jax.jit(fit.predict)
    folds = range(len(nested.names))
    return _pooled([predict(take(search.fits.params, (*first, f)), x) for f in folds], nested)


def _pooled(by_fold, nested: splits.NestedSplits) -> np.ndarray:
    """(sample, output): each sample as predicted by the fold that held it out; NaN elsewhere."""
    out = np.full(np.shape(by_fold[0]), np.nan, np.float32)
    for found, test in zip(by_fold, nested.test[:, -1] > 0, strict=True):
        out[test] = np.asarray(found)[test]
    return out


if __name__ == "__main__":
    command_line(Options, main, None)
