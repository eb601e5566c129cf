"""What a step of one lane needs, told from its trace: without compiling anything.

Matrix products, gathers and the like write their results to memory and read their operands there;
what lies between is fused by XLA and never stored. So the bytes of a lane are those of the stored
values that live at the same time, at the worst moment; its work is that of the products, and one
operation for each number that anything else makes.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import Literal

from jaxneuro.collector import postponed
from jaxneuro.engine.lane import bytes_of, make_lane, program_key
from jaxneuro.engine.recent import Recent
from jaxneuro.engine.work import flops_of, inner_of
from jaxneuro.fit import Fit
from jaxneuro.types import Inputs

_STORED = frozenset({
    "dot_general", "conv_general_dilated", "sort", "gather", "scatter", "scatter-add", "cumsum",
    "cummax", "cummin", "dynamic_slice", "dynamic_update_slice", "concatenate", "random_bits",
    "threefry2x32", "eigh", "cholesky", "lu", "qr", "triangular_solve", "custom_vmap_call",
    "pure_callback",
})  # fmt: skip
_INLINED = frozenset({
    "jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat",
    "checkpoint",
})  # fmt: skip


_told = Recent(256)


class _Op(NamedTuple):
    stored: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    flops: float
    inside: int  # bytes that live within it


class LaneWeight(NamedTuple):
    """What a lane adds: `bytes` to those of a step, `waiting` to those of the queue, and floating
    point operations to a step."""

    bytes: int
    waiting: int
    flops: float


@postponed()
def weigh_lane(fit: Fit, inputs: Inputs, selects: tuple, width: int) -> LaneWeight:
    """What a lane needs.

    Args:
      fit: what each lane runs.
      inputs, selects: arrays or their shapes.
      width: axes of a row, outer ones counted.
    """
    key = (*program_key(fit, inputs, selects), width)
    if key not in _told:
        lane = make_lane(fit, inputs, selects, width)
        program, shared = lane.step.program.jaxpr, len(jax.tree.leaves(inputs))
        each = [False] * shared + [True] * (len(program.invars) - shared)
        bytes_, flops = _weigh(program, each)
        own, state = bytes_of(lane.own), bytes_of(lane.state)
        # The state is there before and after.
        _told[key] = LaneWeight(bytes_ + 2 * state, own + state, flops)
    return _told[key]


def _weigh(jaxpr: Any, batched: Sequence[bool]) -> tuple[int, float]:
    sizes: list[int] = []
    ops: list[_Op] = []
    numbers: dict[Any, int | None] = {}

    def number(var: Any) -> int | None:
        return None if isinstance(var, Literal) else numbers.get(var)

    def new(var: Any) -> int:
        sizes.append(_bytes(var.aval))
        return len(sizes) - 1

    def walk(jaxpr: Any) -> None:
        for eqn in jaxpr.eqns:
            inner = inner_of(eqn)
            if eqn.primitive.name in _INLINED and inner:
                body = inner[0]
                for mine, theirs in zip(body.invars, eqn.invars, strict=False):
                    numbers[mine] = number(theirs)
                walk(body)
                for theirs, mine in zip(eqn.outvars, body.outvars, strict=True):
                    numbers[theirs] = number(mine)
                continue
            known = tuple(n for n in map(number, eqn.invars) if n is not None)
            if not known:  # the same for all lanes
                for var in eqn.outvars:
                    numbers[var] = None
                continue
            inside, flops = 0, flops_of(eqn)
            for body in inner:
                each = [True] * len(body.invars)
                more_bytes, more_flops = _weigh(body, each)
                inside, flops = max(inside, more_bytes), flops + more_flops
            outputs = []
            for var in eqn.outvars:
                numbers[var] = new(var)
                outputs.append(numbers[var])
            stored = eqn.primitive.name in _STORED or bool(inner)
            ops.append(_Op(stored, known, tuple(outputs), flops, inside))

    for var, each in zip(jaxpr.invars, batched, strict=True):
        numbers[var] = new(var) if each else None
    own = sum(sizes)
    walk(jaxpr)
    return own + _most_alive(ops, sizes), sum(op.flops for op in ops)


def _most_alive(ops: Sequence[_Op], sizes: Sequence[int]) -> int:
    """Bytes of the stored values at the worst moment."""
    sources: dict[int, frozenset[int]] = {}  # of a value that is not stored: the stored ones behind
    born, last = dict[int, int](), dict[int, int]()
    extra = [0] * len(ops)
    for time, op in enumerate(ops):
        behind = frozenset().union(*(sources.get(v, frozenset((v,))) for v in op.inputs))
        for v in behind:
            last[v] = time
        for v in op.outputs:
            if op.stored:
                born[v], sources[v] = time, frozenset((v,))
            else:
                sources[v] = behind
        if op.stored:  # operands that were fused so far are written down for it
            extra[time] = op.inside + sum(
                sizes[v] for v in op.inputs if v not in sources.get(v, (v,))
            )
    change = [0] * (len(ops) + 1)
    for v, time in born.items():
        change[time] += sizes[v]
        change[last.get(v, time) + 1] -= sizes[v]
    alive = most = 0
    for time, more in enumerate(extra):
        alive += change[time]
        most = max(most, alive + more)
    return most


def _bytes(aval: Any) -> int:
    if not hasattr(aval, "shape"):
        return 0
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
