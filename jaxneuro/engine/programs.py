"""The compiled side of many fits: start, advance and finish a fixed number of lanes.

It knows nothing of what an axis means. Every device runs the same program over its own lanes, so
a fit's bits depend neither on its neighbours nor on how many devices there are.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jax.tree_util import Partial

from jaxneuro import compat
from jaxneuro.fit import Fit
from jaxneuro.types import Array, Axis, Device, Inputs, Status

_CACHE_SIZE = 32
_engines: "OrderedDict[tuple, Engine]" = OrderedDict()
_weights: "dict[tuple, Weight]" = {}


class Lanes(NamedTuple):
    """(lane, ...) arrays: a lane's own part of its inputs, its fit's state, whether it counts."""

    own: tuple[Array, ...]
    state: Any
    active: Array


class Engine(NamedTuple):
    """Three compiled programs for a fixed number of lanes.

    Attributes:
      start: (inputs, selects, rows (lane, axis), fresh (lane,), active (lane,), lanes) -> lanes.
      advance: (inputs, lanes, steps) -> lanes, running (lane,), steps taken (device,).
      finish: (inputs, lanes) -> `Result` with (lane, ...) leaves.
      blank: -> lanes of zeros.
      place: inputs or selects -> the same on every device.
      result: shapes of one fit's `Result`.
      lanes: all lanes, over the devices.
      compile_seconds: what building this took.
      temporary_bytes: scratch memory of the largest program on one device.
    """

    start: Callable
    advance: Callable
    finish: Callable
    blank: Callable[[], Lanes]
    place: Callable[[Any], Any]
    result: Any
    lanes: int
    compile_seconds: float
    temporary_bytes: int


def selects_of(axes: Sequence[Axis]) -> tuple[Partial, ...]:
    """The axes' functions as pytrees: their arrays are arguments of the programs, not constants."""
    return tuple(a.select if isinstance(a.select, Partial) else Partial(a.select) for a in axes)


def select_row(inputs: Inputs, selects: Sequence[Callable], row: Array) -> Inputs:
    """The inputs of one fit: its own key, then every axis' change."""
    key = inputs.key
    for position in range(row.shape[0]):
        key = jax.random.fold_in(key, row[position])
    inputs = inputs._replace(key=key)
    # Outer axes were applied on the host: they have an index, for the key, but no select here.
    for select, index in zip(selects, row[row.shape[0] - len(selects) :], strict=True):
        inputs = select(inputs, index)
    return inputs


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
        _engines.move_to_end(key)
        return _engines[key], False
    engine = _build(fit, inputs, selects, width, lanes, devices)
    _engines[key] = engine
    if len(_engines) > _CACHE_SIZE:
        _engines.popitem(last=False)
    return engine, True


class Weight(NamedTuple):
    """What `advance` of so many lanes needs on one device: bytes of scratch and lane state, and
    floating point operations of a step of all lanes."""

    bytes: int
    flops: float


def weigh(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int, lanes: int) -> Weight:
    """Compiles `advance` for `lanes` lanes, and asks the program."""
    key = (*program_key(fit, inputs, selects), width, lanes)
    if key not in _weights:
        device = jax.local_devices()[:1]
        engine = _build(fit, inputs, selects, width, lanes, device, only_advance=True)
        _weights[key] = Weight(engine.temporary_bytes, compat.flops(engine.advance))
    return _weights[key]


def trace_step(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int):
    """The traced step of one lane: its program, whose first arguments are the leaves of `inputs`
    that all lanes share; how many these are; and the bytes of the state that it carries."""
    inputs, selects = jax.tree.map(_shape_of, (inputs, selects))
    layout, (own, state) = _layout(fit, inputs, selects, width)
    leaves = jax.tree.leaves(inputs)

    def step(shared, own, state):
        taken = iter(own)
        merged = [next(taken) if at is None else shared[at] for at in layout.sources]
        return fit.step(jax.tree.unflatten(layout.structure, merged), state)

    program = jax.make_jaxpr(step)(leaves, own, state)
    carried = sum(math.prod(a.shape) * a.dtype.itemsize for a in jax.tree.leaves(state))
    return program, len(leaves), carried


def program_key(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...]) -> tuple:
    """What a compiled program depends on: functions, structure, shapes; never values."""
    leaves, structure = jax.tree.flatten((inputs, selects))
    shapes = tuple((jnp.shape(a), str(jnp.result_type(a))) for a in leaves)
    settings = ("jax_enable_x64", "jax_default_matmul_precision", "jax_threefry_partitionable")
    return fit, structure, shapes, tuple(getattr(jax.config, name) for name in settings)


