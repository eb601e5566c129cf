"""What one lane does, as pure functions; and which arrays it shares with all the others."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxneuro.engine.recent import Recent
from jaxneuro.engine.traced import Flags, Traced
from jaxneuro.fit import Fit
from jaxneuro.types import Array, Axis, Inputs, Status


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


class Lane(NamedTuple):
    """One fit at a time, with its own part of the inputs and the state packed for the engine. What
    axes do not touch stays shared by all lanes, and `vmap` never batches it; what neither steps nor
    results read (the key of a fit that draws nothing, say) is not there. The functions are traced
    once for all programs: they take the shapes that the lane was made for.

    Attributes:
      begin: (inputs, selects, row) -> the own leaves and the first state of the fit of this row.
      step: (inputs, own, state) -> state.
      running: state -> whether the fit goes on.
      result: (inputs, own, state) -> `Result`.
      own, state: their shapes.
      ended: shapes of a `Result`.
    """

    begin: Traced
    step: Traced
    running: Traced
    result: Traced
    own: Any
    state: Any
    ended: Any


_lanes = Recent(32)


def make_lane(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int) -> Lane:
    """A lane for inputs and selects of these shapes, and rows of so many axes; the same one while
    it is known."""
    key = (*program_key(fit, inputs, selects), width)
    if key not in _lanes:
        inputs, selects = jax.tree.map(shape_of, (inputs, selects))
        _lanes[key] = _traced(fit, inputs, selects, width)
    return _lanes[key]


def _traced(fit: Fit, inputs: Inputs, selects: Sequence[Callable], width: int) -> Lane:
    found: list[tuple] = []

    def begin(inputs, selects, row):
        numbers = {id(leaf): i for i, leaf in enumerate(jax.tree.leaves(inputs))}
        chosen = select_row(inputs, selects, row)
        leaves, structure = jax.tree.flatten(chosen)
        # Where each leaf comes from: the number of one that all lanes share, or None for its own.
        sources = tuple(numbers.get(id(leaf)) for leaf in leaves)
        own = tuple(leaf for leaf, at in zip(leaves, sources, strict=True) if at is None)
        state = fit.init(chosen)
        found.append((structure, sources, jax.tree.map(shape_of, (own, state))))
        return pack((own, state))

    begins = Traced.of(begin, inputs, selects, jax.ShapeDtypeStruct((width,), jnp.int32))
    own, state = begins.made
    structure, sources, template = found[0]

    def merged(inputs, own, state):
        shared, taken = jax.tree.leaves(inputs), iter(unpack(own, template[0]))
        leaves = [next(taken) if at is None else shared[at] for at in sources]
        return jax.tree.unflatten(structure, leaves), unpack(state, template[1])

    def step(inputs, own, state):
        return pack(fit.step(*merged(inputs, own, state)))

    def running(state):
        return fit.status(unpack(state, template[1])) == Status.RUNNING

    def result(inputs, own, state):
        return fit.result(*merged(inputs, own, state))

    steps, runs = Traced.of(step, inputs, own, state), Traced.of(running, state)
    ends = Traced.of(result, inputs, own, state)
    own, state = _read(steps, runs, ends)
    begins = begins.less([*own, *state])
    return Lane(
        begin=begins,
        step=steps.less(state, None, own, state),
        running=runs.less(None, state),
        result=ends.less(None, None, own, state),
        own=begins.made[0],
        state=begins.made[1],
        ended=ends.made,
    )


def _read(step: Traced, running: Traced, result: Traced) -> tuple[Flags, Flags]:
    """Which leaves of a lane's own inputs and of its state are read."""
    _, own, state = result.reads()
    state = _either(state, *running.reads())
    while True:
        _, more, others = step.reads(state)
        before, state = state, _either(state, others)
        if state == before:
            return _either(own, more), state


def _either(these: Flags, those: Flags) -> list[bool]:
    return [a or b for a, b in zip(these, those, strict=True)]


def program_key(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...]) -> tuple:
    """What a compiled program depends on: functions, structure, shapes; never values."""
    leaves, structure = jax.tree.flatten((inputs, selects))
    shapes = tuple((jnp.shape(a), str(jnp.result_type(a))) for a in leaves)
    settings = ("jax_enable_x64", "jax_default_matmul_precision", "jax_threefry_partitionable")
    return fit, structure, shapes, tuple(getattr(jax.config, name) for name in settings)


def pack(tree: Any) -> Any:
    """Keys as plain integers, so that lanes can be made of zeros, chosen between and donated."""
    return jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, tree)


def unpack(tree: Any, template: Any) -> Any:
    def restore(a, like):
        return jax.random.wrap_key_data(a, impl="threefry2x32") if _is_key(like) else a

    return jax.tree.map(restore, tree, template)


def shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def bytes_of(tree: Any) -> int:
    """Of arrays or their shapes, keys not counted."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if not _is_key(leaf)]
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
