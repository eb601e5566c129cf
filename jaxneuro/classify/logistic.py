"""Logistic regression of many small problems that share their features by groups, to its optimum.

The same objective as `areas.softmax_regression`, whose fits hold any model: here each fit is a pure
function of its trials, so that windows, folds and permutations are one `vmap`, and a step costs a
tenth, for it descends where the objective is round.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxneuro.classify.classifiers import Linear, members
from jaxneuro.classify.factor import whitening
from jaxneuro.classify.scaling import Scaling
from jaxneuro.optimizers import lbfgs
from jaxneuro.types import Array

_MEMORY = 6  # pairs of the L-BFGS: the problem is nearly round
_MOST_STEPS = 300
_GRADIENT = 1e-5  # of its first norm
_PLATEAU, _FALL = 8, 1e-7  # steps without so much of the objective


class _State(NamedTuple):
    """The trial point and what it is judged by."""

    point: Any
    optimizer: Any
    first: Array
    best: Array
    since: Array
    steps: Array
    done: Array


def logistic(
    x: Array,
    y: Array,
    weight: Array,
    classes: int,
    l2: Array | float,
    scaling: Scaling | None = None,
) -> Linear:
    """Minimises Σ w · cross-entropy / Σ w + ½ · l2 · v · Σ kernel², v the mean over classes of
    p(1 - p), p their shares: `make_fit(relative=True)`.

    With N trials in all, scikit-learn's `LogisticRegression` has C = 1 / (l2 · v · N) for more than
    two classes, and twice that for two. L-BFGS in the coordinates in which the objective is round
    at the start (those of the features where these outnumber the trials), until the gradient has
    fallen to 1e-5 of its first norm.

    Args:
      x: (trial, feature). Under `vmap` over all else it is read once for all fits.
      y: (trial,) classes from 0.
      weight: (trial,) 0 = left out.
      classes: how many.
      l2: () strength, above 0.
      scaling: of the features first, by the mean of the trials with weight; None: they are taken as
        they are, and should be alike.

    Returns:
      Scores, of the scaled features, are log-probabilities up to a term that classes share; they
      sum to 0 over classes.
    """
    with jax.default_matmul_precision("highest"):
        share = weight / weight.sum()
        mean, unit, centre = *(scaling or _as_they_are(x)), jnp.zeros_like(x[0])
        if scaling is None:  # a copy for each fit
            centre = share @ x
            x = jnp.where(weight[:, None] > 0, x - centre, 0)
        member = members(y, classes, x)
        prior = (weight @ member + 0.5) / (weight.sum() + 0.5 * classes)
        bend = (prior * (1 - prior)).mean()
        two = classes == 2
        ridge = l2 * bend / (2 if two else 1)
        bend = bend if two else bend * classes / (classes - 1)
        round_ = _round(x, share, mean, unit, l2 * (classes - 1) / classes)
        start = jnp.log(prior[1:] / prior[0]) if two else jnp.log(prior) - jnp.log(prior).mean()
        target = member[:, 1:].T if two else member.T  # (class, trial): trials are the longer axis

        def natural(flat: Array) -> tuple[Array, Array]:
            inside = flat.reshape(len(target), -1) / jnp.sqrt(bend)
            kernel = inside[:, :-1] if round_ is None else inside[:, :-1] @ round_
            return kernel, inside[:, -1] + start

        def objective(flat: Array) -> tuple[Array, Array]:
            kernel, bias = natural(flat)
            wide = kernel * unit
            logits = wide @ x.T + (bias - wide @ mean)[:, None]
            if two:
                each = jax.nn.softplus(logits[0]) - target[0] * logits[0]
                error = jax.nn.sigmoid(logits) - target
            else:
                logits -= logits.max(axis=0)
                odds = jnp.exp(logits)  # once for both: they are much of the work
                every = odds.sum(axis=0)
                each = jnp.log(every) - (target * logits).sum(axis=0)
                error = odds / every - target
            error *= share
            total = error.sum(axis=1, keepdims=True)
            slope = (error @ x - total * mean) * unit + ridge * kernel
            slope = slope if round_ is None else slope @ round_.T
            slope = jnp.concatenate([slope, total], axis=1).ravel() / jnp.sqrt(bend)
            return share @ each + 0.5 * ridge * jnp.square(kernel).sum(), slope

        size = (x.shape[1] + 1) * len(target)
        kernel, bias = natural(_descend(objective, jnp.zeros(size, x.dtype)))
        kernel, bias = kernel.T, bias - kernel @ centre
        if two:
            kernel, bias = kernel * jnp.array([-0.5, 0.5]), bias * jnp.array([-0.5, 0.5])
        return Linear(kernel, bias)


def log_loss(scores: Array, y: Array, weight: Array) -> Array:
    """Mean cross-entropy of `scores` (trial, class) over `weight` (trial,); NaN without weight."""
    right = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    each = jax.nn.logsumexp(scores, axis=1) - right
    return jnp.where(weight > 0, weight * each, 0).sum() / weight.sum()


def _as_they_are(x: Array) -> Scaling:
    return Scaling(jnp.zeros_like(x[0]), jnp.ones_like(x[0]))


def _round(x: Array, share: Array, mean: Array, unit: Array, ridge: Array | float) -> Array | None:
    """(feature, feature) R, of which Rᵀ are the coordinates in which zᵀ diag(share) z + ridge is
    the identity; z = (x - mean) · unit."""
    trials, features = x.shape
    if features > trials:
        return None
    gram = (x * share[:, None]).T @ x - mean[:, None] * mean
    gram = unit[:, None] * gram * unit
    return whitening(gram + ridge * jnp.eye(features, dtype=x.dtype))


def _descend(objective: Any, start: Array) -> Array:
    """The minimum of `objective`, point -> value and gradient, near `start`; under `vmap` in
    lockstep, each lane until it is done."""
    optimizer = lbfgs(_MEMORY)

    def step(state: _State) -> _State:
        value, gradient = objective(state.point)
        norm = jnp.linalg.norm(gradient)
        first = jnp.where(state.steps == 0, norm, state.first)
        fell = (state.steps == 0) | (value < state.best - _FALL * jnp.abs(state.best))
        best, since = jnp.where(fell, value, state.best), jnp.where(fell, 0, state.since + 1)
        move, inside = optimizer.update(gradient, state.optimizer, state.point, value=value)
        done = (norm <= _GRADIENT * first) | (since >= _PLATEAU) | (state.steps + 1 >= _MOST_STEPS)
        point = optax.apply_updates(state.point, move)
        return _State(point, inside, first, best, since, state.steps + 1, done)

    zero, none = jnp.zeros((), start.dtype), jnp.zeros((), jnp.int32)
    state = _State(start, optimizer.init(start), zero, zero, none, none, none > 0)
    ended = jax.lax.while_loop(lambda state: ~state.done, step, state)
    return ended.optimizer.point  # the last that was accepted
