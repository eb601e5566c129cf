"""The engine's programs, traced and lowered for lanes on several devices."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxneuro import compat
from jaxneuro.engine import stages
from jaxneuro.engine.lane import Lane, pack, shape_of, unpack
from jaxneuro.engine.stages import Board, Held, Limits
from jaxneuro.types import Device

_WHOLE, _SPLIT = PartitionSpec(), PartitionSpec("lane")


class Shapes(NamedTuple):
    """Of the programs' arguments, with where on the devices of `mesh` they lie."""

    mesh: Any
    shared: Any  # inputs, selects
    held: Held  # lanes, or the queue
    board: Board
    rows: Any
    limits: Limits
    result: Any  # of one fit


def shapes(lane: Lane, inputs: Any, selects: Any, width: int, lanes: int, mesh: Any) -> Shapes:
    """Of rows of so many axes, and so many lanes on each device."""
    split, whole = NamedSharding(mesh, _SPLIT), NamedSharding(mesh, _WHOLE)
    total = lanes * mesh.devices.size
    own, state = jax.tree.map(
        lambda a: _sized((total, *a.shape), a.dtype, split), (lane.own, lane.state)
    )
    numbers, flags = (_sized((total,), kind, split) for kind in (jnp.int32, bool))
    return Shapes(
        mesh=mesh,
        shared=jax.tree.map(lambda a: _sized(a.shape, a.dtype, whole), (inputs, selects)),
        held=Held(own, state),  # pyright: ignore[reportArgumentType]
        board=Board(numbers, numbers, flags, flags, numbers),  # pyright: ignore
        rows=_sized((total, width), jnp.int32, split),
        limits=Limits(*[_sized((), jnp.int32, whole)] * 3),
        result=lane.ended,
    )


def advance(lane: Lane, given: Shapes) -> Any:
    """Traced."""
    specs = (_WHOLE, _SPLIT, _SPLIT, _SPLIT, _WHOLE)
    mapped = compat.per_device(partial(stages.advance, lane), given.mesh, specs, _SPLIT)
    arguments = (given.shared[0], given.held, given.held, given.board, given.limits)
    return jax.jit(mapped, donate_argnums=(1, 2)).trace(*arguments)


def finish(lane: Lane, given: Shapes) -> Any:
    """Traced."""
    mapped = compat.per_device(partial(stages.finish, lane), given.mesh, (_WHOLE, _SPLIT), _SPLIT)
    return jax.jit(mapped).trace(given.shared[0], given.held)


def start(lane: Lane, given: Shapes) -> tuple[Any, bool]:
    """Lowered, and whether it runs for each device's slots in turn: where it calls LAPACK (an
    orthogonal initialiser, say) on several CPU devices."""
    specs = (_WHOLE, _WHOLE, _SPLIT, _SPLIT, _SPLIT)
    mapped = compat.per_device(partial(stages.start, lane), given.mesh, specs, _SPLIT)
    by_slot = (given.rows, given.board.waits, given.held)
    lowered = jax.jit(mapped, donate_argnums=4).lower(*given.shared, *by_slot)
    if not _calls_lapack(lowered, given.mesh.devices.ravel()):
        return lowered, False
    shared, by_slot = jax.tree.map(shape_of, (given.shared, by_slot))
    parts = _parts(by_slot, given.rows.shape[0] // given.mesh.devices.size)
    return jax.jit(partial(stages.start, lane)).lower(*shared, *parts), True


def refuse_lapack(program: Any, devices: Sequence[Device]) -> None:
    if _calls_lapack(program, devices):
        raise ValueError(
            "a step of this model, loss or axis calls LAPACK (a decomposition or a solver), "
            "and XLA can wait for ever when several CPU devices do so: use "
            "devices=jax.devices()[:1]"
        )


def _calls_lapack(program: Any, devices: Sequence[Device]) -> bool:
    several = len(devices) > 1 and devices[0].platform == "cpu"
    return several and "lapack" in program.as_text()


def _parts(shapes: Any, lanes: int) -> Any:
    """The shapes of one device's lanes, of those of all devices'."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((lanes, *a.shape[1:]), a.dtype), shapes)


def in_turn(program: Callable, lanes: int, sharding: NamedSharding) -> Callable:
    """`start` by a program of one device, run for each device's lanes in turn: the same bits."""

    def start(inputs, selects, *by_lane):
        shared = jax.tree.map(np.asarray, pack((inputs, selects)))
        shared = unpack(shared, (inputs, selects))
        by_lane = jax.tree.map(np.asarray, by_lane)
        total = len(by_lane[0])
        made = []
        for first in range(0, total, lanes):
            part = jax.tree.map(lambda a, at=first: a[at : at + lanes], by_lane)
            made.append(jax.tree.map(np.asarray, program(*shared, *part)))
        return jax.device_put(jax.tree.map(lambda *a: np.concatenate(a), *made), sharding)

    return start


def _sized(shape, dtype, sharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
