"""Which fits: axes in one list, their rows of indices, and what makes a run the same run."""

import itertools
import math
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro.engine import checks
from jaxneuro.engine.store import fingerprint
from jaxneuro.types import Axis, Inputs
from jaxneuro.version import __version__ as version


def flatten_axes(axes: Iterable[Axis | Iterable[Axis]]) -> list[Axis]:
    """Nested sequences of axes in one list; names must differ and outer axes come first."""
    flat: list[Axis] = []
    for entry in [axes] if isinstance(axes, Axis) else axes:
        if isinstance(entry, str) or not isinstance(entry, Iterable):
            raise ValueError(f"axes: {entry!r} is no axis; take them from jaxneuro.axes")
        flat.extend([_on_device(entry)] if isinstance(entry, Axis) else flatten_axes(entry))
    for axis in flat:
        if axis.size < 1:
            raise ValueError(f"axis {axis.name!r}: size is {axis.size}, must be at least 1")
    names = [axis.name for axis in flat]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ValueError(f"axes: {double} appear more than once; every axis needs its own name")
    if any(a.outer and not b.outer for b, a in itertools.pairwise(flat)):
        raise ValueError(f"axes: outer axes come first; the order is {names}")
    return flat


def _on_device(axis: Axis) -> Axis:
    """NumPy arrays among the leaves of `select` cannot be indexed by a traced number."""
    if axis.outer or not isinstance(axis.select, Partial):
        return axis

    def moved(leaf):
        return jax.device_put(leaf) if isinstance(leaf, np.ndarray) else leaf

    return axis._replace(select=jax.tree.map(moved, axis.select))


def rows_of(axes: Sequence[Axis], rows) -> np.ndarray:
    sizes = [axis.size for axis in axes]
    if rows is None:
        grid = np.indices(sizes, np.int32).reshape(len(sizes), math.prod(sizes))
        return np.ascontiguousarray(grid.T)
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != len(axes) or rows.dtype.kind not in "iu":
        names = [axis.name for axis in axes]
        raise ValueError(f"rows has shape {rows.shape} and dtype {rows.dtype}: it must be whole "
                         f"numbers (fit, axis), with a column for each of {names}")  # fmt: skip
    if not len(rows):
        raise ValueError("rows is empty: there is nothing to fit")
    for axis, column in zip(axes, rows.T, strict=True):
        wrong = np.flatnonzero((column < 0) | (column >= axis.size))
        if wrong.size:
            raise ValueError(f"rows: fit {wrong[0]} has index {column[wrong[0]]} on axis "
                             f"{axis.name!r}, which has {axis.size}")  # fmt: skip
    return rows.astype(np.int32)


def in_order(rows: np.ndarray, outer: int) -> np.ndarray:
    """The rows' numbers, those together that share the indices of so many outer axes."""
    return np.lexsort(rows[:, :outer].T[::-1]) if outer else np.arange(len(rows), dtype=np.int32)


def groups_of(outer: np.ndarray, order: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows that share their outer indices, in order."""
    if not len(order):
        return []
    if not outer.shape[1]:
        return [(outer[0], order)]
    starts = np.flatnonzero(np.r_[True, (outer[1:] != outer[:-1]).any(axis=1)])
    return [(outer[s], part) for s, part in zip(starts, np.split(order, starts[1:]), strict=True)]


def outer_inputs(inputs: Inputs, outer: Sequence[Axis], indices: np.ndarray) -> Inputs:
    for axis, index in zip(outer, indices, strict=True):
        inputs = axis.select(inputs, int(index))
    return inputs


def run_facts(fit, inputs, axes, rows, lanes, keep, kind, contest) -> dict:
    """What must be the same for a run to be resumed to the same bits."""
    own = inputs._replace(key=jax.random.key_data(inputs.key))
    selects = jax.tree.leaves([a.select for a in axes])
    selects = [
        jax.random.key_data(a) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else a
        for a in selects if hasattr(a, "dtype")
    ]  # fmt: skip
    competing = {} if contest is None else {"contest": list(contest)}
    return {
        "jaxneuro": version,
        "jax": jax.__version__,
        "device": kind,
        "axes": [[axis.name, axis.size] for axis in axes],
        "inputs": fingerprint([np.asarray(a) for a in jax.tree.leaves(own)]),
        "selects": fingerprint([np.asarray(a) for a in selects]),
        "rows": fingerprint([rows]),
        "fit": checks.fit_text(fit, inputs, axes),
        "lanes": lanes,
        "keep": keep,
        **competing,
    }
