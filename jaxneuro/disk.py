"""Many fits of targets that lie on a disk: host and device hold a block of them at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import blocks, origin
from jaxneuro.axes import targets as targets_axis
from jaxneuro.engine import fit_many
from jaxneuro.engine.rows import flatten_axes, rows_of
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.result import Search
from jaxneuro.selection.search import search_by
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis, Inputs


def fit_targets(
    fit: Fit,
    x: Any,
    y: Any,
    axes: Iterable[Axis | Iterable[Axis]] = (),
    *,
    weight: Any = None,
    held_out: Any = None,
    validation: Any = None,
    hyper: Any = None,
    key: int | jax.Array = 0,
    **options: Any,
) -> Fits:
    """Runs a fit for every target of `y`, which may be larger than memory, and every combination
    of the indices of `axes`.

    Blocks of targets are an outer axis of `fit_many`: one after the other, through the same
    compiled program, of half a gigabyte with its copy. A target is known by its block and its place
    in it; that is what its random numbers depend on. Values that a loss cannot take, or that are
    infinite, end that target's fits as `bad_data` and change no other.

    Args:
      fit: from `make_fit`.
      x: (sample, *feature), as for `make_inputs`.
      y: (sample, target); NaN = missing. What is read from disk by columns, `y[:, first:last]`:
        `np.load(path, mmap_mode="r")`, an array of zarr or h5py; or an array. It is fitted as
        float32 (whole numbers of at most 32 bits: as int32) as it is, and not shifted or scaled as
        `make_inputs` does; a warning names targets of which that loses much.
      axes: all but that of the targets, which comes first; none of them an outer one.
      weight, held_out, validation, hyper, key: as for `make_inputs`.
      options: `lanes`, `keep`, `out`, `devices`, `executor`, ... of `fit_many`. On resuming from
        `out`, of `y` the first block alone is compared with what was fitted.

    Returns:
      (target, *axes) fits.

    Raises:
      ValueError: bad input, named with its field, before the work starts.
    """
    stored = _stored("fit_targets", x, y, weight, held_out, validation, hyper, key)
    axes = flatten_axes(axes)
    _refuse_outer("fit_targets", axes)
    every = [stored.targets, *axes]
    rows = rows_of(every, None)
    found = stored.run(fit, stored.inputs, every, rows=rows, **options)
    return found.shaped(every) if len(found) == len(rows) else found


def search_targets(
    fit: Fit,
    x: Any,
    y: Any,
    splits: NestedSplits,
    grid: Sequence[Axis] = (),
    *,
    axes: Iterable[Axis | Iterable[Axis]] = (),
    weight: Any = None,
    hyper: Any = None,
    key: int | jax.Array = 0,
    **options: Any,
) -> Search:
    """`search` for every target of `y`, which may be larger than memory: a block of targets at a
    time, as `fit_targets` runs them, first all inner folds and then all refits. `y` is read twice.

    Args:
      fit, x, y, weight, hyper, key: as for `fit_targets`.
      splits, grid: as for `search`.
      axes: all but that of the targets, which comes first; none of them an outer one.
      options: `score`, `refit_axes`, `rivals`, `out`, `lanes`, ... of `search`, but for `condensed`
        and `halving`.

    Returns:
      (target, *axes) choices and refits. `Search.observed` reads all of `y`, and predictions are as
      large.

    Raises:
      ValueError: bad input, named with its field, before the work starts.
    """
    if refused := sorted({"condensed", "halving"} & set(options)):
        raise ValueError(f"search_targets: {refused[0]} does not go with blocks of targets")
    stored = _stored("search_targets", x, y, weight, None, None, hyper, key)
    axes = flatten_axes(axes)
    _refuse_outer("search_targets", axes)
    every = [stored.targets, *axes]
    found = search_by(stored.run, fit, stored.inputs, every, splits, grid, **options)
    return replace(found, inputs=stored.inputs._replace(y=stored.block.y))


def _refuse_outer(name: str, axes: Sequence[Axis]) -> None:
    if any(axis.outer for axis in axes):
        raise ValueError(f"{name}: the blocks of targets are its only outer axis")


def _stored(name: str, x, y, weight, held_out, validation, hyper, key) -> "_Stored":
    y = blocks.cut(y)
    if len(y.shape) != 2 or 0 in y.shape or y.dtype.kind not in "biuf":
        raise ValueError(f"{name}: y {y.shape} of {y.dtype} must be numbers (sample, target)")
    block = _Block(y, blocks.width_of(y, 4 * y.shape[0]))
    first = block.at(0)
    checked = np.where(np.isfinite(first), first, np.nan) if first.dtype.kind == "f" else first
    inputs = make_inputs(
        x, checked, weight=weight, held_out=held_out, validation=validation, hyper=hyper, key=key
    )._replace(y=first, y_origin=None)
    return _Stored(block, inputs)


class _Stored(NamedTuple):
    """Targets on a disk, and the inputs of their first block."""

    block: "_Block"
    inputs: Inputs

    @property
    def targets(self) -> Axis:
        return targets_axis(self.block.y.shape[1])

    def run(
        self, fit: Fit, inputs: Inputs, axes: Sequence[Axis], *, rows: np.ndarray, **options: Any
    ) -> Fits:
        """`fit_many` of rows whose first index is a target."""
        block, width = self.block, self.block.width
        which = rows[:, 0] // width
        count = -(-block.y.shape[1] // width)
        every = [Axis("block", count, block, outer=True), targets_axis(width)]
        cut = np.c_[which, rows[:, 0] - block.first(which), rows[:, 1:]]
        found = fit_many(fit, inputs, [*every, *axes[1:]], rows=cut, **options)
        if len(found) != len(rows):  # of several processes, this one's
            rows = np.c_[block.first(found.rows[:, 0]) + found.rows[:, 1], found.rows[:, 2:]]
        return replace(found, rows=rows, row_axes=tuple(axes))


class _Block(NamedTuple):
    """The `select` of blocks of targets; the last begins early, to be as wide as the others."""

    y: Any
    width: int

    def __call__(self, inputs: Inputs, index: int) -> Inputs:
        return inputs._replace(y=self.at(index))

    def first(self, index: Any) -> Any:
        """The target with which a block begins, or those of several."""
        return np.minimum(index * self.width, self.y.shape[1] - self.width)

    def at(self, index: int) -> np.ndarray:
        first = int(self.first(index))
        values = blocks.read(self.y, slice(first, first + self.width))
        if np.can_cast(values.dtype, np.int32):
            return values.astype(np.float32 if values.dtype == bool else np.int32)
        return values if values.dtype == np.float32 else origin.cast("y", values)
