"""What `parcellate` runs: discriminants of many folds, their scores smoothed over a graph."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.classify.classifiers import lda
from jaxneuro.classify.scaling import measured, scaled
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_LEAST = -14.0  # log-probability of a label, in a loss: one that was never seen decides nothing


class Discriminant(NamedTuple):
    """Scores of each class: (x - mean) · kernel + bias."""

    mean: Array  # (feature,)
    kernel: Array  # (feature, class)
    bias: Array  # (class,)


class LabelModel(NamedTuple):
    """A discriminant, and what becomes of its scores.

    Attributes:
      discriminant: of one unit's features.
      around: (unit, place) each unit and its neighbours; -1 where there is none.
      smoothing: how often scores are averaged over these.
      temperature: that scores are divided by then.
    """

    discriminant: Discriminant
    around: NDArray[np.int32]
    smoothing: int
    temperature: float


@partial(jax.jit, static_argnames="classes")
@in_full
def fitted(
    x: ArrayLike, y: ArrayLike, weight: ArrayLike, shrinkage: ArrayLike, classes: int
) -> Discriminant:
    """Of `x` (subject, unit, feature), `y` (subject, unit) and `weight` (subject,)."""
    x, y, weight = jnp.asarray(x), jnp.asarray(y), jnp.asarray(weight)
    each = jnp.repeat(weight, x.shape[1])
    flat = x.reshape(-1, x.shape[2])
    units = measured(flat, each)
    made = lda(scaled(flat, units), y.ravel(), each, classes, jnp.asarray(shrinkage))  # pyright: ignore
    return Discriminant(units.mean, made.kernel * units.gain[:, None], made.bias)


def probabilities(model: LabelModel, x: ArrayLike) -> NDArray[np.float32]:
    """(unit, class) of `x` (unit, feature)."""
    made = _probabilities(
        model.discriminant, jnp.asarray(x), model.around, model.smoothing, model.temperature
    )
    return np.asarray(made)


@jax.jit
def _probabilities(
    discriminant: Discriminant, x: Array, around: Array, smoothing: int, temperature: float
) -> Array:
    scores = _scores(discriminant, x)
    scores = jax.lax.fori_loop(0, smoothing, lambda _, s: smoothed(s, around), scores)
    return jax.nn.softmax(scores / temperature)


@partial(jax.jit, static_argnames=("classes", "smoothings"))
def tried(
    x: ArrayLike,
    y: ArrayLike,
    around: ArrayLike,
    train: ArrayLike,
    test: ArrayLike,
    shrinkages: ArrayLike,
    temperatures: ArrayLike,
    *,
    classes: int,
    smoothings: tuple[int, ...],
) -> tuple[Array, Array]:
    """Share of units that are right (row, shrinkage, smoothing), and mean log-loss (row, shrinkage,
    smoothing, temperature), of the subjects of each row of `train` and `test` (row, subject)."""
    x, y, around, test = map(jnp.asarray, (x, y, around, test))
    shrinkages, temperatures = jnp.asarray(shrinkages), jnp.asarray(temperatures)

    def judged(scores: Array, truth: Array) -> tuple[Array, Array]:
        """(smoothing,) and (smoothing, temperature) of one subject."""
        past, found = 0, []
        for level in smoothings:
            scores = jax.lax.fori_loop(past, level, lambda _, s: smoothed(s, around), scores)
            past, right = level, (scores.argmax(axis=1) == truth).mean()
            found.append((right, jax.lax.map(partial(_log_loss, scores, truth), temperatures)))
        right, loss = zip(*found, strict=True)
        return jnp.stack(right), jnp.stack(loss)

    def of_subject(discriminant: Discriminant, weight: Array, one: Array, truth: Array) -> Any:
        nothing = jnp.zeros(len(smoothings))
        nothing = nothing, jnp.zeros((len(smoothings), len(temperatures)))
        return jax.lax.cond(
            weight > 0, lambda: judged(_scores(discriminant, one), truth), lambda: nothing
        )

    def of_row(row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        weight, held_out, shrinkage = row
        discriminant = fitted(x, y, weight, shrinkage, classes)
        made = jax.lax.map(lambda one: of_subject(discriminant, *one), (held_out, x, y))
        return jax.tree.map(lambda a: a.sum(axis=0) / held_out.sum(), made)

    rows, count = len(test), len(shrinkages)
    every = (jnp.repeat(jnp.asarray(train), count, axis=0), jnp.repeat(test, count, axis=0))
    made = jax.lax.map(of_row, (*every, jnp.tile(shrinkages, rows)))
    return jax.tree.map(lambda a: a.reshape(rows, count, *a.shape[1:]), made)


@in_full
def _scores(discriminant: Discriminant, x: Array) -> Array:
    return (x - discriminant.mean) @ discriminant.kernel + discriminant.bias


def _log_loss(scores: Array, truth: Array, temperature: Array) -> Array:
    told = jax.nn.log_softmax(scores / temperature)
    return -jnp.maximum(jnp.take_along_axis(told, truth[:, None], axis=1), _LEAST).mean()


def smoothed(scores: Array, around: Array) -> Array:
    """Means of `scores` (unit, column) over each unit's `around` (unit, place); -1 is nobody."""
    there = around >= 0
    total = (scores[around] * there[:, :, None]).sum(axis=1)
    return total / jnp.maximum(there.sum(axis=1, keepdims=True), 1)
