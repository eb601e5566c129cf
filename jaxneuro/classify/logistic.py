"""Logistic regression of many small problems that share their features by groups, to its optimum.

The same objective as `areas.softmax_regression`, whose fits hold any model: here each fit is a pure
function of its trials, so that windows, folds and permutations are one `vmap`, and a step costs a
tenth, for it descends where the objective is round.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxneuro.classify.classifiers import Linear, members
from jaxneuro.classify.descent import Bent, Judged, Objective, descend
from jaxneuro.classify.factor import whitening
from jaxneuro.classify.scaling import Scaling
from jaxneuro.precision import in_full
from jaxneuro.types import Array


@in_full
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
    two classes, and twice that for two. Conjugate gradients (`descent`) in the coordinates in which
    the objective is round at the start (those of the features where these outnumber the trials),
    until the gradient has fallen to 1e-5 of its first norm.

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

    def scores(point: Array) -> Array:
        wide = point[:, :-1] * unit
        return wide @ x.T + (point[:, -1] - wide @ mean)[:, None]

    def judged(point: Array, logits: Array) -> Judged:
        each, chance = (_of_two if two else _of_many)(logits, target)
        error = share * (chance - target)
        total, kernel = error.sum(axis=1, keepdims=True), point[:, :-1]
        slope = (error @ x - total * mean) * unit + ridge * kernel
        value = share @ each + 0.5 * ridge * jnp.square(kernel).sum()
        return Judged(value, jnp.concatenate([slope, total], axis=1), chance)

    def downhill(gradient: Array) -> Array:
        slope = gradient[:, :-1]
        slope = slope if round_ is None else (slope @ round_.T) @ round_
        return -jnp.concatenate([slope, gradient[:, -1:]], axis=1) / bend

    def bent(direction: Array, change: Array, chance: Array) -> Bent:
        each, apart = (_bent_two if two else _bent_many)(change, chance)
        second = share @ each + ridge * jnp.square(direction[:, :-1]).sum()
        most = jnp.where(share > 0, apart, 0).max()
        return Bent(second, share @ (each * apart) / second, most)

    at_start = jnp.broadcast_to(start[:, None], target.shape)
    point = jnp.zeros((len(target), x.shape[1] + 1), x.dtype)
    point = descend(Objective(scores, judged, downhill, bent), at_start, point)
    kernel, bias = point[:, :-1].T, point[:, -1] + start
    bias -= kernel.T @ centre
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


def _of_two(logits: Array, target: Array) -> tuple[Array, Array]:
    """(trial,) cross-entropy, and (1, trial) the chance of the second class."""
    return jax.nn.softplus(logits[0]) - target[0] * logits[0], jax.nn.sigmoid(logits)


def _of_many(logits: Array, target: Array) -> tuple[Array, Array]:
    """(trial,) cross-entropy, and (class, trial) chances."""
    logits = logits - logits.max(axis=0)
    odds = jnp.exp(logits)  # once for both: they are much of the work
    every = odds.sum(axis=0)
    return jnp.log(every) - (target * logits).sum(axis=0), odds / every


def _bent_two(change: Array, chance: Array) -> tuple[Array, Array]:
    """(trial,) second derivatives of the cross-entropy along a line on which logits change so much,
    and the most that the third can be of the second."""
    return (chance * (1 - chance) * jnp.square(change))[0], jnp.abs(change[0])


def _bent_many(change: Array, chance: Array) -> tuple[Array, Array]:
    from_mean = change - (chance * change).sum(axis=0)
    apart = change.max(axis=0) - change.min(axis=0)
    return (chance * jnp.square(from_mean)).sum(axis=0), apart
