"""Job 2, brain area identification: imaging data -> functional area or category."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.areas_report import Fitted, fill, maps
from experiments.runs import Part, choose, command_line, finish
from jaxneuro import areas, axes, data, metrics, models, protocol
from jaxneuro.data import Dataset
from jaxneuro.fit import Fit
from jaxneuro.fits import take


@dataclass
class Options:
    """Identify brain areas from imaging data and write a report.

    Default: patches of seven maps of the human cortex -> its functional network (Yeo-7), fitted on
    the left hemisphere, tested on the right: the seed article's CNN beside softmax regressions.
    About two minutes on two cores, and 69 MB to download once. Writes summary.json, fits.csv, PNG
    figures and report.html.
    """

    data: str = "cortical-maps"
    """"cortical-maps", or a FILE.npz with x (sample, *feature), y (sample,) integer labels, and if
    you like groups, test, dt."""
    out: Path = Path("results/brain_areas")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    if options.data == "cortical-maps":
        flat = data.raster(data.cortical_maps(), millimetre=6.0 if options.quick else 2.5)
        patches = data.patches(flat, 7 if options.quick else 15)
        return _run(options, patches.dataset, lambda *found: maps(flat, patches.pixels, *found))
    if not options.data.endswith(".npz"):
        raise ValueError(f"--data {options.data}: neither cortical-maps nor a .npz file")
    return _run(options, data.dataset_from_npz(options.data, "areas"), lambda *found: [])


def _run(options: Options, given: Dataset, pictures) -> dict[str, Any]:
    series = given.dt is not None
    splits = protocol(
        len(given.x), test=given.test, groups=given.groups, series=series, folds=2,
        labels=None if series else given.y, gap=5 if series else 0, seed=options.seed,
    )  # fmt: skip
    fitted, test = splits.train[0, -1] > 0, splits.test[0, -1] > 0
    classes = int(given.y.max()) + 1
    steps, seeds = (30, 2) if options.quick else (1500, 3)
    decay = axes.grid(weight_decay=[0.1, 0.5], learning_rate=[2e-3])
    small, ridge = axes.grid(l2=[1e-4, 1e-3]), axes.grid(l2=[1e-2, 1e-1])
    image = given.x.ndim in (3, 4) and min(given.x.shape[1:3]) >= 4
    # Lanes are given, so that search and refit are one program; a CNN fills the machine alone.
    plans: dict[str, tuple[Fit, np.ndarray, tuple, int, int]] = {}
    if image:
        centre = given.x[:, given.x.shape[1] // 2, given.x.shape[2] // 2].reshape(len(given.x), -1)
        plans["one-pixel softmax"] = areas.softmax_regression(classes), centre, small, 1, 4
        network, name = areas.region_cnn(classes, steps), "the article's CNN"
    else:
        network, name = areas.network(models.mlp((64,), classes), steps), "MLP"
    plans["softmax regression"] = areas.softmax_regression(classes), given.x, ridge, 1, 4
    plans[name] = network, _scaled(given.x, fitted), decay, seeds, 1 if image else 4

    part, found = Part(), dict[str, Fitted]()
    for model, (fit, x, grid, repeats, lanes) in plans.items():
        search = areas.identify(
            fit,
            x,
            given.y,
            splits,
            grid,
            seed=options.seed,
            lanes=lanes,
            refit_axes=[axes.seeds(repeats)],
        )
        part.add(model, search)
        predict = jax.jit(fit.predict)
        each = [np.asarray(predict(take(search.fits.params, (s, 0)), x)) for s in range(repeats)]
        found[model] = Fitted(search, np.mean(each, axis=0))

    majority = int(np.bincount(given.y[fitted]).argmax())
    baseline = float((given.y[test] == majority).mean())
    scores = {
        model: float(metrics.accuracy(given.y[test], f.probabilities[test]))
        for model, f in found.items()
    }
    best = choose({model: f.search for model, f in found.items()})
    fill(part, given, found, scores, baseline, best, test)
    part.figures += pictures(given, found[best], test)
    return finish(
        part,
        out=options.out,
        job="brain_areas",
        title=f"Brain area identification: {given.name.replace('_', ' ')}",
        lead="Which functional area does a piece of imaging data belong to? Penalties are chosen "
        "on inner folds, the model by their scores, and the held-out part is scored once.",
        data=options.data,
        model=best,
        score=scores[best],
        score_name="held-out accuracy",
        baseline=baseline,
        models={"majority": baseline, **scores},
        command=f"python -m experiments.brain_areas --data {options.data} --seed {options.seed}",
    )


def _scaled(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Each feature, or each channel of images, by mean and deviation of the fitted samples."""
    over = tuple(range(x.ndim - 1)) if x.ndim == 4 else (0,)
    mean, spread = x[fitted].mean(over), x[fitted].std(over)
    return ((x - mean) / np.where(spread > 0, spread, 1)).astype(np.float32)


if __name__ == "__main__":
    command_line(Options, main, None)
