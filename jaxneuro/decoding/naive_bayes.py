"""Position from neurons that are independent given it: Bayes' rule over places (Zhang 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.decoding import series
from jaxneuro.decoding.place import Places, estimate, locate
from jaxneuro.inputs import make_inputs
from jaxneuro.origin import undo
from jaxneuro.sizes import grown
from jaxneuro.splits import NestedSplits, Splits
from jaxneuro.types import Origin

_NOISES, _PRIORS = ("poisson", "gaussian"), ("occupancy", "uniform")


@dataclass(frozen=True, repr=False)
class NaiveBayes:
    """Of `naive_bayes`.

    Attributes:
      predictions: (time, output) the posterior's mean, by the fold that holds the sample out, in
        the units of `y`; NaN where no fold does. Where several do, by the last.
      r2: (fold, output) 1 - SSE / SST of the held-out samples.
      median_error: (fold,) median distance of prediction and position.
      prior, width, movement: (fold,) as chosen, the last two in bins.
      priors, widths, movements: what there was to choose from.
      errors: (fold, prior, width, movement) mean squared distance on inner folds; None where there
        was nothing to choose.
      places: what was estimated, each (fold, ...); for y as it is fitted (`make_inputs`).
      folds: (fold,) their names.
      noise, smooth: as asked for.
      x_origin, y_origin: what x and y were fitted relative to (`make_inputs`); None: as given.
    """

    predictions: NDArray[Any]
    r2: NDArray[np.float64]
    median_error: NDArray[np.float64]
    prior: NDArray[np.str_]
    width: NDArray[np.float64]
    movement: NDArray[np.float64]
    priors: tuple[str, ...]
    widths: NDArray[np.float64]
    movements: NDArray[np.float64]
    errors: NDArray[np.float64] | None
    places: Places
    folds: tuple[str, ...]
    noise: str
    smooth: bool
    x_origin: Origin | None = None
    y_origin: Origin | None = None

    def __repr__(self) -> str:
        scores = ", ".join(f"{score:.3g}" for score in self.r2.mean(axis=0))
        width, movement = np.unique(self.width).tolist(), np.unique(self.movement).tolist()
        return (
            f"<naive Bayes, {len(self.folds)} folds: held-out R² {scores}, median error "
            f"{self.median_error.mean():.3g}; prior {np.unique(self.prior).tolist()}, width "
            f"{width}, movement {movement} bins>"
        )


def naive_bayes(
    x: ArrayLike,
    y: ArrayLike,
    splits: Splits | NestedSplits,
    *,
    noise: str = "poisson",
    bins: int = 24,
    width: float | Sequence[float] = (0.5, 1.0, 1.5, 2.5),
    movement: float | Sequence[float] = (0.5, 1.0, 2.0, 4.0, np.inf),
    prior: str | Sequence[str] = _PRIORS,
    smooth: bool = False,
    trials: ArrayLike | None = None,
) -> NaiveBayes:
    """Position on a track by Bayes' rule, neurons being independent given it (Zhang et al. 1998,
    J. Neurophysiol. 79:1017), with a prior of where the animal can have moved to since the
    sample before (their two-step method; causal).

    Args:
      x: (time, neuron) spike counts in bins of equal length; or signals, with Gaussian `noise`.
      y: (time,) or (time, output) position. NaN = missing.
      splits: from `jaxneuro.splits`, best `blocks`; nested ones say the inner folds too.
      noise: "poisson", or "gaussian" with a variance of each neuron.
      bins: of the grid along each output, over the range of y in training.
      width: deviation of the Gaussian that rates are smoothed by, in bins: a number, or a list to
        choose from on inner folds by the mean squared distance. The inner folds are those of nested
        `splits`; else 3 contiguous ones or, with `trials`, of whole trials.
      movement: deviation of a step, in bins, likewise; infinite: samples are independent.
      prior: "occupancy" (places count as long as they were visited in training), "uniform", or a
        list to choose from likewise.
      smooth: whether a sample is told of by the whole of its trial, the future included.
      trials: (time,) ids of trials, each contiguous: no step reaches over.

    Raises:
      ValueError: names the field and what to do.
    """
    inputs = make_inputs(x, np.asarray(y)[:, None] if np.ndim(y) == 1 else y)
    if inputs.x.ndim != 2:
        raise ValueError(f"x is {inputs.x.shape}: it must be (time, neuron)")
    priors = (prior,) if isinstance(prior, str) else tuple(prior)
    for name, value, known in (("noise", (noise,), _NOISES), ("prior", priors, _PRIORS)):
        wrong = [one for one in value if one not in known]
        if wrong or not value:
            given = wrong[0] if wrong else ()
            raise ValueError(f"{name} is {given!r}: one of {', '.join(map(repr, known))}")
    values = np.asarray(inputs.x)
    if noise == "poisson" and (inputs.x_origin is not None or (values < 0).any()):
        raise ValueError('x must be counts: for other signals noise="gaussian"')
    observed = np.asarray(inputs.y, np.float32)
    if bins < 2 or bins ** observed.shape[1] > 2**16:
        raise ValueError(f"bins is {bins}: from 2, and no more than 65 536 places in all")
    outer, inner = series.folds_of(splits, len(values))
    widths, movements = (
        _positive(name, given) for name, given in (("width", width), ("movement", movement))
    )
    run = _Run(
        values, observed, bins, noise == "poisson", smooth,
        *series.trials_of(trials, len(values)),
    )  # fmt: skip
    chosen, errors = np.zeros((len(outer.names), 3), int), None
    if len(priors) * widths.size * movements.size > 1:
        inner = inner or series.inner_of(outer, trials)
        errors = run.errors(inner, priors, widths, movements)
        flat = errors.reshape(len(errors), -1).argmin(axis=1)
        chosen = np.stack(np.unravel_index(flat, errors.shape[1:]), axis=1)
    before, own = np.array(priors)[chosen[:, 0]], widths[chosen[:, 1]]
    step = movements[chosen[:, 2]]
    places, found = run(outer.train, before, own, step[:, None])
    predictions = np.full(observed.shape, np.nan)
    r2, median = np.empty((len(own), observed.shape[1])), np.empty(len(own))
    truth = undo(observed, inputs.y_origin)
    for k, test in enumerate(outer.test > 0):
        predictions[test] = found[k, 0, test]
        told = undo(found[k, 0, test], inputs.y_origin)
        r2[k] = series.r2(truth[test], told)
        median[k] = np.nanmedian(np.linalg.norm(told - truth[test], axis=1))
    return NaiveBayes(
        undo(predictions, inputs.y_origin), r2, median, before, own, step, priors, widths,
        movements, errors, jax.tree.map(np.asarray, places), tuple(outer.names), noise, smooth,
        inputs.x_origin, inputs.y_origin,
    )  # fmt: skip


def _positive(name: str, values: float | Sequence[float]) -> NDArray[np.float64]:
    found = np.atleast_1d(np.asarray(values, np.float64))
    if found.ndim != 1 or not found.size or not (found > 0).all():
        raise ValueError(
            f"{name} is {values!r:.80}: it must be a number above 0, or a list of them"
        )
    return found


@dataclass(frozen=True)
class _Run:
    """x (time, neuron), y (time, output), and what the program is called with."""

    x: NDArray[Any]
    y: NDArray[Any]
    bins: int
    poisson: bool
    smooth: bool
    trial: NDArray[np.int32]
    starts: NDArray[np.bool_]

    def __call__(self, train: NDArray, priors: NDArray, widths: NDArray, movements: NDArray):
        """Of each row of `train` (row, time), with its own prior and width (row,), rates at all
        places (row, ...) and positions (row, movement, time, output) with each of (row, movement).
        """
        size, there = len(self.starts), ~np.isnan(self.y).any(axis=1)
        weight = ((train > 0) & there).astype(np.float32)
        with compat.own_settings():
            places, found = _located(
                grown(self.x, size, 0, zeros=True),
                grown(np.nan_to_num(self.y), size, 0, zeros=True),
                self.starts, grown(weight, size, 1, zeros=True), priors == "uniform",
                widths.astype(np.float32), movements.astype(np.float32), bins=self.bins,
                poisson=self.poisson, smooth=self.smooth,
            )  # fmt: skip
        return places, np.asarray(found)[:, :, : len(self.x)]

    def errors(
        self, inner: NestedSplits, priors: tuple[str, ...], widths: NDArray, movements: NDArray
    ) -> NDArray:
        """(fold, prior, width, movement) mean squared distances on inner folds."""
        train, test = inner.train[:, :-1], inner.test[:, :-1]
        folds, count, samples = train.shape
        rows, tests = train.reshape(-1, samples), test.reshape(-1, samples) > 0
        found = np.empty((len(rows), len(priors), len(widths), len(movements)))
        every = np.tile(movements, (len(rows), 1))
        for place in np.ndindex(found.shape[1:3]):
            before, width = priors[place[0]], widths[place[1]]
            own = np.full(len(rows), before), np.full(len(rows), width)
            traces = self(rows, *own, every)[1]
            for row, tested in enumerate(tests):
                missed = np.square(traces[row][:, tested] - self.y[tested]).sum(axis=2)
                there = ~np.isnan(missed[0])
                found[row, *place] = missed[:, there].sum(axis=1) / max(1, there.sum())
        return found.reshape(folds, count, *found.shape[1:]).mean(axis=1)


@partial(jax.jit, static_argnames=("bins", "poisson", "smooth"))
def _located(x, y, starts, weights, uniform, widths, movements, *, bins, poisson, smooth):
    """See `_Run`."""

    def one(row):
        weight, even, width, movements = row
        places = estimate(x, y, weight, width, bins, poisson, even)
        found = jax.vmap(lambda move: locate(places, x, starts, move, poisson, smooth))(movements)
        return places, found

    return jax.lax.map(one, (weights, uniform, widths, movements))
