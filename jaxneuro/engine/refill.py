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
from jaxneuro.engine.stages import Lanes
from jaxneuro.types import Inputs


def run_group(
    engine: Engine,
    inputs: Inputs,
    selects: Any,
    rows: np.ndarray,
    members: np.ndarray,
    results: Results,
    pace: Pace,
    lanes: Lanes,
    contest: Contest | None = None,
) -> Lanes:
    """Runs the rows `members`, which share their outer indices, in `lanes` that are free."""
    queue = queue_of(members, results, contest)
    held = np.full(engine.lanes, -1)  # which row each lane works on
    order = _lane_order(engine.lanes, results.devices)
    indices = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1])).astype(np.int32)
    while True:
        begun = time.perf_counter()
        fresh = np.zeros(engine.lanes, bool)
        free = order[held[order] < 0]
        chosen = queue.take(len(free))
        free = free[: len(chosen)]
        held[free], fresh[free] = chosen, True
        indices[free] = rows[chosen]
        if len(free):
            lanes = engine.start(inputs, selects, indices, fresh, held >= 0, lanes)
            lanes = queue.resumed(lanes, free, chosen)
            jax.block_until_ready(lanes.active)
        elif not (held >= 0).any():
            return lanes
        starting = time.perf_counter() - begun
        pending = 0  # lanes whose fit has ended
        while True:
            begun, before = time.perf_counter(), pending
            lanes, running, taken = engine.advance(inputs, lanes, np.int32(pace.steps))
            running, taken = jax.device_get((running, taken))
            ended = (held >= 0) & ~running
            pending = int(ended.sum())
            seconds = time.perf_counter() - begun
            pace.stepped(int(taken.max()), seconds, (before + pending) / 2)
            results.lane_steps += int(taken.sum()) * (engine.lanes // results.devices)
            results.show(pending)
            if (pending and pace.refill_pays) or not running.any():
                break
        begun = time.perf_counter()
        found = jax.device_get(results.kept(engine.finish(inputs, lanes)))
        found = jax.tree.map(lambda a, e=ended: np.asarray(a)[e], found)
        queue.ended(held[ended], found, np.flatnonzero(ended), lanes)
        took = starting + time.perf_counter() - begun
        pace.refilled(found.steps, took)
        held[ended] = -1


def _lane_order(lanes: int, devices: int) -> np.ndarray:
    """Lanes in the order they are filled: one on each device in turn."""
    return np.arange(lanes).reshape(devices, -1).T.ravel()
