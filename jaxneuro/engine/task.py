"""What rows are rows of, as the engine takes it; and how many lanes it should have."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro.collector import postponed
from jaxneuro.engine import buckets
from jaxneuro.engine.contest import Contest
from jaxneuro.engine.lane import make_lane, selects_of, shape_of
from jaxneuro.engine.planner import plan_lanes, predicted_seconds, whole_vectors
from jaxneuro.engine.rows import outer_inputs
from jaxneuro.fit import Fit
from jaxneuro.types import Axis, Device, Inputs

_FEW = 4  # fits on a device that are not worth a plan
_COMPILE_SECONDS = 1.0  # of other programs


class Task(NamedTuple):
    """A fit, its inputs and its axes.

    Attributes:
      inputs, axes: padded to a size that others share.
      outer: those axes whose indices are run in turn.
      selects: of the inner axes.
      first: shapes of the prepared inputs of one outer index.
      contest: by which rows compete; None: they do not.
    """

    fit: Fit
    inputs: Inputs
    axes: list[Axis]
    outer: list[Axis]
    selects: tuple
    first: Any
    contest: Contest | None = None

    @property
    def result(self) -> Any:
        """Shapes of one fit's `Result`."""
        return make_lane(self.fit, self.first, self.selects, len(self.axes)).ended


@postponed()
def make_task(
    fit: Fit, inputs: Inputs, axes: list[Axis], row: np.ndarray, contest: Contest | None = None
) -> Task:
    """Of the inputs and axes as given; any `row` of theirs tells the shapes."""
    inputs, axes = buckets.fill(inputs, axes)
    outer = [axis for axis in axes if axis.outer]
    first = outer_inputs(inputs, outer, row[: len(outer)])
    if fit.precondition:  # the others prepare nothing, and to look costs a trace
        first = jax.eval_shape(fit.prepare, first)
    selects = selects_of([axis for axis in axes if not axis.outer])
    return Task(fit, inputs, axes, outer, selects, jax.tree.map(shape_of, first), contest)


def choose_lanes(task: Task, fits: int, lanes: int | str, devices: Sequence[Device]) -> int:
    """Lanes on each device: those given, in whole vectors, or planned."""
    if lanes == "auto" and fits <= _FEW * len(devices):
        lanes = -(-fits // len(devices))  # planning would take longer than it saves
    if lanes == "auto":
        lanes = plan_lanes(task.fit, task.first, task.axes, fits, lanes, devices, exact=False).lanes
    return whole_vectors(check_lanes(lanes))


def lanes_again(task: Task, fits: int, lanes: int, devices: Sequence[Device]) -> int:
    """Lanes on each device for other rows of a task that ran in so many `lanes`: those again, where
    programs for fewer would save less time than they take to compile."""
    own = choose_lanes(task, fits, "auto", devices)
    if devices[0].platform != "cpu":  # whose seconds nobody predicts
        return own if task.fit.stop.fixed else lanes

    def seconds(count: int) -> float:
        return predicted_seconds(task.fit, task.first, task.axes, fits, count, devices)

    return own if seconds(lanes) > seconds(own) + _COMPILE_SECONDS else lanes


def check_lanes(lanes: int | str) -> int:
    if not isinstance(lanes, int | np.integer) or lanes < 1:
        raise ValueError(f'lanes is {lanes!r}: a number from 1, or "auto"')
    return int(lanes)
