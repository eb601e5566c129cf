"""Job 1, neuron activity prediction: stimulus -> firing, every neuron at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import optax
from numpy.typing import ArrayLike

from jaxneuro import axes, losses, metrics, models, optimizers, penalties
from jaxneuro.fit import Fit, Score, Stop, make_fit
from jaxneuro.inputs import make_inputs
from jaxneuro.selection import leakage
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Array, Axis

_LEAST = 0.01  # of the mean count: what a model of squared error predicts at least


def _bits_per_spike(y: Array, rate: Array, weight: Array) -> Array:
    return metrics.bits_per_spike(y, _raised(y, rate, weight), weight)


def _deviance(y: Array, rate: Array, weight: Array) -> Array:
    return metrics.poisson_deviance(y, _raised(y, rate, weight), weight)


COUNTS: dict[str, Any] = {
    "correlation": metrics.correlation,
    "bits_per_spike": _bits_per_spike,
    "deviance": Score(_deviance, higher_is_better=False),
}
"""Held-out scores of spike counts; the Poisson deviance chooses. A model of squared error may
predict rates below zero: for bits and deviance they are raised to a hundredth of the mean count."""

TRACES: dict[str, Any] = {
    "correlation": metrics.correlation,
    "r2": metrics.r2,
    "mean_squared_error": metrics.mean_squared_error,
}
"""Held-out scores of continuous responses; the mean squared error chooses."""


def linear(scores: Mapping[str, Any] | None = None) -> Fit:
    """Ridge regression of each response: ½ mean squared error, L-BFGS; strength "l2" on the weights
    of standardised features and responses: 1 shrinks about by half, whatever the units."""
    return make_fit(
        models.linear(),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300),
        scores=scores or TRACES,
        standardise=True,
        precondition=True,
        relative=True,
    )


def lasso(scores: Mapping[str, Any] | None = None) -> Fit:
    """Lasso of each response (Tibshirani 1996, J. R. Statist. Soc. B 58:267): ½ mean squared error
    and "l1" on the weights of standardised features and responses, by proximal steps."""
    return make_fit(
        models.linear(),
        losses.half_squared_error,
        optimizers.proximal(),
        penalties.lasso(),
        Stop(max_steps=1000, gradient=1e-3),
        scores=scores or TRACES,
        standardise=True,
        relative=True,
    )


def poisson_glm(scores: Mapping[str, Any] | None = None) -> Fit:
    """Poisson GLM with log link (Truccolo 2005, J. Neurophysiol. 93:1074), L-BFGS; "l2" on
    the weights of standardised features, relative to the neuron's mean count: a strength means the
    same for a neuron of 0.1 and of 100 spikes a second."""
    return make_fit(
        models.linear(),
        losses.poisson,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300),
        scores=scores or COUNTS,
        standardise=True,
        precondition=True,
        relative=True,
    )


def linear_nonlinear(scores: Mapping[str, Any] | None = None) -> Fit:
    """Poisson model whose log-rate is a learned function of one projection of the stimulus
    (`models.linear_nonlinear`), L-BFGS; "l2" on the weights of standardised features and on the
    bends of the function, relative to the neuron's mean count. A strong one is the Poisson GLM. It
    takes about ten times the steps of that."""
    return make_fit(
        models.linear_nonlinear(),
        losses.poisson,
        optimizers.lbfgs(),
        penalties.ridge(where=_before_readout),
        Stop(max_steps=300, gradient=1e-4),
        scores=scores or COUNTS,
        standardise=True,
        precondition=True,
        relative=True,
    )


def _before_readout(path: tuple[str, ...], leaf: Array) -> bool:
    del leaf
    return path[0] != "readout"


def mlp(
    hidden: Sequence[int] = (32,), steps: int = 200, scores: Mapping[str, Any] | None = None
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
        relative=True,
    )


def poisson_mlp(
    hidden: Sequence[int] = (32,), steps: int = 200, scores: Mapping[str, Any] | None = None
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
        relative=True,
    )


def article_mlp(
    hidden: int = 32, steps: int = 1000, scores: Mapping[str, Any] | None = None
) -> Fit:
    """The seed article's network and training, section 5.1: squared error and plain gradient
    descent on all samples, "learning_rate"; with "l2", 0 for the article's own."""
    return make_fit(
        models.neuron_mlp(hidden),
        losses.squared_error,
        _descent,
        penalties.ridge(),
        Stop(max_steps=steps, gradient=0, plateau=0),
        scores=scores or COUNTS,
        standardise=True,
    )


def _descent(hyper: Mapping[str, Array]) -> Any:
    return optax.sgd(hyper["learning_rate"])


def encode(
    fit: Fit,
    x: ArrayLike,
    y: Any,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    score: str | None = None,
    features: ArrayLike | None = None,
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
      score: which held-out score chooses; None: "deviance" or "mean_squared_error", whichever the
        fit has, or its only one.
      features: (neuron, feature) which of the flattened features each neuron's fit sees, as of
        `features.couplings`; None: all.
      seed: of the fits' random numbers.
      options: handed to `crossval.search`: refit_axes, condensed, lanes, progress, ...
    """
    inputs = make_inputs(x, y, key=seed)
    leakage.tell(leakage.target_features(inputs.x, inputs.y), "encode", 2)
    if inputs.y.ndim != 2:
        raise ValueError(f"y has shape {inputs.y.shape}: encode takes (sample, neuron)")
    names = [name for name, _ in fit.better]
    if score is None:
        score = next((n for n in ("deviance", "mean_squared_error") if n in names), None)
    neurons = [axes.targets(inputs.y.shape[1], name="neuron", features=features)]
    return search(fit, inputs, neurons, splits, grid, score=score, **options)


def _raised(y: Array, rate: Array, weight: Array) -> Array:
    weight = weight.reshape(-1, *[1] * (y.ndim - 1))
    there = (weight > 0) & ~jnp.isnan(y)
    mean = jnp.where(there, weight * y, 0).sum(axis=0) / jnp.where(there, weight, 0).sum(axis=0)
    return jnp.maximum(rate, _LEAST * mean)
