"""The three functions of all lanes of a device that become programs: start, advance, finish."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.engine.lane import Lane
from jaxneuro.types import Array, Inputs, Result


class Lanes(NamedTuple):
    """(lane, ...) arrays: a lane's own part of its inputs, its fit's state, whether it counts."""

    own: tuple[Array, ...]
    state: Any
    active: Array


def start(lane: Lane, inputs: Inputs, selects, rows, fresh, active, old: Lanes) -> Lanes:
    """Lanes that are `fresh` (lane,) begin the fits of their `rows` (lane, axis)."""
    own, state = jax.vmap(lambda row: lane.begin(inputs, selects, row))(rows)

    def choose(new, old):
        return jnp.where(fresh.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    own, state = jax.tree.map(choose, (own, state), (old.own, old.state))
    return Lanes(own, state, active)


def advance(lane: Lane, inputs: Inputs, lanes: Lanes, steps) -> tuple[Lanes, Array, Array]:
    """Up to `steps` steps of every lane, or until no fit runs; who runs still; steps taken."""

    def running(state):
        return jax.vmap(lane.running)(state) & lanes.active

    def more(carry):
        return (carry[1] < steps) & running(carry[0]).any()

    def body(carry):
        state = jax.vmap(lambda own, state: lane.step(inputs, own, state))(lanes.own, carry[0])
        return state, carry[1] + 1

    state, count = jax.lax.while_loop(more, body, (lanes.state, jnp.zeros((), jnp.int32)))
    return lanes._replace(state=state), running(state), count[None]


def finish(lane: Lane, inputs: Inputs, lanes: Lanes) -> Result:
    """The result of every lane's fit, (lane, ...) leaves."""
    return jax.vmap(lambda own, state: lane.result(inputs, own, state))(lanes.own, lanes.state)
