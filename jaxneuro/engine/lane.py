"""What one lane does, as pure functions; and which arrays it shares with all the others."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxneuro.fit import Fit
from jaxneuro.types import Array, Axis, Inputs, Result, Status


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
    """One fit at a time, with its own part of the inputs and the state packed for the engine.

    Attributes:
      fit: what it runs.
      structure: of one fit's `Inputs`.
      sources: where each leaf of them comes from: the number of a leaf that all lanes share, or
        None for the lane's own. What no axis touches stays shared, and `vmap` never batches it.
      template: shapes of the lane's own leaves and of the state.
    """

    fit: Fit
    structure: Any
    sources: tuple[int | None, ...]
    template: Any

    def begin(self, inputs: Inputs, selects: Sequence[Callable], row: Array) -> tuple[Any, Any]:
        """The own leaves and the first state of the fit of this row."""
        chosen = select_row(inputs, selects, row)
        leaves = zip(jax.tree.leaves(chosen), self.sources, strict=True)
        return pack((tuple(leaf for leaf, at in leaves if at is None), self.fit.init(chosen)))

    def step(self, inputs: Inputs, own: Any, state: Any) -> Any:
        own, state = unpack((own, state), self.template)
        return pack(self.fit.step(self.merge(inputs, own), state))

    def running(self, state: Any) -> Array:
        return self.fit.status(unpack(state, self.template[1])) == Status.RUNNING

    def result(self, inputs: Inputs, own: Any, state: Any) -> Result:
        own, state = unpack((own, state), self.template)
        return self.fit.result(self.merge(inputs, own), state)

    def merge(self, inputs: Inputs, own: Sequence[Array]) -> Inputs:
        """The inputs of the lane's fit, of those that all share and its own leaves."""
        return self.merge_leaves(jax.tree.leaves(inputs), own)

    def merge_leaves(self, shared: Sequence[Array], own: Sequence[Array]) -> Inputs:
        taken = iter(own)
        leaves = [next(taken) if at is None else shared[at] for at in self.sources]
        return jax.tree.unflatten(self.structure, leaves)


def make_lane(fit: Fit, inputs: Inputs, selects: Sequence[Callable], width: int) -> Lane:
    """A lane for inputs and selects of these shapes, and rows of so many axes."""
    found: list[tuple] = []

    def probe(inputs, selects, row):
        numbers = {id(leaf): i for i, leaf in enumerate(jax.tree.leaves(inputs))}
        chosen = select_row(inputs, selects, row)
        leaves, structure = jax.tree.flatten(chosen)
        sources = tuple(numbers.get(id(leaf)) for leaf in leaves)
        found.append((structure, sources))
        own = tuple(leaf for leaf, at in zip(leaves, sources, strict=True) if at is None)
        return own, fit.init(chosen)

    template = jax.eval_shape(probe, inputs, selects, jax.ShapeDtypeStruct((width,), jnp.int32))
    structure, sources = found[0]
    return Lane(fit, structure, sources, template)


def trace_step(fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int):
    """The traced step of one lane: its program, whose first arguments are the leaves of `inputs`
    that all lanes share; how many these are; and the bytes of the state that it carries."""
    inputs, selects = jax.tree.map(shape_of, (inputs, selects))
    lane = make_lane(fit, inputs, selects, width)
    leaves, (own, state) = jax.tree.leaves(inputs), lane.template

    def step(shared, own, state):
        return fit.step(lane.merge_leaves(shared, own), state)

    program = jax.make_jaxpr(step)(leaves, own, state)
    carried = sum(math.prod(a.shape) * a.dtype.itemsize for a in jax.tree.leaves(state))
    return program, len(leaves), carried


def pack(tree: Any) -> Any:
    """Keys as plain integers, so that lanes can be made of zeros, chosen between and donated."""
    return jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, tree)


def unpack(tree: Any, template: Any) -> Any:
    def restore(a, like):
        return jax.random.wrap_key_data(a, impl="threefry2x32") if _is_key(like) else a

    return jax.tree.map(restore, tree, template)


def shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
