"""Rows that flow through lanes: each takes the next one as its fit has ended."""

import time
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxneuro.engine.contest import Contest
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.programs import Engine
from jaxneuro.engine.queues import queue_of
from jaxneuro.engine.results import Results
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
    _Flow(engine, inputs, selects, rows, members, results, pace, contest).run()


@dataclass
class _Places:
    """The lanes, or the slots of the queue, over all devices.

    Attributes:
      rows: (place,) whose fits are there; -1: none.
      open: (place,) whether the fit runs still, in a lane; was in no lane yet, in a slot.
      held: on the devices; None until fits have begun.
    """

    rows: np.ndarray
    open: np.ndarray
    held: Any = None

    @classmethod
    def empty(cls, count: int) -> "_Places":
        return cls(np.full(count, -1), np.zeros(count, bool))

    @property
    def ended(self) -> np.ndarray:
        return (self.rows >= 0) & ~self.open


class _Flow:
    """Rows under way.

    Attributes:
      lanes, queue: where they are.
      indices: (slot, axis) of the rows that began last.
      coming: results that the devices were asked for.
    """

    def __init__(self, engine, inputs, selects, rows, members, results, pace, contest):
        self.engine, self.inputs, self.selects, self.rows = engine, inputs, selects, rows
        self.source, self.results = queue_of(members, results, contest), results
        self.pace, self.order = pace, _slot_order(engine.lanes, results.devices)
        self.lanes, self.queue = _Places.empty(engine.lanes), _Places.empty(engine.lanes)
        first = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1]))
        self.indices, self.coming = first.astype(np.int32), []

    def run(self) -> None:
        while True:
            self.pace.exchanges = self.engine.exchange.ready
            if self.queue.open.any() and not self.lanes.open.any():  # nothing need be moved
                self.lanes, self.queue = self.queue, self.lanes
            elif not self.pace.in_waves:
                self.exchange()
            if not self.queue.open.reshape(self.results.devices, -1).any(1).all():
                if self.refill():
                    continue
                if not (self.lanes.open.any() or self.queue.open.any()):
                    return
            self.advance()

    def exchange(self) -> None:
        """Lanes whose fit has ended take those that wait."""
        begun, lanes, queue = time.perf_counter(), self.lanes, self.queue
        devices = self.results.devices
        lane, slot = _pairs(~lanes.open, queue.open, devices)
        if not len(lane):
            return
        moves = _moves(lane, slot, self.engine.lanes, devices)
        lanes.held, queue.held = self.engine.exchange(lanes.held, queue.held, moves)
        if self.pace.times_exchanges:
            jax.block_until_ready(lanes.held)
            self.pace.exchanged(time.perf_counter() - begun)
        lanes.rows[lane], queue.rows[slot] = queue.rows[slot], lanes.rows[lane]
        lanes.open[lane], queue.open[slot] = True, False

    def refill(self) -> bool:
        """Takes the results of fits that ended; others begin in their slots, if there are any."""
        begun, queue, source = time.perf_counter(), self.queue, self.source
        self._retire(queue)
        if not source.ready:  # otherwise these change places with fits that begin
            self._retire(self.lanes)
        if not source.ready:
            self._take()
            return False
        free = self.order[~queue.open[self.order]]
        chosen = source.take(len(free))
        free = free[: len(chosen)]
        self.indices[free], queue.rows[free], queue.open[free] = self.rows[chosen], chosen, True
        queue.held = None  # those that waited begin anew, as they did before
        held = self.engine.start(self.inputs, self.selects, self.indices)
        queue.held = source.resumed(held, queue.open, queue.rows[queue.open])
        self._take()  # while these begin
        jax.block_until_ready(queue.held)  # it may have read `indices` until now
        self.pace.refilled(time.perf_counter() - begun)
        return True

    def advance(self) -> None:
        """Steps of all lanes, until the host had better look."""
        begun, pace, lanes, results = time.perf_counter(), self.pace, self.lanes, self.results
        limits = pace.steps, pace.patience(bool(self.queue.open.any()), self.source.open)
        lanes.held, told = self.engine.advance(
            self.inputs, lanes.held, lanes.rows >= 0, np.array(limits, np.int32)
        )
        told, each = np.array(told), self.engine.lanes // results.devices
        lanes.open, taken = told[:, 0] > 0, told[::each, 1]
        pace.stepped(int(taken.max()), time.perf_counter() - begun)
        results.lane_steps += int(taken.sum()) * each
        results.show(int(lanes.ended.sum() + self.queue.ended.sum()))

    def _retire(self, places: _Places) -> None:
        """Asks for the results of fits that ended there."""
        ended = places.ended
        if ended.any():
            found = self.results.kept(self.engine.finish(self.inputs, places.held))
            held = places.held if self.source.judges else None  # else its memory is for others
            self.coming.append((places.rows[ended], found, np.flatnonzero(ended), held))
            places.rows[ended] = -1
        if self.source.judges:
            self._take()

    def _take(self) -> None:
        """What was asked for, from the devices."""
        for rows, found, at, held in self.coming:
            found = jax.tree.map(lambda a, at=at: np.asarray(a)[at], jax.device_get(found))
            self.source.ended(rows, found, at, held)
            self.pace.ended(found.steps)
        self.coming.clear()


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
