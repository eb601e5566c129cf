"""Rows run by this process: programs that compile meanwhile, memory that must suffice."""

import time
import warnings
from collections.abc import Sequence

import jax
import numpy as np

from jaxneuro.engine import processes
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.planner import available_bytes, whole_vectors
from jaxneuro.engine.programs import Engine, get_engine
from jaxneuro.engine.refill import run_group
from jaxneuro.engine.results import Results
from jaxneuro.engine.rows import groups_of, outer_inputs
from jaxneuro.engine.task import Task, choose_lanes
from jaxneuro.types import Device


class Here:
    """This process, on devices of its own.

    Attributes:
      lanes: on each device, of which there are `devices`, of a `kind`.
      width: fits side by side on all of them.
      result: shapes of one fit's `Result`.
    """

    def __init__(self, task: Task, fits: int, lanes: int | str, devices: Sequence[Device]):
        begun = time.perf_counter()
        self.lanes = processes.agreed(choose_lanes(task, fits, lanes, devices))
        self.compile_seconds = time.perf_counter() - begun if lanes == "auto" else 0.0
        self.task, self._on = task, devices
        self.devices, self.kind = len(devices), jax.local_devices()[0].device_kind
        self._engine = self._built()
        self.result = self._engine.result

    def _built(self) -> Engine:
        """Whose programs may be under way."""
        task = self.task
        engine, self._new = get_engine(
            task.fit, task.first, task.selects, len(task.axes), self.lanes, self._on
        )
        self.width, self._checked = engine.lanes, False
        return engine

    def run(self, rows: np.ndarray, order: np.ndarray, results: Results) -> None:
        """Runs the rows of these numbers."""
        try:
            return self._run(rows, order, results)
        except jax.errors.JaxRuntimeError as error:
            if self.lanes == 1 or "RESOURCE_EXHAUSTED" not in str(error):
                raise
        before, self.lanes = self.lanes, whole_vectors(self.lanes // 2)  # what was held is free now
        warnings.warn(
            f"{before} lanes on a device ran out of memory: fits that have not ended start anew in "
            f"{self.lanes}, and agree to rounding with what they would have been",
            stacklevel=4,
        )
        self._engine = self._built()
        self._run(rows, order[~results.done[order]], results)

    def _run(self, rows: np.ndarray, order: np.ndarray, results: Results) -> None:
        """One group of outer indices after the other."""
        task, engine = self.task, self._engine
        selects = engine.place(task.selects)
        pace = Pace(task.fit, engine.lanes // results.devices)
        for indices, members in groups_of(rows[order, : len(task.outer)], order):
            if len(members) > engine.lanes and not task.fit.stop.fixed:
                engine.exchange.begin()
            chosen = task.fit.prepare(outer_inputs(task.inputs, task.outer, indices))
            placed = engine.place(chosen)
            self._check()
            run_group(engine, placed, selects, rows, members, results, pace, task.contest)

    def _check(self) -> None:
        """Waits, the first time, until the programs are compiled, which have to fit into memory."""
        if self._checked:
            return
        needed, available = self._engine.temporary_bytes, available_bytes(self._on[0])
        self.compile_seconds += self._engine.compile_seconds if self._new else 0.0
        self._checked = True
        if needed > available:
            raise MemoryError(
                f"{self.lanes} lanes need {needed / 1e9:.2f} GB on each device and "
                f"{available / 1e9:.2f} GB are free: fewer lanes, make_fit(batch=...) or fewer "
                "samples"
            )

    def close(self) -> None:
        pass
