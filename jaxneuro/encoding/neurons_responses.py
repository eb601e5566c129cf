"""What the best of many neurons respond to: fields with bands, tuning curves, exciting inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxneuro.encoding.given import Given
from jaxneuro.encoding.linear_fields import linear_fields
from jaxneuro.encoding.most_exciting import most_exciting
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.encoding.tuning import tuning_curves
from jaxneuro.report import Figure, figures
from jaxneuro.selection.search import Search
from jaxneuro.statistics.certainty import memory
from jaxneuro.types import Axis

_RESAMPLES = 200
_FEW = 30  # values of a stimulus that are points of a curve, or bins of a feature
_CHOSEN = ("neuron", "outer", "lags")  # axes that are no strengths


def pictures(found: Neurons, best: NDArray[np.intp]) -> list[Figure]:
    """Of the neurons `best`; of a loaded result, which has no recording, the fields alone."""
    made = _fields(found, best)
    if found.given is not None:
        made += _curves(found.given, best)
        made += _exciting(found, found.given, best)
    return made


def field_bands(
    found: Neurons, neurons: NDArray[np.intp], models: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Ends of the bands (neuron, lag · feature) of `found.fields`, from refits to resamples of the
    whole recording with the strengths that were chosen; None of a loaded result."""
    given = found.given
    if given is None:
        return None
    reach, width = max(found.design.lags) + 1, len(found.design.middle)
    low = np.empty((len(neurons), reach * width))
    high = np.empty_like(low)
    for name in dict.fromkeys(models):
        mine = models == name
        search, own = found.searches[str(name)], neurons[mine]
        seen = found.design.seen(given.x, given.y, given.edges, name in found.histories)
        table = search.table()
        strengths = {
            axis.name: np.asarray(table[axis.name], float)[own]
            for axis in search.fits.row_axes if axis.name in table and axis.name not in _CHOSEN
        }  # fmt: skip
        kept = np.ones((len(own), int(np.prod(seen.x.shape[1:]))), bool)
        if seen.features is not None:
            kept &= seen.features[own]
        if "lags" in table:
            lag = np.repeat(np.arange(reach), width)
            kept[:, : reach * width] &= lag <= np.asarray(table["lags"])[own, None]
        fit: Any = search.fits.fit
        bands = linear_fields(
            fit, seen.x.reshape(len(seen.x), -1), given.y[:, own], strengths, features=kept,
            trials=given.edges, length=_length(found, given), resamples=_RESAMPLES, progress=False,
        )  # fmt: skip
        low[mine], high[mine] = (end[:, : reach * width] for end in (bands.low, bands.high))
    return low, high


def _fields(found: Neurons, best: NDArray[np.intp]) -> list[Figure]:
    """Of images a picture each, else over lags and features, with bands."""
    models, weights = found.fields(best)
    if weights.size <= len(best):  # no linear model, or of a single number
        return []
    names = [f"neuron {i}\n{model}" for i, model in zip(best, models, strict=True)]
    caption = "What the best neurons weigh the stimulus by, in the best linear model of each."
    if weights.shape[1] == 1 and weights.ndim == 4 and min(weights.shape[2:]) > 2:
        picture = figures.images(list(weights[:, 0]), names, len(names))
        return [Figure("fields", caption, picture)]
    bands = field_bands(found, best, models)
    flat = weights.reshape(*weights.shape[:2], -1)
    if bands is None:
        return [Figure("fields", caption, figures.fields(flat, names))]
    low, high = (end.reshape(flat.shape) for end in bands)
    caption += " 95 % bands over resamples of the recording; a weight whose band holds 0 is pale."
    return [Figure("fields", caption, figures.fields(flat, names, low, high))]


