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


def start(lane: Lane, inputs: Inputs, selects, rows: Array) -> Held:
    """A queue in which the fits of these `rows` (slot, axis) begin."""
    return Held(*jax.vmap(lambda row: lane.begin(inputs, selects, row))(rows))


def exchange(lanes: Held, queue: Held, moves: Array) -> tuple[Held, Held]:
    """Lanes take the fits of slots, and slots those of lanes: by `moves` (lane, 4), of each lane
    the slot and whether it takes its fit, of each slot the lane and whether it takes that."""

    def changed(to: Held, of: Held, places: Array, where: Array) -> Held:
        def change(a: Array, b: Array) -> Array:  # by plain operations, which are quick to lower
            one = jax.lax.GatherDimensionNumbers(tuple(range(1, a.ndim)), (0,), (0,))
            taken = jax.lax.gather(
                b, places[:, None], one, (1, *a.shape[1:]), mode="promise_in_bounds"
            )
            return jax.lax.select(jax.lax.broadcast_in_dim(where, a.shape, (0,)), taken, a)

        return jax.tree.map(change, to, of)

    slot, comes, lane, goes = moves.T
    return changed(lanes, queue, slot, comes > 0), changed(queue, lanes, lane, goes > 0)


def advance(
    lane: Lane, inputs: Inputs, lanes: Held, active: Array, limits: Array
) -> tuple[Held, Array]:
    """Steps of every lane, up to the first of two `limits`, or until no fit of the `active` (lane,)
    runs; `limits` (2,) are steps, and lane-steps without a fit that runs.

    Returns the lanes, and (lane, 2) numbers: whether it runs still, and steps taken.
    """

    def running(state: Any) -> Array:
        return jax.vmap(lane.running)(state) & active

    def more(carry: tuple) -> Array:
        state, taken, idle = carry
        return (taken < limits[0]) & (idle <= limits[1]) & running(state).any()

    def body(carry: tuple) -> tuple:
        state, taken, idle = carry
        state = jax.vmap(lambda own, state: lane.step(inputs, own, state))(lanes.own, state)
        return state, taken + 1, idle + jnp.sum(~running(state), dtype=jnp.int32)

    zero = jnp.zeros((), jnp.int32)
    state, taken, _ = jax.lax.while_loop(more, body, (lanes.state, zero, zero))
    runs = running(state).astype(jnp.int32)
    return lanes._replace(state=state), jnp.stack([runs, jnp.full_like(runs, taken)], 1)


def finish(lane: Lane, inputs: Inputs, held: Held) -> Result:
    """The result of every fit, (lane, ...) leaves."""
    return jax.vmap(lambda own, state: lane.result(inputs, own, state))(held.own, held.state)
