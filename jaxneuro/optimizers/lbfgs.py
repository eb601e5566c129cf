"""L-BFGS whose line search is a state machine: one value-and-gradient a step.

Under `vmap`, a line search that loops makes every lane wait for the slowest. Here a step that
fails its test only shortens the step and keeps the point, so thousands of lanes run in lockstep.

Two-loop recursion: Nocedal & Wright (2006), Numerical Optimization, algorithm 7.4. Acceptance:
Armijo's condition or, where rounding hides the decrease, the approximate Wolfe condition of Hager
& Zhang (2005), SIAM J. Optim. 16:170, eq. 4.1.
"""

from numbers import Integral
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxneuro.types import Array, Closed

_ARMIJO = 1e-4
_TRIES = 12  # shortened steps in a row before the memory is dropped


class LbfgsState(NamedTuple):
    """The accepted point and the search from it; P parameters, `memory` pairs.

    Attributes:
      point, value, gradient: (P,), (), (P,) where the search stands.
      direction, step: (P,), (): the trial point is `point + step * direction`.
      moves, bends: (memory, P) changes of the point and of the gradient, newest last.
      curvature: (memory,) 1 / (move · bend), 0 where the slot is empty.
      tries: steps shortened in a row.
    """

    point: Array
    value: Array
    gradient: Array
    direction: Array
    step: Array
    moves: Array
    bends: Array
    curvature: Array
    tries: Array


def _descent(gradient: Array, moves: Array, bends: Array, curvature: Array) -> Array:
    """-H·gradient by the two-loop recursion; empty slots (curvature 0) change nothing."""

    def backward(q, pair):
        move, bend, curve = pair
        alpha = curve * jnp.dot(move, q)
        return q - alpha * bend, alpha

    def forward(r, pair):
        move, bend, curve, alpha = pair
        return r + (alpha - curve * jnp.dot(bend, r)) * move, None

    pairs = (moves, bends, curvature)
    q, alphas = jax.lax.scan(backward, gradient, pairs, reverse=True)
    bend_square = jnp.dot(bends[-1], bends[-1])
    scaled = (curvature[-1] > 0) & (bend_square > 0)
    gamma = 1 / jnp.where(scaled, curvature[-1] * bend_square, 1)
    r, _ = jax.lax.scan(forward, jnp.where(scaled, gamma, 1) * q, (*pairs, alphas))
    return -r


def _push(rows: Array, row: Array) -> Array:
    return jnp.concatenate([rows[1:], row[None]])


def lbfgs(memory: int = 10) -> optax.GradientTransformationExtraArgs:
    """Limited-memory BFGS, one value-and-gradient a step.

    `update(gradient, state, params, value=...)` takes the objective and its gradient at `params`,
    the trial point, and returns the change to the next trial point. The accepted point's value
    never rises (but for rounding). Parameters at the end are those of the best trial: `make_fit`
    keeps them.

    Args:
      memory: pairs kept; 10 suits most models.

    Raises:
      TypeError: memory is no whole number.
      ValueError: memory is below 1.
    """
    if isinstance(memory, bool) or not isinstance(memory, Integral):
        raise TypeError(f"lbfgs: memory is {memory!r}, must be a whole number such as 10")
    if memory < 1:
        raise ValueError(f"lbfgs: memory is {memory}, must be at least 1")
    return optax.GradientTransformationExtraArgs(
        Closed(_init, (int(memory),)),
        _update,  # pyright: ignore[reportArgumentType]
    )


def _init(memory: int, params: Any) -> LbfgsState:
    flat = ravel_pytree(params)[0]
    zero, rows = jnp.zeros((), flat.dtype), jnp.zeros((memory, flat.size), flat.dtype)
    none = jnp.zeros_like(flat)
    return LbfgsState(
        point=flat,
        value=zero + jnp.inf,
        gradient=none,
        direction=none,
        step=zero,
        moves=rows,
        bends=rows,
        curvature=jnp.zeros(memory, flat.dtype),
        tries=jnp.zeros((), jnp.int32),
    )


def _update(updates: Any, state: LbfgsState, params: Any = None, *, value: Array, **_: Any):
    trial, unravel = ravel_pytree(params)
    gradient = ravel_pytree(updates)[0]
    value = jnp.asarray(value, trial.dtype)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    first = jnp.isinf(state.value)

    slope = jnp.dot(state.gradient, state.direction)
    fell = value <= state.value + _ARMIJO * state.step * slope
    rounding = 10 * jnp.finfo(trial.dtype).eps * jnp.abs(state.value)
    flat = (value <= state.value + rounding) & (
        jnp.dot(gradient, state.direction) <= (2 * _ARMIJO - 1) * slope
    )
    accept = finite & (first | fell | flat)

    # Accepted: remember the pair (only if it curves upward) and take a new direction.
    move, bend = trial - state.point, gradient - state.gradient
    curved = jnp.dot(move, bend)
    tiny = jnp.finfo(trial.dtype).eps * jnp.linalg.norm(move) * jnp.linalg.norm(bend)
    keep = accept & ~first & (curved > tiny)
    moves = jnp.where(keep, _push(state.moves, move), state.moves)
    bends = jnp.where(keep, _push(state.bends, bend), state.bends)
    newest = 1 / jnp.where(keep, curved, 1)
    curvature = jnp.where(keep, _push(state.curvature, newest), state.curvature)

    # Rejected: shorten to the minimum of the parabola through what is known; after too many,
    # forget the memory and go down the gradient.
    tries = jnp.where(accept, 0, state.tries + 1)
    lost = tries > _TRIES
    curvature = jnp.where(lost, 0, curvature)
    excess = value - state.value - state.step * slope
    parabola = -slope * state.step / jnp.where(excess > 0, 2 * excess, 1)
    shrink = jnp.where(finite & (excess > 0), jnp.clip(parabola, 0.1, 0.5), 0.1)

    here = jnp.where(accept, gradient, state.gradient)
    fresh = _descent(here, moves, bends, curvature)
    downhill = jnp.dot(fresh, here) < 0
    fresh = jnp.where(downhill, fresh, -here)
    curvature = jnp.where(downhill, curvature, 0)
    norm = jnp.linalg.norm(here)
    full = jnp.where(curvature[-1] > 0, 1, jnp.minimum(1, 1 / jnp.where(norm > 0, norm, 1)))
    turned = accept | lost

    new = LbfgsState(
        point=jnp.where(accept, trial, state.point),
        value=jnp.where(accept, value, state.value),
        gradient=here,
        direction=jnp.where(turned, fresh, state.direction),
        step=jnp.where(turned, full, state.step * shrink).astype(trial.dtype),
        moves=moves,
        bends=bends,
        curvature=curvature,
        tries=jnp.where(lost, 0, tries),
    )
    return unravel(new.point + new.step * new.direction - trial), new
