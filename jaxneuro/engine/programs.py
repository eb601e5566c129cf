"""The compiled side of many fits: four programs for a fixed number of lanes.

It knows nothing of what an axis means. Every device runs the same program over its own lanes, so
a fit's bits depend neither on its neighbours nor on how many devices there are.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
from jax.sharding import NamedSharding, PartitionSpec
from jax.tree_util import Partial

from jaxneuro import compat
from jaxneuro.collector import postponed
from jaxneuro.engine import lowering
from jaxneuro.engine.background import Background
from jaxneuro.engine.lane import Lane, bytes_of, make_lane, program_key, shape_of
from jaxneuro.engine.recent import Recent
from jaxneuro.engine.work import is_special
from jaxneuro.fit import Fit
from jaxneuro.types import Device, Inputs

_engines = Recent(32)
_weights = Recent(256)


@dataclass(eq=False)
class Engine:
    """Programs for so many lanes (`stages` says what they do), compiled in the background.

    Attributes:
      start: (inputs, selects, rows (slot, axis)) -> queue.
      exchange: (lanes, queue, moves (lane, 4)) -> lanes, queue; compiled once it `begin`s, and
        nothing waits for it.
      advance: (inputs, lanes, active (lane,), limits (2,)) -> lanes, told (lane, 2).
      finish: (inputs, lanes or queue) -> `Result` with (lane, ...) leaves.
      place: inputs or selects -> the same on every device.
      result: shapes of one fit's `Result`.
      lanes: all lanes, over the devices.
      needed: the programs without which no fit runs.
      held_bytes: of the lanes of one device; its queue takes as many.
      begun: when it was built, by `time.perf_counter`.
    """

    start: Callable
    exchange: Background
    advance: Background
    finish: Background
    place: Callable[[Any], Any]
    result: Any
    lanes: int
    needed: tuple[Background, ...]
    held_bytes: int
    begun: float

    @cached_property
    def temporary_bytes(self) -> int:
        """Memory of one device for lanes, queue and scratch of the largest program; waits until the
        programs are compiled."""
        largest = max(_scratch(program.result()) for program in self.needed)
        return max(largest, 2 * self.held_bytes) + self.held_bytes  # an exchange gives both

    @property
    def failed(self) -> bool:
        """Whether one of the programs could not be compiled."""
        return any(program.failed for program in (*self.needed, self.exchange))

    @property
    def compile_seconds(self) -> float:
        """From the beginning until the programs were compiled."""
        return max(program.ended for program in self.needed) - self.begun


def get_engine(
    fit: Fit,
    inputs: Inputs,
    selects: tuple[Partial, ...],
    width: int,
    lanes: int,
    devices: Sequence[Device],
) -> tuple[Engine, bool]:
    """The engine for these shapes, built or from before; and whether it was built now.

    Args:
      fit: what each lane runs.
      inputs, selects: arrays or their shapes.
      width: axes of a row, outer ones counted.
      lanes: on each device.
      devices: to run on.
    """
    key = (*program_key(fit, inputs, selects), width, lanes, tuple(devices))
    if key in _engines and not _engines[key].failed:
        return _engines[key], False
    engine = _engines[key] = _build(fit, inputs, selects, width, lanes, devices)
    return engine, True


class Weight(NamedTuple):
    """What a program of so many lanes needs on one device: bytes of scratch and lane state, and
    floating point operations, of `advance` those of a step of all lanes."""

    bytes: int
    flops: float


def weigh(
    fit: Fit,
    inputs: Inputs,
    selects: tuple[Partial, ...],
    width: int,
    lanes: int,
    program: str = "advance",
) -> Weight:
    """Compiles `advance`, or `start`, for `lanes` lanes, and asks it. Starting seldom takes more
    memory than steps, but for those of few samples each (`make_fit(batch=...)`), which begin with a
    look at all."""
    key = (*program_key(fit, inputs, selects), width, lanes, program)
    if key not in _weights:
        given, lane = _shapes(fit, inputs, selects, width, lanes, jax.local_devices()[:1])
        lowered = _lowered(program, lane, given)[0]
        compiled = _compile(lowered, given.platform, "weigh")
        _weights[key] = Weight(_scratch(compiled) + bytes_of(given.held), compat.flops(compiled))
    return _weights[key]


def weigh_start(
    fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int, lanes: int
) -> int:
    """Bytes of `start`, as `weigh` tells them."""
    return weigh(fit, inputs, selects, width, lanes, "start").bytes


@postponed()
def _build(fit, inputs, selects, width, lanes, devices) -> Engine:
    begun = time.perf_counter()
    given, lane = _shapes(fit, inputs, selects, width, lanes, devices)
    built, in_turn = {}, False
    for name in ("advance", "start", "finish"):  # first what takes longest to compile
        lowered, effort, apart = _lowered(name, lane, given)
        in_turn |= apart
        if not apart:
            lowering.refuse_lapack(lowered, devices)
        make = partial(_compile, lowered, given.platform, effort)
        built[name] = Background(lambda make=make: make).begin()
    needed = tuple(built.values())

    def exchange() -> Callable:
        lowered, effort, _ = _lowered("exchange", lane, given)

        def make() -> Any:
            for program in needed:  # these first: the machine may have few cores
                program.result()
            return _compile(lowered, given.platform, effort)

        return make

    split = NamedSharding(given.mesh, PartitionSpec("lane"))
    whole = NamedSharding(given.mesh, PartitionSpec())
    first = built["start"]
    return Engine(
        start=lowering.in_turn(first, lanes, split) if in_turn else first,
        exchange=Background(exchange),
        advance=built["advance"],
        finish=built["finish"],
        place=lambda tree: jax.device_put(tree, whole),
        result=given.result,
        lanes=lanes * len(devices),
        needed=needed,
        held_bytes=bytes_of(given.held) // len(devices),
        begun=begun,
    )


def _shapes(fit, inputs, selects, width, lanes, devices) -> tuple[lowering.Shapes, Lane]:
    inputs, selects = jax.tree.map(shape_of, (inputs, selects))
    lane = make_lane(fit, inputs, selects, width)
    mesh = compat.lane_mesh(devices)
    return lowering.shapes(lane, inputs, selects, width, lanes, mesh), lane


def _lowered(name: str, lane: Lane, given: lowering.Shapes) -> tuple[Any, str, bool]:
    """A program, how hard XLA is to try, and whether it runs for each device in turn."""
    in_turn = False
    if name == "exchange":  # gathers, which XLA's own kernels do as well, and compile sooner
        lowered, gains = lowering.exchange(given), True
    elif name == "start":
        (lowered, in_turn), gains = lowering.start(lane, given), False
    else:
        traced = getattr(lowering, name)(lane, given)
        gains = is_special(traced.jaxpr.jaxpr, steps=name == "advance")
        lowered = traced.lower()
    if given.platform != "cpu":
        gains = name == "advance"
    return lowered, "run" if gains else "once", in_turn


def _compile(program: Any, platform: str, effort: str) -> Any:
    return compat.with_options(
        lambda options: program.compile(compiler_options=options), platform, effort
    )


def _scratch(program: Any) -> int:
    memory = program.memory_analysis()
    return 0 if memory is None else memory.temp_size_in_bytes + memory.output_size_in_bytes
