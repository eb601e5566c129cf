"""The four functions of all lanes of a device that become programs.

Fits start many at a time, and wait in a queue of as many slots as there are lanes. Where a fit has
ended, it changes places with one that waits; what ended is finished many at a time too. The host
calls and looks on: who runs, waits and has ended is known to the device, on a board.
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


class Board(NamedTuple):
    """(lane,) or (slot,) arrays, on the devices or, where the host looks, on the host.

    Attributes:
      lanes, slots: numbers of the rows whose fits are there; -1: none.
      runs: lanes whose fit runs.
      waits: slots whose fit was in no lane yet.
      taken: steps since the host looked, the same for all lanes of a device.
    """

    lanes: Any
    slots: Any
    runs: Any
    waits: Any
    taken: Any


class Limits(NamedTuple):
    """When steps are stopped: after so many `steps` since the host looked; after more lane-steps
    without a fit than an `exchange` costs, where one waits, or a look of the `host`, where none
    does (the rent-or-buy rule: Karlin et al. 1988, Algorithmica 3:79)."""

    steps: Any
    exchange: Any
    host: Any


def start(lane: Lane, inputs: Inputs, selects, rows: Array) -> Held:
    """A queue in which the fits of these `rows` (slot, axis) begin."""
    return Held(*jax.vmap(lambda row: lane.begin(inputs, selects, row))(rows))


def exchange(lanes: Held, queue: Held, board: Board) -> tuple[Held, Held, Board]:
    """The first lane that is free changes places with the first slot that waits, and so on."""
    places = jnp.arange(len(board.waits))
    before, free = places[:, None] > places, ~board.runs
    rank, turn = jnp.sum(before & free, 1), jnp.sum(before & board.waits, 1)
    pairs = free[:, None] & board.waits & (rank[:, None] == turn)  # (lane, slot)
    slot, lane = jnp.sum(pairs * places, 1), jnp.sum(pairs * places[:, None], 0)

    def changed(to: Any, of: Any, places: Array, where: Array) -> Any:
        def change(a: Array, b: Array) -> Array:
            taken = b.at[places].get(mode="promise_in_bounds")
            return jnp.where(where.reshape(-1, *[1] * (a.ndim - 1)), taken, a)

        return jax.tree.map(change, to, of)

    here, there = (lanes, board.lanes), (queue, board.slots)
    lanes, at_lanes = changed(here, there, slot, pairs.any(1))
    queue, at_slots = changed(there, here, lane, pairs.any(0))
    waits = board.waits & ~pairs.any(0)
    return lanes, queue, board._replace(lanes=at_lanes, slots=at_slots, waits=waits)


def advance(
    lane: Lane, inputs: Inputs, lanes: Held, board: Board, limits: Limits
) -> tuple[Held, Board]:
    """Steps of all lanes, up to one of the limits or until no fit runs."""
    patience = jnp.where(board.waits.any(), limits.exchange, limits.host)

    def running(state: Any) -> Array:
        return jax.vmap(lane.running)(state) & (board.lanes >= 0)

    def more(carry: tuple) -> Array:
        state, taken, idle = carry
        return (taken < limits.steps) & (idle <= patience) & running(state).any()

    def body(carry: tuple) -> tuple:
        state, taken, idle = carry
        state = jax.vmap(lambda own, state: lane.step(inputs, own, state))(lanes.own, state)
        return state, taken + 1, idle + jnp.sum(~running(state), dtype=jnp.int32)

    begun = (lanes.state, board.taken[0], jnp.zeros((), jnp.int32))
    state, taken, _ = jax.lax.while_loop(more, body, begun)
    board = board._replace(runs=running(state), taken=jnp.broadcast_to(taken, board.taken.shape))
    return lanes._replace(state=state), board


def finish(lane: Lane, inputs: Inputs, held: Held) -> Result:
    """The result of every fit, (lane, ...) leaves."""
    return jax.vmap(lambda own, state: lane.result(inputs, own, state))(held.own, held.state)
