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
from jaxneuro.engine.stages import Held
from jaxneuro.types import Inputs


def run_group(
    engine: Engine,
    inputs: Inputs,
    selects: Any,
    rows: np.ndarray,
    members: np.ndarray,
    results: Results,
    pace: Pace,
    contest: Contest | None = None,
) -> None:
    """Runs the rows `members`, which share their outer indices."""
    lanes: Any = None  # until the first fits have begun
    queue: Any = None
    source, order = queue_of(members, results, contest), _slot_order(engine.lanes, results.devices)
    each = engine.lanes // results.devices
    in_lanes, in_slots = np.full((2, engine.lanes), -1)  # rows whose fits are there
    runs, waits = np.zeros((2, engine.lanes), bool)  # lanes; slots whose fit was in no lane yet
    coming: list[tuple] = []  # results that the device was asked for
    indices = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1])).astype(np.int32)

    def retire(held: Held, numbers: np.ndarray, ended: np.ndarray) -> None:
        if ended.any():
            found = results.kept(engine.finish(inputs, held))
            kept = held if source.judges else None  # otherwise its memory is for those that begin
            coming.append((numbers[ended], found, np.flatnonzero(ended), kept))
            numbers[ended] = -1
        if source.judges:
            take()

    def take() -> None:
        for numbers, found, at, held in coming:
            found = jax.tree.map(lambda a, at=at: np.asarray(a)[at], jax.device_get(found))
            source.ended(numbers, found, at, held)
            pace.ended(found.steps)
        coming.clear()

    while True:
        begun = time.perf_counter()
        pace.exchanges = engine.exchange.ready
        if waits.any() and not runs.any():  # nothing need be moved
            lanes, queue, in_lanes, in_slots = queue, lanes, in_slots, in_lanes
            runs, waits = waits, np.zeros(engine.lanes, bool)
        elif not pace.in_waves:
            lane, slot = _pairs(~runs, waits, results.devices)
            if len(lane):
                moves = _moves(lane, slot, engine.lanes, results.devices)
                lanes, queue = engine.exchange(lanes, queue, moves)
                if pace.times_exchanges:
                    jax.block_until_ready(lanes)
                    pace.exchanged(time.perf_counter() - begun)
                in_lanes[lane], in_slots[slot] = in_slots[slot], in_lanes[lane]
                runs[lane], waits[slot] = True, False
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
                take()  # while these begin
                jax.block_until_ready(queue)  # it may have read `indices` until now
                pace.refilled(time.perf_counter() - begun)
                continue
            take()
            if not (runs.any() or waits.any()):
                return
        begun = time.perf_counter()
        limits = pace.steps, pace.patience(bool(waits.any()), source.open)
        lanes, told = engine.advance(inputs, lanes, in_lanes >= 0, np.array(limits, np.int32))
        told = np.array(told)
        runs, taken = told[:, 0] > 0, told[::each, 1]
        pace.stepped(int(taken.max()), time.perf_counter() - begun)
        results.lane_steps += int(taken.sum()) * each
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


def _moves(lane: np.ndarray, slot: np.ndarray, lanes: int, devices: int) -> np.ndarray:
    """Pairs as `stages.exchange` takes them."""
    moves, each = np.zeros((lanes, 4), np.int32), lanes // devices
    moves[lane, 0], moves[slot, 2] = slot % each, lane % each
    moves[lane, 1] = moves[slot, 3] = True
    return moves


def _slot_order(slots: int, devices: int) -> np.ndarray:
    """Slots in the order they are filled: one on each device in turn."""
    return np.arange(slots).reshape(devices, -1).T.ravel()
