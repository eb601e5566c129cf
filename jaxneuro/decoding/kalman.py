"""The Kalman decoder: movement from neurons, folds and settings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat, origin
from jaxneuro.decoding import series
from jaxneuro.decoding.filtering import Filtering, follow, observed_at
from jaxneuro.decoding.state_space import StateSpace
from jaxneuro.inputs import make_inputs
from jaxneuro.sizes import grown
from jaxneuro.splits import NestedSplits, Splits
from jaxneuro.types import Inputs

_NOISE = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, repr=False)
class Kalman:
    """Of `kalman`.

    Attributes:
      predictions: (time, output) what the decoder of the fold that holds a sample out says of it,
        in the units of `y`; NaN where no fold does. Where several do, of the last.
      r2: (fold, output) 1 - SSE / SST of the held-out samples.
      noise, lag: (fold,) as chosen.
      noises, lags: (noise,), (lag,) what there was to choose from.
      errors: (fold, noise, lag) mean squared error on inner folds, in units of each output's
        variance; None where there was nothing to choose and no inner folds were given.
      space: what was estimated, each (fold, ...); `gain` and the means are of raw x and y, and
        `y_mean` and `y_deviation` of y alone, not of what else the state holds.
      folds: (fold,) their names.
      smooth: whether samples are told of by the whole trial.
    """

    predictions: NDArray[Any]
    r2: NDArray[np.float64]
    noise: NDArray[np.float64]
    lag: NDArray[np.int64]
    noises: NDArray[np.float64]
    lags: NDArray[np.int64]
    errors: NDArray[np.float64] | None
    space: StateSpace
    folds: tuple[str, ...]
    smooth: bool

    def __repr__(self) -> str:
        scores = ", ".join(f"{score:.3g}" for score in self.r2.mean(axis=0))
        noise, lag = np.unique(self.noise).tolist(), np.unique(self.lag).tolist()
        what = "smoother" if self.smooth else "filter"
        return (
            f"<Kalman {what}, {len(self.folds)} folds: held-out R² {scores}; noise {noise}, "
            f"lag {lag}>"
        )

    def predict(self, x: ArrayLike, trials: ArrayLike | None = None) -> NDArray[np.float64]:
        """(time, output) of new `x` (time, neuron): the mean over the folds' decoders."""
        x = np.asarray(x, np.float64)
        trial, starts = series.trials_of(trials, len(x))
        found = []
        for k in range(len(self.folds)):
            space = jax.tree.map(lambda a, k=k: a[k], self.space)
            told = grown((x - space.x_mean) @ space.gain.T, len(trial), 0).astype(np.float32)
            seen, there = observed_at(told, trial, np.int32(self.lag[k]))
            single = jax.tree.map(np.float32, space)
            with compat.own_settings():
                made = follow(single, seen, starts, there, np.float32(self.noise[k]), self.smooth)
            told = np.asarray(made)[: len(x), : len(space.y_mean)]
            found.append(told * space.y_deviation + space.y_mean)
        return np.mean(found, axis=0)


