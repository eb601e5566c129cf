"""Rows that flow through lanes: each takes the next one as its fit has ended."""

import time
from typing import Any

import jax
import numpy as np

from jaxneuro.engine.contest import Contest
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.programs import Engine
from jaxneuro.engine.queues import queue_of
from jaxneuro.engine.results import Results
from jaxneuro.engine.stages import Held, Moves
from jaxneuro.types import Inputs


def run_group(
    engine: Engine,
    inputs: Inputs,
    selects: Any,
    rows: np.ndarray,
    members: np.ndarray,
    results: Results,
    pace: Pace,
    held: tuple[Held, Held],
    contest: Contest | None = None,
) -> tuple[Held, Held]:
    """Runs the rows `members`, which share their outer indices; `held`: lanes and a queue that are
    free, before and after."""
    lanes, queue = held
    source, order = queue_of(members, results, contest), _slot_order(engine.lanes, results.devices)
    in_lanes, in_slots = np.full((2, engine.lanes), -1)  # rows whose fits are there
    runs, waits = np.zeros((2, engine.lanes), bool)  # lanes; slots whose fit was in no lane yet
    indices = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1])).astype(np.int32)

    def retire(held: Held, numbers: np.ndarray, ended: np.ndarray) -> None:
        if ended.any():
            found = jax.device_get(results.kept(engine.finish(inputs, held)))
            found = jax.tree.map(lambda a: np.asarray(a)[ended], found)
            source.ended(numbers[ended], found, np.flatnonzero(ended), held)
            pace.ended(found.steps)
            numbers[ended] = -1

    while True:
        begun = time.perf_counter()
        if not waits.reshape(results.devices, -1).any(1).all():  # a device has none that wait
            retire(queue, in_slots, (in_slots >= 0) & ~waits)
            if not source.ready:  # otherwise these change places with fits that begin
                retire(lanes, in_lanes, (in_lanes >= 0) & ~runs)
            if source.ready:
                free = order[~waits[order]]
                chosen = source.take(len(free))
                free = free[: len(chosen)]
                indices[free], in_slots[free], waits[free] = rows[chosen], chosen, True
                del queue  # those that waited begin anew, as they did before
                queue = engine.start(inputs, selects, indices)
                queue = source.resumed(queue, waits, in_slots[waits])
                jax.block_until_ready(queue)  # it may have read `indices` until now
            elif not (runs.any() or waits.any()):
                return lanes, queue
            pace.refilled(time.perf_counter() - begun)
        begun = time.perf_counter()
        if waits.any() and not runs.any():  # nothing need be moved
            lanes, queue, in_lanes, in_slots = queue, lanes, in_slots, in_lanes
            runs, waits = waits, np.zeros(engine.lanes, bool)
        elif waits.any() and not pace.in_waves:
            pairs = _pairs(~runs, waits, results.devices)
            lanes, queue = engine.exchange(
                lanes, queue, _moves(pairs, engine.lanes, results.devices)
            )
            jax.block_until_ready(lanes)
            lane, slot = pairs
            in_lanes[lane], in_slots[slot] = in_slots[slot], in_lanes[lane]
            runs[lane], waits[slot] = True, False
            pace.exchanged(time.perf_counter() - begun)
        begun = time.perf_counter()
        limits = np.int32(pace.steps), np.int32(pace.patience(bool(waits.any()), source.open))
        lanes, running, taken = engine.advance(inputs, lanes, in_lanes >= 0, *limits)
        running, taken = jax.device_get((running, taken))
        runs = np.array(running)
        pace.stepped(int(taken.max()), time.perf_counter() - begun)
        results.lane_steps += int(taken.sum()) * (engine.lanes // results.devices)
        over = (in_lanes >= 0) & ~runs, (in_slots >= 0) & ~waits
        results.show(int(np.sum(over)))


def _pairs(free: np.ndarray, waits: np.ndarray, devices: int) -> tuple[np.ndarray, np.ndarray]:
    """Lanes and slots that change places: the first of a device that is free with the first that
    waits there, and so on."""
    pairs = []
    each = len(free) // devices
    for first in range(0, len(free), each):
        lane, slot = (first + np.flatnonzero(a[first : first + each]) for a in (free, waits))
        count = min(len(lane), len(slot))
        pairs.append((lane[:count], slot[:count]))
    lane, slot = zip(*pairs, strict=True)
    return np.concatenate(lane), np.concatenate(slot)


def _moves(pairs: tuple[np.ndarray, np.ndarray], lanes: int, devices: int) -> Moves:
    (lane, slot), each = pairs, lanes // devices
    places, flags = np.zeros((2, lanes), np.int32), np.zeros((2, lanes), bool)
    places[0, lane], places[1, slot] = slot % each, lane % each
    flags[0, lane] = flags[1, slot] = True
    return Moves(slot=places[0], comes=flags[0], lane=places[1], goes=flags[1])


def _slot_order(slots: int, devices: int) -> np.ndarray:
    """Slots in the order they are filled: one on each device in turn."""
    return np.arange(slots).reshape(devices, -1).T.ravel()
