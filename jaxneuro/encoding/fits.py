"""Job 1, neuron activity prediction: stimulus -> firing, every neuron at once."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import optax
from numpy.typing import ArrayLike

from jaxneuro import axes, losses, metrics, models, optimizers, penalties
from jaxneuro.fit import Fit, Score, Stop, make_fit
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Array, Axis

COUNTS: dict[str, Score] = {
    "correlation": metrics.correlation,
    "bits_per_spike": lambda y, rate, weight: metrics.bits_per_spike(y, _positive(rate), weight),
}
"""Held-out scores of spike counts. A model of squared error may predict rates below zero: for
bits per spike they are raised to 0.001 spikes a bin."""

TRACES: dict[str, Score] = {"correlation": metrics.correlation, "r2": metrics.r2}
"""Held-out scores of continuous responses."""


def linear(scores: dict[str, Score] | None = None) -> Fit:
    """Ridge regression of each response: ½ mean squared error, L-BFGS; strength "l2"."""
    return make_fit(
        models.linear(),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300),
        scores=scores or TRACES,
        standardise=True,
        precondition=True,
    )


def poisson_glm(scores: dict[str, Score] | None = None) -> Fit:
    """Poisson GLM with log link (Truccolo 2005, J. Neurophysiol. 93:1074), L-BFGS; "l2"."""
    return make_fit(
        models.linear(),
        losses.poisson,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300),
        scores=scores or COUNTS,
        standardise=True,
        precondition=True,
    )


def mlp(
    hidden: Sequence[int] = (32,), steps: int = 200, scores: dict[str, Score] | None = None
) -> Fit:
    """Perceptron (tanh) of responses under ½ squared error, L-BFGS; "l2" on all its weights."""
    return make_fit(
        models.mlp(hidden, activation=jnp.tanh),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=steps, gradient=1e-4),
        scores=scores or TRACES,
        standardise=True,
    )


def poisson_mlp(
    hidden: Sequence[int] = (32,), steps: int = 200, scores: dict[str, Score] | None = None
) -> Fit:
    """Perceptron (tanh) of log-rates under Poisson loss, L-BFGS; "l2" on all its weights."""
    return make_fit(
        models.mlp(hidden, activation=jnp.tanh),
        losses.poisson,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=steps, gradient=1e-4),
        scores=scores or COUNTS,
        standardise=True,
    )


def article_mlp(hidden: int = 32, steps: int = 1000, scores: dict[str, Score] | None = None) -> Fit:
    """The seed article's network and training, section 5.1: squared error and plain gradient
    descent on all samples, "learning_rate"; with "l2", 0 for the article's own."""
    return make_fit(
        models.neuron_mlp(hidden),
        losses.squared_error,
        lambda hyper: optax.sgd(hyper["learning_rate"]),
        penalties.ridge(),
        Stop(max_steps=steps, gradient=0, plateau=0),
        scores=scores or COUNTS,
        standardise=True,
    )


def encode(
    fit: Fit,
    x: ArrayLike,
    y: Any,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    score: str,
    seed: int = 0,
    **options: Any,
) -> Search:
    """Fits every neuron, its hyper-parameters chosen on inner folds, scored on held-out samples.

    Args:
      fit: from this module, or any other.
      x: (sample, *feature) stimulus.
      y: (sample, neuron); NaN marks missing samples of a neuron.
      splits: what is held out and how the rest is split.
      grid: from `axes.grid`.
      score: which held-out score chooses.
      seed: of the fits' random numbers.
      options: handed to `crossval.search`: refit_axes, lanes, progress, ...
    """
    inputs = make_inputs(x, y, key=seed)
    if inputs.y.ndim != 2:
        raise ValueError(f"y has shape {inputs.y.shape}: encode takes (sample, neuron)")
    neurons = [axes.targets(inputs.y.shape[1], name="neuron")]
    return search(fit, inputs, neurons, splits, grid, score=score, **options)


def _positive(rate: Array) -> Array:
    return jnp.maximum(rate, 1e-3)
