"""Rows that flow through lanes: each takes the next one as its fit has ended."""

import time
from typing import Any

import jax
import numpy as np

from jaxneuro.engine.contest import Contest
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.programs import Engine
from jaxneuro.engine.queues import InRounds, InTurn, queue_of
from jaxneuro.engine.results import Results
from jaxneuro.engine.stages import Board, Held
from jaxneuro.types import Inputs

_EXCHANGES = 4  # between two looks, which the device makes by itself


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
    board, none = _empty(engine.lanes), np.zeros(engine.lanes, np.int32)
    indices = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1])).astype(np.int32)
    while True:
        if not board.waits.reshape(results.devices, -1).any(1).all():  # a device has none that wait
            begun = time.perf_counter()
            left = (board.slots >= 0) & ~board.waits
            _retire(engine, inputs, queue, board.slots, left, results, source)
            if not source.ready:  # otherwise these change places with fits that begin
                ended = (board.lanes >= 0) & ~board.runs
                _retire(engine, inputs, lanes, board.lanes, ended, results, source)
            if source.ready:
                places = order[~board.waits[order]]
                chosen = source.take(len(places))
                places = places[: len(chosen)]
                indices[places], board.slots[places] = rows[chosen], chosen
                board.waits[places] = True
                del queue  # those that waited begin anew, as they did before
                queue = engine.start(inputs, selects, indices)
                queue = source.resumed(queue, board.waits, board.slots[board.waits])
                jax.block_until_ready(queue)  # it may have read `indices` until now
            elif not (board.runs.any() or board.waits.any()):
                return lanes, queue
            pace.refilled(time.perf_counter() - begun)
            if (board.lanes < 0).all():  # nothing need be moved
                lanes, queue = queue, lanes
                board = _empty(engine.lanes)._replace(lanes=board.slots, runs=board.waits)
                continue
        begun = time.perf_counter()
        limits = pace.limits(source.ready, source.open)
        told = board._replace(taken=none)
        for _ in range(_EXCHANGES if board.waits.any() else 1):
            if board.waits.any():
                lanes, queue, told = engine.exchange(lanes, queue, told)
            lanes, told = engine.advance(inputs, lanes, told, limits)
        board = jax.tree.map(np.array, jax.device_get(told))
        taken = board.taken.reshape(results.devices, -1)[:, 0]
        pace.stepped(int(taken.max()), time.perf_counter() - begun)
        results.lane_steps += int(taken.sum()) * (engine.lanes // results.devices)
        over = (board.lanes >= 0) & ~board.runs, (board.slots >= 0) & ~board.waits
        results.show(int(np.sum(over)))


def _retire(
    engine: Engine,
    inputs: Inputs,
    held: Held,
    numbers: np.ndarray,
    ended: np.ndarray,
    results: Results,
    source: InTurn | InRounds,
) -> None:
    """Takes the results of the fits that `ended`, and strikes out their numbers."""
    if ended.any():
        found = jax.device_get(results.kept(engine.finish(inputs, held)))
        found = jax.tree.map(lambda a: np.asarray(a)[ended], found)
        source.ended(numbers[ended], found, np.flatnonzero(ended), held)
        numbers[ended] = -1


def _empty(lanes: int) -> Board:
    rows, flags = np.full((2, lanes), -1, np.int32), np.zeros((2, lanes), bool)
    return Board(rows[0], rows[1], flags[0], flags[1], np.zeros(lanes, np.int32))


def _slot_order(slots: int, devices: int) -> np.ndarray:
    """Slots in the order they are filled: one on each device in turn."""
    return np.arange(slots).reshape(devices, -1).T.ravel()
