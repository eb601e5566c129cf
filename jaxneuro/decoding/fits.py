"""Job 3, neural decoding: neural signals -> movement or mental state."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import optax
from numpy.typing import ArrayLike

from jaxneuro import losses, metrics, models, optimizers, penalties
from jaxneuro.fit import Fit, Score, Stop, make_fit
from jaxneuro.fit.scaling import measure
from jaxneuro.inputs import make_inputs
from jaxneuro.linear import ridge
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis

SCORES: dict[str, Score] = {
    "r2": metrics.r2,
    "skill": lambda y, prediction, weight: -metrics.mean_squared_error(y, prediction, weight),
}
"""Held-out scores of each output. "skill", minus the mean squared error, chooses: its mean over
folds counts every sample alike, where R² would let a fold with little movement decide."""


def linear_decoder(outputs: int) -> Fit:
    """The seed article's linear decoder, section 5.3: ½ mean squared error (its eq. 4.3) by
    L-BFGS; strength "l2". Its exact twin is `exact_linear`."""
    return make_fit(
        models.linear_decoder(outputs),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=500, gradient=1e-6),
        scores=SCORES,
        standardise=True,
        precondition=True,
    )


def mlp(
    outputs: int, hidden: Sequence[int] = (64,), steps: int = 2000, batch: int | None = 256
) -> Fit:
    """Perceptron trained by Adam on minibatches, its step size falling to zero on a cosine; "l2",
    "learning_rate"."""

    def optimizer(hyper):
        schedule = optax.cosine_decay_schedule(1.0, steps)
        return optax.chain(optax.adam(hyper["learning_rate"]), optax.scale_by_schedule(schedule))

    return make_fit(
        models.mlp(hidden, outputs),
        losses.half_squared_error,
        optimizer,
        penalties.ridge(),
        Stop(max_steps=steps, gradient=0, plateau=0),
        scores=SCORES,
        standardise=True,
        batch=batch,
    )


def decode(
    fit: Fit,
    x: ArrayLike,
    y: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    seed: int = 0,
    **options: Any,
) -> Search:
    """Fits a decoder of all outputs, its hyper-parameters chosen on inner folds.

    Args:
      fit: from this module, or any other with a score "skill".
      x: (sample, *feature) neural signals.
      y: (sample, output) movement or state.
      splits: what is held out and how the rest is split.
      grid: from `axes.grid`.
      seed: of the fits' random numbers.
      options: handed to `crossval.search`: `refit_axes=[axes.seeds(5)]`, lanes, progress, ...
    """
    inputs = make_inputs(x, y, key=seed)
    return search(fit, inputs, (), splits, grid, score="skill", **options)


def shifted(y: ArrayLike, shifts: Axis, index: int) -> np.ndarray:
    """`y` (sample, output) as `axes.shifts` hands it to the fits of one index."""
    inputs = make_inputs(np.zeros((len(np.asarray(y)), 1)), y)
    return np.asarray(shifts.select(inputs, index).y)


def exact_linear(x: ArrayLike, y: ArrayLike, splits: NestedSplits, l2: np.ndarray):
    """The ridge solution of each outer fold's training samples, at the `l2` (outer,) chosen.

    Returns:
      predictions (outer, sample, output) and objectives (outer,), to hold `linear_decoder` against:
      ½ mean squared error plus ½·l2·Σ of the squared weights of the standardised features.
    """
    inputs = make_inputs(x, y)
    flat = inputs.x.reshape(inputs.x.shape[0], -1)

    def solve(weight, strength):
        scale = measure(flat, weight)
        z = (flat - scale.mean) * scale.gain
        with jax.default_matmul_precision("highest"):
            kernel, bias = ridge(z, inputs.y, weight, strength)
            prediction = z @ kernel + bias
        errors = losses.half_squared_error(prediction, inputs.y)
        penalty = 0.5 * strength * (kernel**2).sum()
        return prediction, losses.weighted_mean(errors, weight) + penalty

    solved = [
        jax.jit(solve)(weight, strength)
        for weight, strength in zip(splits.train[:, -1], np.asarray(l2, np.float32), strict=True)
    ]
    return np.stack([p for p, _ in solved]), np.array([float(o) for _, o in solved])
