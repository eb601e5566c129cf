"""Categories from anybody's samples: of areas, or of mental states."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from experiments.areas_report import Fitted, fill
from experiments.runs import Part, choose, finish
from experiments.sure import judge
from jaxneuro import areas, axes, metrics, models, protocol
from jaxneuro.data import Dataset
from jaxneuro.fit import Fit
from jaxneuro.report import Figure, Table
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.statistics.certainty import certainty
from jaxneuro.types import Closed, Model

GAP = 5  # samples between fitted and scored parts of a time series
TITLES = {
    "brain_areas": "Brain area identification",
    "neural_decoding": "Neural decoding",
}
LEADS = {
    "brain_areas": "Which functional area does a piece of imaging data belong to?",
    "neural_decoding": "Which category do neural signals belong to?",
}


class Settings(Protocol):
    """What every job's options have."""

    data: str
    out: Any
    seed: int
    quick: bool


def no_pictures(given: Dataset, best: Fitted, test: np.ndarray) -> Sequence[Figure]:
    return []


def classify(
    options: Settings,
    part: Part,
    given: Dataset,
    job: str,
    command: str,
    images: bool = False,
    pictures: Callable[[Dataset, Fitted, np.ndarray], Sequence[Figure]] = no_pictures,
    strengths: Sequence[float] = STRENGTHS,
    network: tuple[Model, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Fits classifiers, chooses among them on inner folds, and scores the held-out part once.

    Args:
      network: in place of the article's CNN of `given.x`, a model and its own `x`.
    """
    series = given.dt is not None
    splits = protocol(
        len(given.x), test=given.test, groups=given.whole, series=series, folds=2,
        labels=None if series else _named(given), gap=GAP if series else 0, seed=options.seed,
    )  # fmt: skip
    fitted, test = splits.train[0, -1] > 0, splits.test[0, -1] > 0
    found = dict[str, Fitted]()
    for model, (fit, x, grid, repeats, lanes) in _plans(
        options, given, fitted, images, strengths, network
    ).items():
        search = areas.identify(
            fit,
            x,
            given.y,
            splits,
            grid,
            seed=options.seed,
            lanes=lanes,
            refit_axes=[axes.seeds(repeats)],
            progress=True,
        )
        part.add(model, search)
        found[model] = Fitted(search, search.fits.predict(x)[:, 0].mean(axis=0))

    majority = int(np.bincount(given.y[fitted]).argmax())
    baseline = float((given.y[test] == majority).mean())
    scores = {
        model: float(metrics.accuracy(given.y[test], f.probabilities[test]))
        for model, f in found.items()
    }
    best = choose({model: f.search for model, f in found.items()})
    fill(part, given, found, scores, baseline, best, test)
    held = {model: np.where(test[:, None], f.probabilities, np.nan) for model, f in found.items()}
    judge(part, metrics.accuracy, given.y, held, best, what="accuracy", series=series,
          groups=given.whole, seed=options.seed, quick=options.quick)  # fmt: skip
    names = given.target_names or [str(k) for k in range(int(given.y.max()) + 1)]
    areas_of(part, given.y, held[best], names, series, given.whole, options)
    part.figures += pictures(given, found[best], test)
    return finish(
        part,
        out=options.out,
        job=job,
        title=f"{TITLES[job]}: {given.name.replace('_', ' ')}",
        lead=f"{LEADS[job]} Penalties are chosen on inner folds, the model by their scores, and "
        "the held-out part is scored once.",
        data=options.data,
        model=best,
        score=scores[best],
        score_name="held-out accuracy",
        baseline=baseline,
        models={"majority": baseline, **scores},
        command=command,
    )


def areas_of(part, y, probabilities, names, series, groups, options: Settings) -> None:
    """p and q of each category: how often chance finds as many of its samples."""
    sure = certainty(
        Closed(_found, (len(names),)),
        y,
        probabilities,
        series=series,
        groups=groups,
        resamples=99 if options.quick else 999,
        nulls=19 if options.quick else 999,
        seed=options.seed,
    )
    part.results |= {"p": sure.p.tolist(), "q": sure.q.tolist()}
    rows = list(zip(names, sure.score, sure.low, sure.high, sure.p, sure.q, strict=True))
    columns = ("category", "share found", "from", "to", "p", "q")
    part.tables.append(Table("Held-out samples of each category that were found", columns, rows))


def _found(classes: int, y, probabilities, weight):
    """Share of each class's samples that are told to be of it, (class,); NaN where it has none."""
    true = jax.nn.one_hot(y, classes) * weight[:, None]
    told = jax.nn.one_hot(probabilities.argmax(axis=-1), classes)
    count = true.sum(axis=0)
    return jnp.where(count > 0, (true * told).sum(axis=0) / jnp.maximum(count, 1e-9), jnp.nan)


def _plans(
    options: Settings,
    given: Dataset,
    fitted: np.ndarray,
    images: bool,
    strengths: Sequence[float],
    network: tuple[Model, np.ndarray] | None,
) -> dict[str, tuple[Fit, np.ndarray, tuple, int, int]]:
    """By model: fit, x, grid, seeds and lanes, which are given so that search and refit are one
    program; a CNN fills the machine alone."""
    classes = int(given.y.max()) + 1
    steps, seeds = (30, 2) if options.quick else (1500, 3)
    decay = axes.grid(weight_decay=[0.1, 0.5], learning_rate=[2e-3])
    ridge = axes.grid(l2=strengths)
    softmax = areas.softmax_regression(classes)
    plans: dict[str, tuple[Fit, np.ndarray, tuple, int, int]] = {}
    if images:
        centre = given.x[:, given.x.shape[1] // 2, given.x.shape[2] // 2].reshape(len(given.x), -1)
        weaker = axes.grid(l2=[strength / 100 for strength in strengths])  # of so few features
        plans["one-pixel softmax"] = softmax, centre, weaker, 1, 4
        model, name = models.region_cnn(classes), "the article's CNN"
    else:
        model, name = models.mlp((64,), classes), "MLP"
    plans["softmax regression"] = softmax, given.x, ridge, 1, 4
    model, x = network or (model, _scaled(given.x, fitted))
    plans[name] = areas.network(model, steps), x, decay, seeds, 1 if images else 4
    return plans


def _named(given: Dataset) -> np.ndarray:
    """Each sample's class as the file calls it."""
    return np.array(given.target_names)[given.y] if given.target_names else given.y


def _scaled(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Each feature, or each channel of images, by mean and deviation of the fitted samples."""
    over = tuple(range(x.ndim - 1)) if x.ndim == 4 else (0,)
    some = x[fitted]
    size = np.abs(some).max() if some.size else 1
    size = size if size > 0 else 1  # squares of 1e300 and of 1e-300 leave double precision too
    mean, spread = some.mean(over), (some / size).std(over) * size
    return ((x - mean) / np.where(spread > 0, spread, 1)).astype(np.float32)
