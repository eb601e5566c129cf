"""What `fit_neurons` found: a row for each neuron, and the model that predicts it best."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.encoding.design import Design
from jaxneuro.encoding.given import Given
from jaxneuro.encoding.repeats import Repeats
from jaxneuro.fit.scaling import layer_of
from jaxneuro.prediction import frozen
from jaxneuro.selection.search import Search
from jaxneuro.statistics import Certainty


@dataclass(frozen=True, repr=False)
class Neurons:
    """Every neuron by several models, on identical folds.

    Attributes:
      searches: by model.
      chosen: (neuron,) the name of its model, by inner scores alone.
      inner: by model, (neuron,) the inner score of what was chosen, higher is better; NaN: none.
      predictions: (sample, neuron) of the chosen model; NaN where not held out.
      design: how the stimulus is laid out.
      sure: held-out correlation of the chosen models, with intervals, p and q.
      repeats: ceilings, where stimuli were repeated.
      counts: whether `y` was taken for counts.
      histories: the models that see a neuron's own past.
      notes: what was decided, and why.
      given: the recording; None where the result was loaded.
    """

    searches: Mapping[str, Search]
    chosen: NDArray[np.str_]
    inner: Mapping[str, NDArray[np.float64]]
    predictions: NDArray[np.float32]
    design: Design
    sure: Certainty
    repeats: Repeats | None
    counts: bool
    histories: frozenset[str]
    notes: tuple[str, ...]
    given: Given | None = None

    def __repr__(self) -> str:
        names, counts = np.unique(self.chosen, return_counts=True)
        models = ", ".join(f"{n} {c}" for n, c in zip(names, counts, strict=True))
        return (
            f"<{len(self.chosen)} neurons ({models}): held-out correlation {self.sure.mean:.3f} "
            f"({self.sure.mean_low:.3f} to {self.sure.mean_high:.3f}), "
            f"{int((self.sure.q <= 0.1).sum())} with q ≤ .1>"
        )

    @property
    def observed(self) -> np.ndarray:
        """`y` (sample, neuron) as it was given."""
        return next(iter(self.searches.values())).observed

    @cached_property
    def scores(self) -> dict[str, dict[str, np.ndarray]]:
        """Held-out scores (neuron,) by model and by name."""
        return {
            model: {
                name: np.asarray(values).reshape(len(self.chosen), -1).mean(axis=1)
                for name, values in found.fits.scores.items()
            }
            for model, found in self.searches.items()
        }

    @property
    def best(self) -> str:
        """The model of the best inner score, averaged over neurons for which all have one, each in
        units of how far the models' scores differ for it."""
        values = np.stack(list(self.inner.values()))
        there = np.isfinite(values).all(axis=0)
        if not there.any():
            return next(iter(self.inner))
        values = values[:, there]
        spread = values.std(axis=0)
        means = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)).mean(axis=1)
        return list(self.inner)[int(means.argmax())]

    def table(self) -> dict[str, np.ndarray]:
        """One row a neuron: its model and what was chosen for it, how its fit ended, held-out
        scores, how sure the correlation is, and its ceilings."""
        count = len(self.chosen)
        columns: dict[str, Any] = {"neuron": np.arange(count), "model": self.chosen}
        every = {model: found.table() for model, found in self.searches.items()}
        names = dict.fromkeys(n for part in every.values() for n in part)
        for name in names:
            if name in ("neuron", "outer") or name.startswith("inner_"):
                continue
            columns[name] = _by_model(name, every, self.chosen)
        columns |= {"low": self.sure.low, "high": self.sure.high, "p": self.sure.p,
                    "q": self.sure.q}  # fmt: skip
        if self.repeats is not None:
            columns |= {
                "explainable_variance": self.repeats.ceilings.explainable_variance,
                "explainable_variance_low": self.repeats.low,
                "explainable_variance_high": self.repeats.high,
                "ceiling": self.repeats.ceilings.correlation,
                "normalised_correlation": self.repeats.normalised,
            }
        return columns

    def fields(self, neurons: ArrayLike) -> tuple[NDArray[np.str_], np.ndarray]:
        """What neurons weigh the stimulus by in the linear model that predicts each best on inner
        folds: its name (neuron,), and weights (neuron, lag, *feature) for one unit of `x`. Lags
        that a neuron's fit does not see have weight 0; histories are left out. Empty where no
        model is linear.

        Args:
          neurons: (neuron,) their numbers.
        """
        neurons = np.asarray(neurons, int)
        kernels = {name: _kernel(found) for name, found in self.searches.items()}
        linear = {name: kernel for name, kernel in kernels.items() if kernel is not None}
        if not linear:
            return np.empty(0, str), np.empty((0, 0, 0))
        worth = np.stack([np.nan_to_num(self.inner[n], nan=-np.inf)[neurons] for n in linear])
        models = np.array(list(linear))[worth.argmax(axis=0)]
        lags, width = max(self.design.lags) + 1, len(self.design.middle)
        seen = [linear[name][i, : lags * width] for name, i in zip(models, neurons, strict=True)]
        given = next(iter(self.searches.values())).inputs
        shape = given.x.shape[1:] if lags == 1 and given is not None else (width,)
        shape = shape if int(np.prod(shape)) == width else (width,)
        return models, np.stack(seen).reshape(len(neurons), lags, *shape)

    def predict(
        self, x: ArrayLike, y: ArrayLike | None = None, trials: ArrayLike | None = None
    ) -> np.ndarray:
        """Each neuron by its model, of new samples (sample, *feature), in the units of `y`.

        Args:
          x: of a time series, in order: its past is laid out as it was for fitting.
          y: (sample, neuron) counts, where a chosen model sees a neuron's own past: each sample is
            predicted from those before it.
          trials: (sample,) labels; no past reaches over an edge.

        Returns:
          (sample, neuron)

        Raises:
          ValueError: a neuron's model needs `y`, and it is not given.
        """
        laid = self.design.stimulus(x, trials)
        made = np.empty((len(laid), len(self.chosen)), np.float32)
        for name in np.unique(self.chosen):
            seen = laid
            if name in self.histories:
                if y is None:
                    raise ValueError(f"predict: {str(name)!r} sees a neuron's own past: give y")
                flat = laid.reshape(len(laid), -1)
                seen = np.concatenate([flat, self.design.history(y, trials)], axis=1)
            mine = self.chosen == name
            made[:, mine] = self.searches[str(name)].predict(seen)[:, mine]
        return made

    def report(self, folder: str | os.PathLike, title: str | None = None) -> Path:
        """Writes `report.html`, its figures, `fits.csv` and `summary.json` into `folder`.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.encoding.neurons_page import write_page

        return write_page(self, Path(folder), title)

    def save(self, path: str | os.PathLike) -> None:
        """Writes all of this into one file, for `jaxneuro.load`, as `Search.save` does.

        Raises:
          OSError: it cannot be written.
        """
        from jaxneuro.encoding.neurons_saved import save

        save(self, Path(path))


def _kernel(found: Search) -> np.ndarray | None:
    """(neuron, feature) the weights of a linear model, mean over outer folds; None of others."""
    fit = frozen(found.fits.fit)
    if fit.first_layer is None or fit.first_layer != fit.readout or found.fits.params is None:
        return None
    kernel = np.asarray(layer_of(found.fits.params, fit.first_layer)["kernel"])
    return kernel.reshape(kernel.shape[0], -1, kernel.shape[-2]).mean(axis=1)


def _by_model(name: str, every: Mapping[str, Mapping[str, np.ndarray]], chosen: NDArray) -> Any:
    """A column of each neuron's own model: NaN, or empty text, where that has none."""
    kinds = [part[name] for part in every.values() if name in part]
    text = kinds[0].dtype.kind in "US"
    made = np.full(len(chosen), "" if text else np.nan, object if text else float)
    for model, part in every.items():
        if name in part:
            mine = chosen == model
            made[mine] = part[name][mine]
    return made.astype(str) if text else made
