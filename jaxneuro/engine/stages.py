"""The four functions of all lanes of a device that become programs.

Fits start many at a time, and wait in a queue of as many slots as there are lanes. Lanes whose fit
has ended change places with slots whose fit waits; what ended is finished many at a time too.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.engine.lane import Lane
from jaxneuro.types import Array, Inputs, Result


class Held(NamedTuple):
    """Fits side by side, in lanes or in the slots of a queue, (lane, ...) arrays: the own part of
    their inputs, and their state."""

    own: tuple[Array, ...]
    state: Any


class Moves(NamedTuple):
    """Who changes places: lanes `comes` (lane,) take the fit of their `slot` (lane,), and slots
    `goes` (slot,) that of their `lane` (slot,), both counted on their device."""

    slot: Any
    comes: Any
    lane: Any
    goes: Any


def start(lane: Lane, inputs: Inputs, selects, rows: Array) -> Held:
    """A queue in which the fits of these `rows` (slot, axis) begin."""
    return Held(*jax.vmap(lambda row: lane.begin(inputs, selects, row))(rows))


def exchange(lanes: Held, queue: Held, moves: Moves) -> tuple[Held, Held]:
    def changed(to: Held, of: Held, places: Array, where: Array) -> Held:
        def change(a: Array, b: Array) -> Array:
            taken = b.at[places].get(mode="promise_in_bounds")
            return jnp.where(where.reshape(-1, *[1] * (a.ndim - 1)), taken, a)

        return jax.tree.map(change, to, of)

    return (
        changed(lanes, queue, moves.slot, moves.comes),
        changed(queue, lanes, moves.lane, moves.goes),
    )


def advance(
    lane: Lane, inputs: Inputs, lanes: Held, active: Array, steps: Array, patience: Array
) -> tuple[Held, Array, Array]:
    """Up to `steps` steps of every lane, or until no fit of the `active` (lane,) runs, or until
    lanes that run none have been idle for more than `patience` lane-steps; who runs still; steps
    taken."""

    def running(state: Any) -> Array:
        return jax.vmap(lane.running)(state) & active

    def more(carry: tuple) -> Array:
        state, taken, idle = carry
        return (taken < steps) & (idle <= patience) & running(state).any()

    def body(carry: tuple) -> tuple:
        state, taken, idle = carry
        state = jax.vmap(lambda own, state: lane.step(inputs, own, state))(lanes.own, state)
        return state, taken + 1, idle + jnp.sum(~running(state), dtype=jnp.int32)

    zero = jnp.zeros((), jnp.int32)
    state, taken, _ = jax.lax.while_loop(more, body, (lanes.state, zero, zero))
    return lanes._replace(state=state), running(state), taken[None]


def finish(lane: Lane, inputs: Inputs, held: Held) -> Result:
    """The result of every fit, (lane, ...) leaves."""
    return jax.vmap(lambda own, state: lane.result(inputs, own, state))(held.own, held.state)
