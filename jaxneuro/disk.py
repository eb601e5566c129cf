"""Many fits of targets that lie on a disk: host and device hold a block of them at a time."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import blocks, origin
from jaxneuro.axes import targets as targets_axis
from jaxneuro.engine import fit_many
from jaxneuro.engine.rows import flatten_axes
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_inputs
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
    y, axes = blocks.cut(y), flatten_axes(axes)
    if len(y.shape) != 2 or 0 in y.shape or y.dtype.kind not in "biuf":
        raise ValueError(f"fit_targets: y {y.shape} of {y.dtype} must be numbers (sample, target)")
    if any(axis.outer for axis in axes):
        raise ValueError("fit_targets: the blocks of targets are its only outer axis")
    count, width = y.shape[1], blocks.width_of(y, 4 * y.shape[0])
    read = _Block(y, width)
    first = read.at(0)
    checked = np.where(np.isfinite(first), first, np.nan) if first.dtype.kind == "f" else first
    inputs = make_inputs(
        x, checked, weight=weight, held_out=held_out, validation=validation, hyper=hyper, key=key
    )._replace(y=first, y_origin=None)
    block = Axis("block", -(-count // width), read, outer=True)
    rows = np.indices((count, *(axis.size for axis in axes)), np.int32).reshape(1 + len(axes), -1).T
    which = rows[:, 0] // width
    place = rows[:, 0] - np.minimum(which * width, count - width)
    each = [block, targets_axis(width), *axes]
    found = fit_many(fit, inputs, each, rows=np.c_[which, place, rows[:, 1:]], **options)
    whole = [targets_axis(count), *axes]
    if len(found) == len(rows):
        found = found.shaped(whole)
    else:  # of several processes, this one's
        first_of = np.minimum(found.rows[:, 0] * width, count - width)
        rows = np.c_[first_of + found.rows[:, 1], found.rows[:, 2:]]
    return replace(found, rows=rows, row_axes=tuple(whole))


class _Block(NamedTuple):
    """The `select` of blocks of targets; the last begins early, to be as wide as the others."""

    y: Any
    width: int

    def __call__(self, inputs: Inputs, index: int) -> Inputs:
        return inputs._replace(y=self.at(index))

    def at(self, index: int) -> np.ndarray:
        first = min(index * self.width, self.y.shape[1] - self.width)
        values = blocks.read(self.y, slice(first, first + self.width))
        if np.can_cast(values.dtype, np.int32):
            return values.astype(np.float32 if values.dtype == bool else np.int32)
        return values if values.dtype == np.float32 else origin.cast("y", values)
