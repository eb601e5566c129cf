"""The compiled side of many fits: four programs for a fixed number of lanes.

It knows nothing of what an axis means. Every device runs the same program over its own lanes, so
a fit's bits depend neither on its neighbours nor on how many devices there are.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
from jax.sharding import NamedSharding, PartitionSpec
from jax.tree_util import Partial

from jaxneuro import compat
from jaxneuro.collector import postponed
from jaxneuro.engine import lowering
from jaxneuro.engine.lane import bytes_of, make_lane, program_key, shape_of
from jaxneuro.engine.recent import Recent
from jaxneuro.engine.work import is_special
from jaxneuro.fit import Fit
from jaxneuro.types import Device, Inputs

_engines = Recent(32)
_weights = Recent(256)


class Engine(NamedTuple):
    """Compiled programs for a fixed number of lanes (`stages` says what they do).

    Attributes:
      start: (inputs, selects, rows (slot, axis)) -> queue.
      exchange: (lanes, queue, moves (lane, 4)) -> lanes, queue; None for fits of one length.
      advance: (inputs, lanes, active (lane,), limits (2,)) -> lanes, told (lane, 2).
      finish: (inputs, lanes or queue) -> `Result` with (lane, ...) leaves.
      place: inputs or selects -> the same on every device.
      result: shapes of one fit's `Result`.
      lanes: all lanes, over the devices.
      compile_seconds: what building this took.
      temporary_bytes: memory of one device for lanes, queue and scratch of the largest program.
    """

    start: Callable
    exchange: Callable
    advance: Callable
    finish: Callable
    place: Callable[[Any], Any]
    result: Any
    lanes: int
    compile_seconds: float
    temporary_bytes: int


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
    if key in _engines:
        return _engines[key], False
    engine = _engines[key] = _build(fit, inputs, selects, width, lanes, devices, programs_of(fit))
    return engine, True


def programs_of(fit: Fit) -> tuple[str, ...]:
    """Of an engine, first what takes longest to compile; fits of one length never change places."""
    return ("advance", "start", "finish", *(() if fit.stop.fixed else ("exchange",)))


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
        device = jax.local_devices()[:1]
        engine = _build(fit, inputs, selects, width, lanes, device, [program], weighed=True)
        _weights[key] = Weight(engine.temporary_bytes, compat.flops(getattr(engine, program)))
    return _weights[key]


def weigh_start(
    fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int, lanes: int
) -> int:
    """Bytes of `start`, as `weigh` tells them."""
    return weigh(fit, inputs, selects, width, lanes, "start").bytes


@postponed()
def _build(fit, inputs, selects, width, lanes, devices, wanted, weighed=False) -> Engine:
    """An engine of the programs `wanted` alone."""
    begun = time.perf_counter()
    mesh = compat.lane_mesh(devices)
    split = NamedSharding(mesh, PartitionSpec("lane"))
    whole = NamedSharding(mesh, PartitionSpec())
    inputs, selects = jax.tree.map(shape_of, (inputs, selects))
    lane = make_lane(fit, inputs, selects, width)
    given = lowering.shapes(lane, inputs, selects, width, lanes, mesh)
    platform = devices[0].platform
    # XLA compiles outside the interpreter's lock: each program as soon as it is lowered.
    with ThreadPoolExecutor() as pool:
        built, in_turn = {}, False
        for name in wanted:
            gains = name == "exchange"  # nothing but gathers, which XLA's own kernels do as well
            if name == "start":
                lowered, in_turn = lowering.start(lane, given)
            elif name == "exchange":
                lowered = lowering.exchange(given)
            else:
                traced = getattr(lowering, name)(lane, given)
                lowered, gains = traced.lower(), is_special(traced.jaxpr.jaxpr)
            if not (name == "start" and in_turn):
                lowering.refuse_lapack(lowered, devices)
            gains = gains if platform == "cpu" else name == "advance"
            effort = "weigh" if weighed else "run" if gains else "once"
            built[name] = pool.submit(_compile, lowered, platform, effort)
    built = {name: program.result() for name, program in built.items()}

    def place(tree: Any) -> Any:
        return jax.device_put(tree, whole)

    first = built.get("start")
    return Engine(
        start=lowering.in_turn(first, lanes, split) if in_turn else first,  # pyright: ignore
        exchange=built.get("exchange"),  # pyright: ignore[reportArgumentType]
        advance=built.get("advance"),  # pyright: ignore[reportArgumentType]
        finish=built.get("finish"),  # pyright: ignore[reportArgumentType]
        place=place,
        result=given.result,
        lanes=lanes * len(devices),
        compile_seconds=time.perf_counter() - begun,
        temporary_bytes=max(map(_scratch, built.values())) + bytes_of(given.held) // len(devices),
    )


def _compile(program: Any, platform: str, effort: str) -> Any:
    return program.compile(compiler_options=compat.compiler_options(platform, effort))


def _scratch(program: Any) -> int:
    memory = program.memory_analysis()
    return 0 if memory is None else memory.temp_size_in_bytes + memory.output_size_in_bytes
