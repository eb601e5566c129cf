"""The minimum of a convex function of scores that are linear in what is sought, for many small
problems in lockstep: one pass forward and one back a step, no line search, little to compile.

Conjugate gradients (Polak & Ribière; Nocedal & Wright 2006, Numerical Optimization, section 5.2)
with Newton's step along each line, shortened as far as the third derivative can bend it (Bach 2010,
Electron. J. Statist. 4:384, proposition 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.types import Array

_MOST_STEPS = 300
_GRADIENT = 1e-5  # of its first norm
_PLATEAU, _FALL = 8, 1e-7  # steps without so much of the objective


class Judged(NamedTuple):
    """Of a point: the objective, its gradient (of the point's shape), and whatever `Objective.bent`
    needs."""

    value: Array
    gradient: Array
    inside: Array


class Bent(NamedTuple):
    """Of a line at a point: the second derivative, and at least the third in units of the second,
    at this point and anywhere on the line."""

    second: Array
    third: Array
    most: Array


class Objective(NamedTuple):
    """A convex function of a point.

    Attributes:
      scores: point (or direction) -> what it adds to the scores; linear.
      judged: (point, scores) -> `Judged`.
      downhill: gradient -> minus the gradient where the objective is round.
      bent: (direction, its scores, `Judged.inside`) -> `Bent`.
    """

    scores: Callable[[Array], Array]
    judged: Callable[[Array, Array], Judged]
    downhill: Callable[[Array], Array]
    bent: Callable[[Array, Array, Array], Bent]


class _State(NamedTuple):
    """`size` is the gradient's squared norm where the objective is round, `first` the first one."""

    point: Array
    scores: Array
    direction: Array
    gradient: Array
    size: Array
    first: Array
    best: Array
    since: Array
    steps: Array
    done: Array


def descend(objective: Objective, scores: Array, start: Array) -> Array:
    """The point near `start` at which `objective` is least, to 1e-5 of the gradient's first norm or
    as far as rounding allows; `scores` are those at `start`. NaN where the objective is."""

    def step(state: _State) -> _State:
        value, gradient, inside = objective.judged(state.point, state.scores)
        steepest = objective.downhill(gradient)
        size = -jnp.vdot(gradient, steepest)
        first = jnp.where(state.steps == 0, size, state.first)
        fell = (state.steps == 0) | (value < state.best - _FALL * jnp.abs(state.best))
        best, since = jnp.where(fell, value, state.best), jnp.where(fell, 0, state.since + 1)
        done = (size <= _GRADIENT**2 * first) | (since >= _PLATEAU)
        done |= state.steps + 1 >= _MOST_STEPS

        turn = jnp.maximum(jnp.vdot(steepest, state.gradient - gradient) / state.size, 0)
        direction = steepest + turn * state.direction
        slope = -jnp.vdot(gradient, direction)
        direction, slope = (
            jnp.where(slope > 0, direction, steepest),
            jnp.where(slope > 0, slope, size),
        )
        change = objective.scores(direction)
        second, third, most = objective.bent(direction, change, inside)
        third = jnp.where(fell, third, most)  # with which the value is certain to fall
        third = jnp.maximum(third, jnp.finfo(third.dtype).tiny)
        length = jnp.where(done, 0, jnp.log1p(third * slope / second) / third)
        point, scores = state.point + length * direction, state.scores + length * change
        steps = state.steps + 1
        return _State(point, scores, direction, gradient, size, first, best, since, steps, done)

    zero, none = jnp.zeros((), start.dtype), jnp.zeros((), jnp.int32)
    flat = jnp.zeros_like(start)
    state = _State(start, scores, flat, flat, zero + jnp.inf, zero, zero, none, none, none > 0)
    return jax.lax.while_loop(lambda state: ~state.done, step, state).point
