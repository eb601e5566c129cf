"""What a decoder loses without some of the signals: units, areas or bands left out in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike, NDArray

from jaxneuro import metrics
from jaxneuro.axes.parts import as_given
from jaxneuro.data.labels import plain
from jaxneuro.decoding.fits import search_one
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import layer_of
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import bootstrap
from jaxneuro.statistics.certainty import memory
from jaxneuro.types import Array, Axis, Closed, Inputs

_NAME = "without"


@dataclass(frozen=True, repr=False)
class Importance:
    """Of `importance`. Outputs are those of `y`; of categories there is one, the accuracy.

    Attributes:
      names: (group,) of features.
      score: (output,) held out, with all features.
      without: (group, output) of refits without a group.
      drop, low, high: (group, output) `score` - `without`, and the ends of its interval.
      mean, mean_low, mean_high: (group,) the same of the mean over outputs.
      search: the fits; those of all features are index 0 of its axis "without".
    """

    names: tuple[Any, ...]
    score: NDArray[np.float64]
    without: NDArray[np.float64]
    drop: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    mean_low: NDArray[np.float64]
    mean_high: NDArray[np.float64]
    search: Search

    def __repr__(self) -> str:
        best = int(np.nanargmax(self.mean))
        return (
            f"<{len(self.names)} groups of features, score {np.nanmean(self.score):.3f}: most is "
            f"lost without {self.names[best]}, {self.mean[best]:.3f} ({self.mean_low[best]:.3f} to "
            f"{self.mean_high[best]:.3f})>"
        )

    def table(self) -> dict[str, NDArray[Any]]:
        """One row a group and output."""
        groups, outputs = self.drop.shape
        columns = {name: getattr(self, name).ravel() for name in ("without", "drop", "low", "high")}
        named = np.repeat(np.array([str(name) for name in self.names]), outputs)
        return {"group": named, "output": np.tile(np.arange(outputs), groups)} | columns


def importance(
    fit: Fit,
    x: ArrayLike,
    y: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    groups: ArrayLike,
    *,
    score: metrics.Score | Callable[..., Any] = metrics.r2,
    series: bool = False,
    trials: ArrayLike | None = None,
    choice: str | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Importance:
    """How much worse held-out samples are decoded when the decoder is fitted without some features.

    Each group is left out by a mask on the first layer, one more axis of the refits: `x` is shared.
    Hyper-parameters are those chosen with all features. Where features tell the same, none of them
    is missed: a small drop says that a group is not needed, not that it tells nothing.

    Intervals are BCa bootstraps of the difference of both scores over held-out samples, blocks of a
    time series as long as the memory of its residuals (`statistics.block_length`), or trials. They
    leave the fits as they are.

    Args:
      fit: whose model has a dense first layer (`Model.first_layer`): all of this module.
      x: (sample, *feature).
      y: (sample, output), or labels (sample,).
      splits, grid: of `search_one`.
      groups: (*feature) the label of each feature's group, or (last axis of it,) where all lags or
        times of a feature go together: numbers of the units themselves, areas, bands.
      score: (y, prediction, weight) -> (*output), higher is better; of categories
        `metrics.accuracy`.
      series: the samples are in order of time.
      trials: (sample,) labels, in place of `series`: whole ones are drawn.
      choice: which of the fit's own scores chooses: "score" of `search_one`.
      resamples, level: of the intervals.
      seed: of the fits and the draws.
      options: handed to `search_one`.

    Raises:
      ValueError: no dense first layer; groups of another shape, or fewer than two.
    """
    x, y = np.asarray(x), np.asarray(y)
    names, kept = _kept(fit, x, y, groups)
    select = Partial(_left_out, jax.device_put(kept))
    axis = Axis(_NAME, len(kept), select, ("nothing", *names), pad=as_given)
    options |= {"score": choice, "refit_axes": [axis]}
    found = search_one(fit, x, y, splits, grid, seed=seed, **options)
    held = splits.test[:, -1] > 0
    every = _pooled(found, x, held)
    seen = held.any(axis=0)
    y, every = y[seen], np.moveaxis(every[:, seen], 0, 1)  # (sample, without, ...)
    length = memory(y, every[:, 0]) if series else None
    labels = None if trials is None or series else np.asarray(trials)[seen]
    made = bootstrap(
        Closed(_scores, (score,)), y, every, groups=labels, length=length, resamples=resamples,
        level=level, seed=seed,
    )  # fmt: skip
    scores, drop, mean = made.estimate
    return Importance(
        names, scores[0], scores[1:], drop, made.low[1], made.high[1], mean, made.low[2],
        made.high[2], found,
    )  # fmt: skip


def _kept(
    fit: Fit, x: NDArray[Any], y: NDArray[Any], groups: ArrayLike
) -> tuple[tuple[Any, ...], NDArray[np.float32]]:
    """Names (group,), and (1 + group, feature) masks: of all features, and of all but a group's."""
    labels, tail = plain(groups, "groups"), x.shape[1:]
    if labels.shape not in (tail, tail[-1:]):
        raise ValueError(
            f"groups is {labels.shape}: it must be (*feature) = {tail}, or (feature,) = {tail[-1:]}"
        )
    first: Any = fit.model.first_layer
    if first is None:
        raise ValueError("importance: the model has no dense first layer to leave features out of")
    given = jax.ShapeDtypeStruct((1, *tail), np.float32)
    params = jax.eval_shape(fit.model.init, jax.random.key(0), given)
    rows = layer_of(params, first)["kernel"].shape[-2]
    flat = np.broadcast_to(labels, tail).ravel()
    if rows != flat.size:  # a layer that is the same at all times
        by_time = flat.reshape(-1, rows)
        if (by_time != by_time[0]).any():
            raise ValueError(f"groups: the model has the same weights at all times: give ({rows},)")
        flat = by_time[0]
    names, number = np.unique(flat, return_inverse=True)
    if len(names) < 2:
        raise ValueError("groups has one value only: what is left without it?")
    kept = number != np.arange(-1, len(names))[:, None]
    return tuple(names.tolist()), kept.astype(np.float32)


def _left_out(kept: Array, inputs: Inputs, index: Array) -> Inputs:
    return inputs._replace(features=kept[index])


def _pooled(found: Search, x: NDArray[Any], held: NDArray[np.bool_]) -> NDArray[Any]:
    """(without, sample, *output) by the fold that held a sample out, of several the last."""
    made: Any = None
    for k, test in enumerate(held):
        told = found.fits.predict(x[test])[:, k]
        if made is None:
            made = np.full((len(told), len(x), *told.shape[2:]), np.nan, told.dtype)
        made[:, test] = told
    return made


def _scores(score: Any, y: Array, every: Array, weight: Array) -> Any:
    """(without, output) scores, what each lacks of the first, and that in the mean."""
    scores = jax.vmap(lambda told: jnp.atleast_1d(score(y, told, weight)), in_axes=1)(every)
    drop = scores[:1] - scores[1:]
    return scores, drop, jnp.nanmean(drop, axis=1)