def _build(fit, inputs, selects, width, lanes, devices, only_advance=False) -> Engine:
    begun = time.perf_counter()
    mesh = compat.lane_mesh(devices)
    split, whole = PartitionSpec("lane"), PartitionSpec()
    total = lanes * len(devices)
    inputs, selects = jax.tree.map(_shape_of, (inputs, selects))
    layout, template = _layout(fit, inputs, selects, width)

    def merge(inputs: Inputs, own: Sequence[Array]) -> Inputs:
        shared = jax.tree.leaves(inputs)
        taken = iter(own)
        leaves = [next(taken) if source is None else shared[source] for source in layout.sources]
        return jax.tree.unflatten(layout.structure, leaves)

    def begin(inputs: Inputs, selects, row: Array):
        chosen = select_row(inputs, selects, row)
        leaves = jax.tree.leaves(chosen)
        own = tuple(a for a, s in zip(leaves, layout.sources, strict=True) if s is None)
        return _pack((own, fit.init(chosen)))

    def start(inputs, selects, rows, fresh, active, old: Lanes) -> Lanes:
        own, state = jax.vmap(lambda row: begin(inputs, selects, row))(rows)
        new = Lanes(own, state, active)
        return jax.tree.map(lambda a, b: jnp.where(_tall(fresh, a), a, b), new, old._replace(
            active=active
        ))  # fmt: skip

    def step(inputs, own, state):
        own, state = _unpack((own, state), template)
        return _pack(fit.step(merge(inputs, own), state))

    def advance(inputs, lane: Lanes, steps):
        def running(state):
            going = jax.vmap(lambda s: fit.status(_unpack(s, template[1])) == Status.RUNNING)
            return going(state) & lane.active

        def more(carry):
            return (carry[1] < steps) & running(carry[0]).any()

        def body(carry):
            state = jax.vmap(lambda own, s: step(inputs, own, s))(lane.own, carry[0])
            return state, carry[1] + 1

        state, count = jax.lax.while_loop(more, body, (lane.state, jnp.zeros((), jnp.int32)))
        return lane._replace(state=state), running(state), count[None]

    def finish(inputs, lane: Lanes):
        def one(own, state):
            own, state = _unpack((own, state), template)
            return fit.result(merge(inputs, own), state)

        return jax.vmap(one)(lane.own, lane.state)

    one_row = jax.ShapeDtypeStruct((width,), jnp.int32)
    own, state = jax.eval_shape(begin, inputs, selects, one_row)
    result = jax.eval_shape(
        lambda i, o, s: jax.tree.map(lambda a: a[0], finish(i, _one_lane(o, s))), inputs, own, state
    )

    sharded, replicated = NamedSharding(mesh, split), NamedSharding(mesh, whole)
    blanks: Any = Lanes(  # shapes, for now
        own=jax.tree.map(lambda a: _sized((total, *a.shape), a.dtype, sharded), own),
        state=jax.tree.map(lambda a: _sized((total, *a.shape), a.dtype, sharded), state),
        active=_sized((total,), bool, sharded),  # pyright: ignore[reportArgumentType]
    )
    on_all = jax.tree.map(lambda a: _sized(a.shape, a.dtype, replicated), (inputs, selects))
    rows = _sized((total, width), jnp.int32, sharded)
    flags, count = _sized((total,), bool, sharded), _sized((), jnp.int32, replicated)

    def lowered(function, in_specs, out_specs, *arguments, donate=()):
        mapped = compat.per_device(function, mesh, in_specs, out_specs)
        return jax.jit(mapped, donate_argnums=donate).lower(*arguments)

    three = (whole, split, whole), (split, split, split)
    programs = [lowered(advance, *three, on_all[0], blanks, count, donate=(1,))]
    in_turn = False
    if not only_advance:
        six = (whole, whole, split, split, split, split), split
        programs.append(lowered(start, *six, *on_all, rows, flags, flags, blanks, donate=(5,)))
        programs.append(lowered(finish, (whole, split), split, on_all[0], blanks))
        in_turn = _calls_lapack(programs[1], devices)
        if in_turn:  # an orthogonal initialiser, say: on one device, whose lanes stand for all
            arguments = jax.tree.map(_shape_of, (*on_all, rows, flags, flags, blanks))
            programs[1] = jax.jit(start).lower(*arguments[:2], *_parts(arguments[2:], lanes))
    for program in programs[:: 2 if in_turn else 1]:
        if _calls_lapack(program, devices):
            raise ValueError(
                "a step of this model, loss or axis calls LAPACK (a decomposition or a solver), "
                "and XLA can wait for ever when several CPU devices do so: use "
                "devices=jax.devices()[:1]"
            )
    # A program that is only weighed need not be fast: unoptimised, its buffers are the same.
    hasty = only_advance and devices[0].platform == "cpu"
    options = {"xla_backend_optimization_level": 0} if hasty else None
    with ThreadPoolExecutor() as pool:  # XLA compiles outside the interpreter's lock
        built = list(pool.map(lambda program: program.compile(compiler_options=options), programs))
    scratch = max(map(_scratch, built))

    def blank() -> Lanes:
        return jax.device_put(jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), blanks), sharded)

    def place(tree: Any) -> Any:
        return jax.device_put(tree, replicated)

    return Engine(
        advance=built[0],
        start=_in_turn(built[1], lanes, sharded) if in_turn else built[1 % len(built)],
        finish=built[-1],
        blank=blank,
        place=place,
        result=result,
        lanes=total,
        compile_seconds=time.perf_counter() - begun,
        temporary_bytes=scratch,
    )