def kalman(
    x: ArrayLike,
    y: ArrayLike,
    splits: Splits | NestedSplits,
    *,
    noise: float | Sequence[float] = _NOISE,
    lag: int | Sequence[int] = 0,
    smooth: bool = False,
    trials: ArrayLike | None = None,
    state: ArrayLike | None = None,
) -> Kalman:
    """The Kalman filter of Wu et al. (2006, Neural Comput. 18:80): A, W, H and Q by least squares
    on each fold's training samples, and the state given all of x so far.

    The filter runs over the whole series, since it sees x alone; y of held-out samples is never
    seen. Where a trial starts, it starts from the distribution of y in training.

    Args:
      x: (time, neuron) counts, rates or signals, such as the square roots of counts.
      y: (time, output) what is decoded, such as velocity. NaN = missing.
      splits: from `jaxneuro.splits`, best `blocks`; nested ones say the inner folds too.
      noise: what W is multiplied by: a number, or a list to choose from on inner folds (those of
        nested `splits`; else 3 contiguous ones or, with `trials`, of whole trials) by the mean
        squared error. Neural_Decoding (Glaser et al. 2020, eNeuro 7:4) calls its inverse C.
      lag: samples by which x comes before the y that it tells of; a number, or a list likewise.
      smooth: whether a sample is told of by the whole of its trial, the future included: not for
        decoding online.
      trials: (time,) ids of trials, each contiguous: no step, lag or inner fold reaches over.
      state: (time, more) what else the state holds, such as position and acceleration: dynamics and
        neurons tell of it along with y, and it is neither scored nor predicted. NaN = missing.

    Raises:
      ValueError: names the field and what to do.
    """
    inputs = make_inputs(x, np.asarray(y)[:, None] if np.ndim(y) == 1 else y)
    if inputs.x.ndim != 2:
        raise ValueError(f"x is {inputs.x.shape}: it must be (time, neuron)")
    samples, neurons = inputs.x.shape
    observed = _state(np.asarray(inputs.y, np.float32), state)
    outputs = np.asarray(inputs.y).shape[1]
    missing = np.isnan(observed).any(axis=1)
    outer, inner = series.folds_of(splits, samples)
    for name, train in zip(outer.names, outer.train, strict=True):
        if (count := int((train[~missing] > 0).sum())) <= neurons + observed.shape[1]:
            raise ValueError(
                f"fold {name}: {count} training samples are too few for the covariance of "
                f"{neurons} neurons"
            )
    noises, lags = series.choices("noise", noise), series.choices("lag", lag)
    if (noises <= 0).any() or (lags % 1).any():
        raise ValueError("noise must be above 0, and lag whole numbers of samples")
    run = Filtering(
        np.asarray(inputs.x), observed, outputs, smooth, *series.trials_of(trials, samples)
    )
    chosen, errors = np.zeros((len(outer.names), 2), int), None
    if inner is not None or noises.size * lags.size > 1:
        errors = run.errors(inner or series.inner_of(outer, trials), noises, lags)
        flat = errors.reshape(len(errors), -1).argmin(axis=1)
        chosen = np.stack(np.unravel_index(flat, errors.shape[1:]), axis=1)
    noise_of, lag_of = noises[chosen[:, 0]], lags[chosen[:, 1]].astype(int)
    space, found = run(outer.train, lag_of, noise_of[:, None])
    space = space._replace(
        y_mean=space.y_mean[:, :outputs], y_deviation=space.y_deviation[:, :outputs]
    )
    predictions = np.full((samples, outputs), np.nan)
    r2 = np.empty((len(outer.names), outputs))
    for k, test in enumerate(outer.test > 0):
        trace = found[k, 0, :, :outputs] * space.y_deviation[k] + space.y_mean[k]
        predictions[test] = trace[test]
        r2[k] = series.r2(observed[test, :outputs], trace[test])
    return Kalman(
        predictions=origin.undo(predictions, inputs.y_origin),
        r2=r2,
        noise=noise_of,
        lag=lag_of,
        errors=errors,
        noises=noises,
        lags=lags.astype(int),
        space=_raw(space, inputs),
        folds=tuple(outer.names),
        smooth=smooth,
    )


def _state(y: NDArray[np.float32], more: ArrayLike | None) -> NDArray[np.float32]:
    """(time, state) y and what else there is."""
    if more is None:
        return y
    given = np.asarray(more)
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or len(given) != len(y) or given.dtype.kind not in "biuf":
        raise ValueError(f"state is {given.dtype} {given.shape}: it must be numbers (time, more) "
                         f"of {len(y)} samples")  # fmt: skip
    own = make_inputs(np.zeros((len(y), 1)), given)
    return np.concatenate([y, np.asarray(own.y, np.float32)], axis=1)


def _raw(space: StateSpace, inputs: Inputs) -> StateSpace:
    """For x and y as they were given, where these were shifted or scaled for float32."""
    unit = np.ones(()) if inputs.x_origin is None else np.ldexp(1.0, inputs.x_origin.exponent)
    y_unit = np.ones(()) if inputs.y_origin is None else np.ldexp(1.0, inputs.y_origin.exponent)
    return space._replace(
        gain=space.gain / unit,
        x_mean=origin.undo(space.x_mean, inputs.x_origin),
        y_mean=origin.undo(space.y_mean, inputs.y_origin),
        y_deviation=space.y_deviation * y_unit,
    )