def _curves(given: Given, best: NDArray[np.intp]) -> list[Figure]:
    """Mean responses by what was shown, or by the one feature that there is."""
    there = np.ones(len(given.y), bool) if given.shown is None else given.shown >= 0
    shown: Any = None if given.stimulus is None else given.stimulus[there]
    bins, label = None, "Stimulus"
    if shown is not None:
        values, place = np.unique(shown, return_inverse=True)
        if values.dtype.kind not in "biuf":
            shown, label = place, "Stimulus (number, in order of names)"
        if not 1 < len(values) <= _FEW:
            shown = None
    elif given.x.size == len(given.x):
        shown, label = given.x.reshape(-1), "x"
        bins = None if len(np.unique(shown)) <= _FEW else _FEW
    if shown is None or len(np.unique(shown)) < 2:
        return []
    edges = None if given.edges is None else given.edges[there]
    y = given.y[there][:, best]
    found = tuning_curves(np.asarray(shown, float), y, bins, trials=edges)
    names = [f"neuron {i}" for i in best]
    picture = figures.tuning(found.values, found.mean, names, label, "Mean response", found.low,
                             found.high)  # fmt: skip
    caption = "Mean response of the best neurons to each value, with 95 % bootstrap bands."
    return [Figure("tuning", caption, picture)]


def _exciting(found: Neurons, given: Given, best: NDArray[np.intp]) -> list[Figure]:
    """Inputs that excite the best neurons most, of those whose model is not linear."""
    linear = {str(name) for name in found.fields(np.arange(len(found.chosen)))[0]}
    inputs, names = [], []
    for neuron in best:
        name = str(found.chosen[neuron])
        search = found.searches[name]
        if name in linear or name in found.histories or not _plain(search):
            continue
        laid = found.design.stimulus(given.x, given.edges)
        centre = float(laid.mean())
        away = np.linalg.norm((laid - centre).reshape(len(laid), -1), axis=1)
        shown = most_exciting(
            _one(search, neuron), laid.shape[1:], float(np.median(away)), centre=centre,
            low=float(laid.min()), high=float(laid.max()), progress=False,
        )  # fmt: skip
        inputs.append(shown.input[0])
        names.append(f"neuron {neuron}\n{name}")
    if not inputs or inputs[0].size == 1:
        return []
    every = np.stack(inputs)
    caption = (
        "The input that each model predicts the largest response to, of the norm that inputs have "
        "(median): what excites the model, which the neuron may not share."
    )
    if every.ndim == 3 and min(every.shape[1:]) > 2:
        picture = figures.images(list(every), names, len(names), symmetric=False)
    else:
        lags = max(found.design.lags) + 1
        picture = figures.fields(every.reshape(len(every), lags, -1), names, label="x")
    return [Figure("exciting", caption, picture)]


def _plain(search: Search) -> bool:
    """Whether inputs are in the units that the model was fitted in."""
    return search.fits.x_origin is None and search.fits.y_origin is None


def _one(search: Search, neuron: int) -> Any:
    """The refit of one neuron, as fits of their own."""
    fits = search.fits
    at = np.ravel_multi_index((neuron, *[0] * (len(fits.shape) - 1)), fits.shape)
    row = np.array([at])
    depth = len(fits.shape)

    def take(a: np.ndarray) -> np.ndarray:
        return a.reshape(len(fits), *a.shape[depth:])[row]

    params = jax.tree.map(take, fits.params)
    return replace(fits, params=params, status=take(fits.status), rows=fits.rows[row],
                   axes=(Axis("neuron", 1, fits.axes[0].select),))  # fmt: skip


def _length(found: Neurons, given: Given) -> float | None:
    """Length of the blocks to be drawn of a time series: that of the residuals' memory, and above
    what the models see of the past; None of samples in no order, or of trials."""
    if not given.series or given.edges is not None:
        return None
    seen = ~np.isnan(found.predictions).all(axis=1)
    length = memory(given.y[seen], found.predictions[seen])
    return min(max(length, max(found.design.lags) + 1.0), len(given.y) / 4)