def _scratch(program: Any) -> int:
    memory = program.memory_analysis()
    return 0 if memory is None else memory.temp_size_in_bytes + memory.output_size_in_bytes


def _calls_lapack(program: Any, devices: Sequence[Device]) -> bool:
    several = len(devices) > 1 and devices[0].platform == "cpu"
    return several and "lapack" in program.as_text()


def _parts(shapes: Any, lanes: int) -> Any:
    """The shapes of one device's lanes, of those of all devices'."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((lanes, *a.shape[1:]), a.dtype), shapes)


def _in_turn(program: Callable, lanes: int, sharding: NamedSharding) -> Callable:
    """`start` by a program of one device, run for each device's lanes in turn: the same bits."""

    def start(inputs, selects, *by_lane):
        shared = jax.tree.map(np.asarray, _pack((inputs, selects)))
        shared = _unpack(shared, (inputs, selects))
        by_lane = jax.tree.map(np.asarray, by_lane)
        total = len(by_lane[0])
        made = []
        for first in range(0, total, lanes):
            part = jax.tree.map(lambda a, at=first: a[at : at + lanes], by_lane)
            made.append(jax.tree.map(np.asarray, program(*shared, *part)))
        return jax.device_put(jax.tree.map(lambda *a: np.concatenate(a), *made), sharding)

    return start


class _Layout(NamedTuple):
    """Where each leaf of a fit's inputs comes from: a leaf shared by all (its number), or its own
    (None). What no axis touches stays shared, and `vmap` never batches it."""

    structure: Any
    sources: tuple[int | None, ...]


def _layout(fit: Fit, inputs: Inputs, selects, width: int) -> tuple[_Layout, Any]:
    found: list[_Layout] = []

    def probe(inputs, selects, row):
        numbers = {id(leaf): i for i, leaf in enumerate(jax.tree.leaves(inputs))}
        chosen = select_row(inputs, selects, row)
        leaves, structure = jax.tree.flatten(chosen)
        sources = tuple(numbers.get(id(leaf)) for leaf in leaves)
        found.append(_Layout(structure, sources))
        own = tuple(a for a, s in zip(leaves, sources, strict=True) if s is None)
        return own, fit.init(chosen)

    template = jax.eval_shape(probe, inputs, selects, jax.ShapeDtypeStruct((width,), jnp.int32))
    return found[0], template


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _pack(tree: Any) -> Any:
    """Keys as plain integers, so that lanes can be made of zeros, chosen between and donated."""
    return jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, tree)


def _unpack(tree: Any, template: Any) -> Any:
    def restore(a, like):
        return jax.random.wrap_key_data(a, impl="threefry2x32") if _is_key(like) else a

    return jax.tree.map(restore, tree, template)


def _shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def _sized(shape, dtype, sharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def _one_lane(own: Any, state: Any) -> Lanes:
    own, state = jax.tree.map(lambda a: a[None], (own, state))
    return Lanes(own, state, jnp.ones(1, bool))


def _tall(mask: Array, like: Array) -> Array:
    return mask.reshape(-1, *[1] * (like.ndim - 1))
