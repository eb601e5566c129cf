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
from jaxneuro.engine.stages import Held
from jaxneuro.types import Device

_WHOLE, _SPLIT = PartitionSpec(), PartitionSpec("lane")


class Shapes(NamedTuple):
    """Of the programs' arguments, with where on the devices of `mesh` they lie."""

    mesh: Any
    shared: Any  # inputs, selects
    held: Held  # lanes, or the queue
    rows: Any
    active: Any
    moves: Any
    limits: Any
    result: Any  # of one fit

    @property
    def platform(self) -> str:
        return self.mesh.devices.flat[0].platform


def shapes(lane: Lane, inputs: Any, selects: Any, width: int, lanes: int, mesh: Any) -> Shapes:
    """Of rows of so many axes, and so many lanes on each device."""
    split, whole = NamedSharding(mesh, _SPLIT), NamedSharding(mesh, _WHOLE)
    total = lanes * mesh.devices.size
    own, state = jax.tree.map(
        lambda a: _sized((total, *a.shape), a.dtype, split), (lane.own, lane.state)
    )
    return Shapes(
        mesh=mesh,
        shared=jax.tree.map(lambda a: _sized(a.shape, a.dtype, whole), (inputs, selects)),
        held=Held(own, state),  # pyright: ignore[reportArgumentType]
        rows=_sized((total, width), jnp.int32, split),
        active=_sized((total,), bool, split),
        moves=_sized((total, 4), jnp.int32, split),
        limits=_sized((2,), jnp.int32, whole),
        result=lane.ended,
    )


def advance(lane: Lane, given: Shapes) -> Any:
    """Traced."""
    specs = (_WHOLE, _SPLIT, _SPLIT, _WHOLE)
    mapped = compat.per_device(partial(stages.advance, lane), given.mesh, specs, _SPLIT)
    arguments = (given.shared[0], given.held, given.active, given.limits)
    return jax.jit(mapped, donate_argnums=1).trace(*arguments)


def exchange(given: Shapes) -> Any:
    """Lowered; the same for all fits of these shapes."""
    mapped = compat.per_device(stages.exchange, given.mesh, (_SPLIT, _SPLIT, _SPLIT), _SPLIT)
    return jax.jit(mapped, donate_argnums=(0, 1)).lower(given.held, given.held, given.moves)


def finish(lane: Lane, given: Shapes) -> Any:
    """Traced."""
    mapped = compat.per_device(partial(stages.finish, lane), given.mesh, (_WHOLE, _SPLIT), _SPLIT)
    return jax.jit(mapped).trace(given.shared[0], given.held)


def start(lane: Lane, given: Shapes) -> tuple[Any, bool]:
    """Lowered, and whether it runs for each device's slots in turn: where it calls LAPACK (an
    orthogonal initialiser, say) on several CPU devices."""
    specs = (_WHOLE, _WHOLE, _SPLIT)
    mapped = compat.per_device(partial(stages.start, lane), given.mesh, specs, _SPLIT)
    lowered = jax.jit(mapped).lower(*given.shared, given.rows)
    if not _calls_lapack(lowered, given.mesh.devices.ravel()):
        return lowered, False
    shared, rows = jax.tree.map(shape_of, (given.shared, given.rows))
    slots = rows.shape[0] // given.mesh.devices.size
    part = jax.ShapeDtypeStruct((slots, *rows.shape[1:]), rows.dtype)
    return jax.jit(partial(stages.start, lane)).lower(*shared, part), True


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


def in_turn(program: Callable, slots: int, sharding: NamedSharding) -> Callable:
    """`start` by a program of one device, run for each device's slots in turn: the same bits."""

    def start(inputs, selects, rows):
        shared = jax.tree.map(np.asarray, pack((inputs, selects)))
        shared = unpack(shared, (inputs, selects))
        made = [
            jax.tree.map(np.asarray, program(*shared, rows[first : first + slots]))
            for first in range(0, len(rows), slots)
        ]
        return jax.device_put(jax.tree.map(lambda *a: np.concatenate(a), *made), sharding)

    return start


def _sized(shape, dtype, sharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
