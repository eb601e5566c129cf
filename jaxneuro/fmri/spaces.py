"""The space that a design spans: what of the data lies in it, and how what does not goes on.

W'W of a first-order autoregression, (W y)_t = y_t - ρ y_(t-1), is I - ρ (S + S') + ρ² S'S, where S
moves by a frame. All that a fit with any ρ asks of the data are thus a few numbers a voxel: they
are made once, and the data are not looked at again.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro.linear.columns import centred, precision
from jaxneuro.precision import in_full
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Array

_DEPENDENT = 1e-8  # share of the largest singular value below which a direction is rounding
_BLOCK = 8192  # voxels at a time


class Space(NamedTuple):
    """Of a design, float64.

    Attributes:
      basis: (direction, time) orthonormal rows.
      columns: (direction, column) the design's columns, in them.
      inverse: (column, direction) its pseudo-inverse.
      estimable: (column,) whether the design tells a column's coefficient from all others'.
      moved: (direction, time) of Q'(S + S').
      last: (direction,) of the last frame.
      beside: (direction, direction) Q'(S + S')Q.
    """

    basis: NDArray[np.float64]
    columns: NDArray[np.float64]
    inverse: NDArray[np.float64]
    estimable: NDArray[np.bool_]
    moved: NDArray[np.float64]
    last: NDArray[np.float64]
    beside: NDArray[np.float64]

    def metric(self, rho: float) -> NDArray[np.float64]:
        """(direction, direction) Q'W'WQ."""
        found = (1 + rho**2) * np.eye(len(self.basis)) - rho * self.beside
        return found - rho**2 * np.outer(self.last, self.last)


class Seen(NamedTuple):
    """What fits ask of the data; r are the residuals of ordinary least squares.

    Attributes:
      inside: (direction, voxel) Q'y.
      moved: (direction, voxel) Q'(S + S')r; of no direction where the noise is white.
      energy, lagged, last: (voxel,) Σ r_t², Σ r_t r_(t+1), and r of the last frame.
    """

    inside: NDArray
    moved: NDArray
    energy: NDArray
    lagged: NDArray
    last: NDArray


def span(matrix: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Orthonormal rows (direction, row) that span the columns of (row, column), the columns in
    them, and their pseudo-inverse (column, direction); columns of any scale."""
    norm = np.linalg.norm(matrix, axis=0)
    size = np.where(norm > 0, norm, 1)
    left, values, right = np.linalg.svd(matrix / size, full_matrices=False)
    kept = values > _DEPENDENT * values.max(initial=0)
    left, values, right = left[:, kept], values[kept], right[kept]
    return left.T, values[:, None] * right * norm, (right / values[:, None]).T / size[:, None]


def space(matrix: NDArray[np.float64]) -> Space:
    """The space of (time, column)."""
    basis, columns, inverse = span(matrix)
    moved = np.zeros_like(basis)
    moved[:, 1:] += basis[:, :-1]
    moved[:, :-1] += basis[:, 1:]
    own = np.einsum("cd,dc->c", inverse, columns)  # the diagonal of a projection
    return Space(basis, columns, inverse, own > 1 - 1e-6, moved, basis[:, -1], moved @ basis.T)


def seen(at: Space, y: NDArray, autoregressive: bool) -> tuple[Seen, NDArray, NDArray]:
    """What fits ask of y (time, voxel), without each voxel's mean and in its own unit, which is
    returned; and which voxels have NaN.

    Raises:
      ValueError: infinite values.
    """
    dtype = precision(y.dtype)
    frames = bucket(y.shape[0])
    basis, moved = (
        grown(grown(a, frames, 1, zeros=True), bucket(len(a)), 0, zeros=True).astype(dtype)
        for a in (at.basis, at.moved)
    )
    end = (np.arange(frames) == y.shape[0] - 1).astype(dtype)
    width = min(_BLOCK, bucket(y.shape[1]))
    parts, units, gaps = [], [], []
    for start in range(0, y.shape[1], width):
        columns = centred("y", y[:, start : start + width], dtype, missing=True)
        count = columns.values.shape[1]
        block = grown(grown(columns.values, frames, 0, zeros=True), width, 1, zeros=True)
        made = _seen(basis, moved, end, block, autoregressive)
        parts.append([np.asarray(a)[..., :count] for a in made])
        units.append(columns.unit)
        gaps.append(columns.gaps)
    inside, moved, *sums = (np.concatenate(field, axis=-1) for field in zip(*parts, strict=True))
    directions = len(at.basis)
    sums = (field.astype(np.float64) for field in sums)
    found = Seen(inside[:directions], moved[:directions], *sums)
    return found, np.concatenate(units), np.concatenate(gaps)


@partial(jax.jit, static_argnames="autoregressive")
@in_full
def _seen(basis: Array, moved: Array, end: Array, y: Array, autoregressive: bool) -> tuple:
    """The fields of `Seen`."""
    inside = basis @ y
    rest = y - basis.T @ inside
    on = moved @ rest if autoregressive else jnp.zeros((0, y.shape[1]), y.dtype)
    return (inside, on, (rest**2).sum(0), (rest[1:] * rest[:-1]).sum(0), end @ rest)
