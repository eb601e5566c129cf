"""Proximal gradient steps of Barzilai-Borwein length, one value-and-gradient a step.

SpaRSA: Wright, Nowak & Figueiredo (2009), IEEE Trans. Signal Process. 57:2479. The acceptance test
(their eq. 22, over the last few values) is a state machine as in `lbfgs`: a step that fails is
halved from the same point.
"""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.core import Tracer
from jax.flatten_util import ravel_pytree

from jaxneuro.types import Array, Closed

_SUFFICIENT = 0.01
_RECENT = 5  # values looked back at: Barzilai-Borwein steps are not monotone


class Proximal(NamedTuple):
    """optax's pair, told apart by type: only these may minimise a penalty that is not smooth.

    `update` takes, beside `value`, `prox(params, step) -> params` and `rough(params) -> scalar`,
    the penalty's value.
    """

    init: Callable[..., Any]
    update: Callable[..., Any]


class ProximalState(NamedTuple):
    """The accepted point (P,), its gradient (P,), the last objectives and the step length."""

    point: Array
    gradient: Array
    recent: Array
    step: Array
    started: Array


def proximal(first_step: float = 1.0) -> Proximal:
    """Proximal gradient descent for lasso and other penalties with a proximal step.

    Args:
      first_step: length of the first step, a positive number or a traced hyper-parameter; later
        ones are measured from the curvature.

    Raises:
      ValueError: first_step is not above 0, or not finite.
    """
    if isinstance(first_step, Real) and not 0 < first_step < math.inf:
        raise ValueError(f"proximal: first_step is {first_step}, must be a finite number above 0")
    if not isinstance(first_step, Tracer):
        first_step = float(first_step)
    return Proximal(Closed(_init, (first_step,)), _update)


def _init(first_step: float, params: Any) -> ProximalState:
    flat = ravel_pytree(params)[0]
    return ProximalState(
        point=flat,
        gradient=jnp.zeros_like(flat),
        recent=jnp.full(_RECENT, -jnp.inf, flat.dtype),
        step=jnp.asarray(first_step, flat.dtype),
        started=jnp.zeros((), bool),
    )


def _update(
    updates: Any,
    state: ProximalState,
    params: Any = None,
    *,
    value: Array,
    prox: Callable[[Any, Array], Any] = lambda params, step: params,
    rough: Callable[[Any], Array] = lambda params: jnp.zeros(()),
    **_: Any,
):
    trial, unravel = ravel_pytree(params)
    gradient = ravel_pytree(updates)[0]
    objective = (value + rough(params)).astype(trial.dtype)
    finite = jnp.isfinite(objective) & jnp.all(jnp.isfinite(gradient))

    move, bend = trial - state.point, gradient - state.gradient
    square = jnp.dot(move, move)
    worst = jnp.max(state.recent)
    slack = 10 * jnp.finfo(trial.dtype).eps * jnp.abs(worst)
    fell = objective <= worst - 0.5 * _SUFFICIENT * square / state.step + slack
    accept = finite & (fell | ~state.started)

    curved = jnp.dot(move, bend)
    measured = jnp.clip(square / jnp.where(curved > 0, curved, 1), 1e-8, 1e8)
    longer = jnp.minimum(2 * state.step, 1e8)
    step = jnp.where(curved > 0, measured, longer)
    step = jnp.where(state.started, step, state.step)
    step = jnp.where(accept, step, 0.5 * state.step)

    point = jnp.where(accept, trial, state.point)
    here = jnp.where(accept, gradient, state.gradient)
    pushed = jnp.concatenate([state.recent[1:], objective[None]])
    following = ravel_pytree(prox(unravel(point - step * here), step))[0]
    new = ProximalState(
        point=point,
        gradient=here,
        recent=jnp.where(accept, pushed, state.recent),
        step=step,
        started=state.started | accept,
    )
    return unravel(following - trial), new
