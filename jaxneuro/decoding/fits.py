"""Job 3, neural decoding: neural signals -> movement or mental state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from jaxneuro import losses, metrics, models, optimizers, origin, penalties
from jaxneuro.fit import Fit, Stop, make_fit, units
from jaxneuro.fit.scaling import measure, tempered
from jaxneuro.inputs import make_inputs
from jaxneuro.linear import ridge
from jaxneuro.precision import in_full
from jaxneuro.selection import leakage
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Array, Axis, Closed, Model

SCORES: dict[str, Any] = {
    "r2": metrics.r2,
    "mean_squared_error": metrics.mean_squared_error,
}
"""Held-out scores of each output. The mean squared error chooses: its mean over folds counts every
sample alike, where R² would let a fold with little movement decide."""


def linear_decoder(outputs: int, *, standardise: Literal[True] | str = True) -> Fit:
    """The seed article's linear decoder, section 5.3 (started at zero): ½ mean squared error (its
    eq. 4.3) by L-BFGS; strength "l2" on the weights of standardised features and outputs, for each
    output as if it were the only one. Its exact twin is `exact_linear`.

    `standardise` may name a hyper-parameter, as in `make_fit`, to be chosen among 0.5 and 1.0: at 1
    a nearly silent unit counts as much as any other, and the penalty holds its weights no more."""
    return make_fit(
        models.linear(outputs),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=500, gradient=1e-6),
        scores=SCORES,
        standardise=standardise,
        precondition=True,
        relative=True,
    )


def mlp(
    outputs: int, hidden: Sequence[int] = (64,), steps: int = 2000, batch: int | None = 256
) -> Fit:
    """Perceptron trained by Adam on minibatches, its step size falling to zero on a cosine; "l2",
    "learning_rate"."""
    return _network(models.mlp(hidden, outputs), steps, batch)


def recurrent(
    outputs: int,
    hidden: int = 64,
    steps: int = 2000,
    batch: int | None = 256,
    *,
    cell: Literal["gru", "lstm"] = "gru",
    dropout: float = 0.0,
    readin: int | None = None,
    moments: int | None = None,
) -> Fit:
    """A GRU or LSTM over the past of each sample, `x` (sample, time, feature) (`models.recurrent`),
    trained as `mlp` is; "l2", "learning_rate". With `moments` its loss is taken at so many of the
    last times, `y` (sample, moment, output), and its scores at the last."""
    model = models.recurrent(
        hidden, outputs, cell=cell, dropout=dropout, readin=readin, moments=moments
    )
    return _network(model, steps, batch, moments)


def temporal_convolution(
    outputs: int,
    channels: Sequence[int] = (32, 32),
    size: int = 3,
    steps: int = 2000,
    batch: int | None = 256,
    *,
    dropout: float = 0.0,
) -> Fit:
    """Causal convolutions over the past of each sample, likewise."""
    model = models.temporal_convolution(channels, size, outputs, dropout=dropout)
    return _network(model, steps, batch)


def _network(model: Model, steps: int, batch: int | None, moments: int | None = None) -> Fit:
    penalty, scores = penalties.ridge(), SCORES
    if moments is not None:  # a strength means the same for one moment as for many
        penalty = penalties.Penalty(Closed(_times, (moments, penalty.value)))
        scores = {name: metrics.Score(Closed(_at_last, (score,)), score.higher_is_better)
                  for name, score in SCORES.items()}  # fmt: skip
    return make_fit(
        model,
        losses.half_squared_error,
        Closed(_adam, (steps,)),
        penalty,
        Stop(max_steps=steps, gradient=0, plateau=0),
        scores=scores,
        standardise=True,
        relative=True,
        batch=batch,
    )


def _times(moments: int, value: Any, params: Any, hyper: Mapping[str, Array]) -> Array:
    return moments * value(params, hyper)


def _at_last(score: Any, y: Array, prediction: Array, weight: Array | None = None) -> Array:
    return score(y[:, -1], prediction[:, -1], weight)


def search_one(
    fit: Fit,
    x: ArrayLike,
    y: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    score: str | None = None,
    seed: int = 0,
    **options: Any,
) -> Search:
    """Fits a decoder of all outputs, its hyper-parameters chosen on inner folds.

    Args:
      fit: from this module, or any other.
      x: (sample, *feature) neural signals.
      y: (sample, output) movement or state.
      splits: what is held out and how the rest is split.
      grid: from `axes.grid`.
      score: which held-out score chooses; None: "mean_squared_error" if the fit has it, or its only
        one.
      seed: of the fits' random numbers.
      options: handed to `crossval.search`: `refit_axes=[axes.seeds(5)]`, lanes, progress, ...
    """
    inputs = make_inputs(x, y, key=seed)
    leakage.tell(leakage.target_features(inputs.x, inputs.y), "decode", 3)
    if score is None and "mean_squared_error" in dict(fit.better):
        score = "mean_squared_error"
    return search(fit, inputs, (), splits, grid, score=score, **options)


def shifted(y: ArrayLike, shifts: Axis, index: int) -> np.ndarray:
    """`y` (sample, output) as `axes.shifts` hands it to the fits of one index."""
    inputs = make_inputs(np.zeros((len(np.asarray(y)), 1)), y)
    return np.asarray(shifts.select(inputs, index).y)


def exact_linear(
    x: ArrayLike,
    y: ArrayLike,
    splits: NestedSplits,
    l2: np.ndarray,
    power: np.ndarray | None = None,
):
    """The ridge solution of each outer fold's training samples, at the `l2` (outer,) chosen, and at
    the `power` (outer,) of the features' deviations if `linear_decoder(standardise=NAME)` chose
    one; each output on the samples where it is not missing (NaN).

    Returns:
      predictions (outer, sample, output) and objectives (outer,), to hold `linear_decoder` against:
      the mean over outputs of ½ mean squared error plus ½·l2·Σ of the squared weights of the
      standardised features, in units of each output's variance.
    """
    inputs = make_inputs(x, y)
    flat = inputs.x.reshape(inputs.x.shape[0], -1)
    powers = np.ones(len(splits.train)) if power is None else power
    strengths, powers = np.asarray(l2, np.float32), np.asarray(powers, np.float32)
    solved = [
        _solve(flat, inputs.y, *one)
        for one in zip(splits.train[:, -1], strengths, powers, strict=True)
    ]
    predictions = np.stack([origin.undo(p, inputs.y_origin) for p, _ in solved])
    return predictions, np.array([float(o) for _, o in solved])


@jax.jit
@in_full
def _solve(x: Array, y: Array, weight: Array, l2: Array, power: Array) -> tuple[Array, Array]:
    there = ~jnp.isnan(y)
    weight = jnp.where(there.any(axis=1), weight, 0)
    scale, own = tempered(measure(x, weight), power), units.measure(y, weight, True)
    z, target = (x - scale.mean) * scale.gain, jnp.where(there, units.standard(y, own), 0)
    each = weight[:, None] * there
    kernel, bias = ridge(z, target, each, l2)
    prediction = z @ kernel + bias
    total = each.sum(axis=0)
    errors = losses.half_squared_error(prediction, target)
    objective = (each * errors).sum(axis=0) / total + 0.5 * l2 * (kernel**2).sum(axis=0)
    return prediction * own.spread + own.centre, jnp.nanmean(objective)


def _adam(steps: int, hyper: Mapping[str, Array]) -> Any:
    schedule = optax.cosine_decay_schedule(1.0, steps)
    return optax.chain(optax.adam(hyper["learning_rate"]), optax.scale_by_schedule(schedule))
