"""Betas: how strongly each event, or condition, drove each voxel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.fmri.design import Design
from jaxneuro.fmri.estimators import Estimator, least_squares_all, least_squares_separate
from jaxneuro.fmri.spaces import Seen, Space, seen, space

_BINS = 100  # of an autoregression's coefficient from 0 to 1
_MOST = 0.99

Make = Callable[[Design, Space, float], Estimator]


@dataclass(frozen=True, eq=False, repr=False)
class Betas:
    """A row for each response column of each run's design, in their order.

    Attributes:
      values: (row, voxel) float32: patterns, as decoders and searchlights take them.
      error: (row, voxel) float32 their standard errors.
      names: (row,) of the columns.
      label: (row,) the condition.
      run: (row,) the number of the run, from 0.
      kernel: (row,) which of the response's kernels: 0 the canonical one, before its derivatives.
      freedom: (row,) degrees of freedom of the residuals.
      rho: (run, voxel) float32 the coefficient of the noise's autoregression; 0 if it is white.
    """

    values: NDArray[np.float32]
    error: NDArray[np.float32]
    names: tuple[str, ...]
    label: NDArray[np.str_]
    run: NDArray[np.int32]
    kernel: NDArray[np.int32]
    freedom: NDArray[np.int64]
    rho: NDArray[np.float32]

    def __repr__(self) -> str:
        rows, voxels = self.values.shape
        return f"<{rows} betas of {voxels} voxels in {len(self.rho)} runs>"

    @property
    def t(self) -> NDArray[np.float32]:
        """(row, voxel) betas over their standard errors; 0 of a voxel that is constant."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.values == 0, np.float32(0), self.values / self.error)


def betas(
    y: ArrayLike,
    designs: Design | Sequence[Design],
    *,
    method: Literal["lsa", "lss"] = "lsa",
    noise: Literal["white", "ar1"] = "white",
) -> Betas:
    """Fits each run by itself: every voxel, every event.

    "lsa" (least squares all) fits all columns of a run's design together. "lss" (least squares
    separate) gives each event a model in which all others share a column, whatever their labels:
    less noise where responses overlap (Mumford et al. 2012, NeuroImage 59:2636).

    With "ar1", noise is a first-order autoregression: its coefficient is estimated in each voxel
    from the residuals of ordinary least squares (Yule-Walker; of "lss": those of the columns that
    all its models share), cut off to hundredths, and the fit is repeated on y_t - ρ y_(t-1), the
    first frame as it is: nilearn's `run_glm(..., "ar1")`. Voxels of one coefficient share all
    that depends on the design.

    A voxel with NaN in a run has NaN for all of that run; one that is constant has betas and t of
    0. What a design cannot tell (an event after the last frame, two at one time) is NaN there.

    Args:
      y: (time, voxel), the runs one after the other: `Volume.values`, of `data.concatenated`.
      designs: one for each run.

    Raises:
      ValueError: frames that are not those of the designs, a design without a constant, infinite
        values; names the run.
    """
    values, each = checked(y, designs, noise)
    if method not in ("lsa", "lss"):
        raise ValueError(f"method is {method!r}: it must be 'lsa' or 'lss'")
    make = least_squares_all if method == "lsa" else least_squares_separate
    found, error, freedom, rho = zip(*fitted(values, each, make, noise == "ar1"), strict=True)
    kernels = [np.tile(np.arange(one.kernels), len(one.labels)) for one in each]
    return Betas(
        np.concatenate(found),
        np.concatenate(error),
        tuple(name for one in each for name in one.names[: one.responses]),
        np.concatenate([np.repeat(one.labels, one.kernels) for one in each]),
        np.repeat(np.arange(len(each)), [one.responses for one in each]).astype(np.int32),
        np.concatenate(kernels).astype(np.int32),
        np.concatenate(freedom),
        np.stack(rho),
    )


def checked(
    y: ArrayLike, designs: Design | Sequence[Design], noise: str
) -> tuple[NDArray, list[Design]]:
    """Values and designs that fit each other.

    Raises:
      ValueError: as `betas`.
    """
    values = np.asarray(y)
    each = [designs] if isinstance(designs, Design) else list(designs)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise ValueError(
            f"y is {values.dtype} {values.shape}: it must be numbers (time, voxel), and not empty"
        )
    if noise not in ("white", "ar1"):
        raise ValueError(f"noise is {noise!r}: it must be 'white' or 'ar1'")
    frames = [len(one.matrix) for one in each]
    if sum(frames) != len(values) or not frames:
        raise ValueError(f"y has {len(values)} frames, and the designs {frames}")
    return values, each


def fitted(
    y: NDArray, designs: list[Design], make: Make, autoregressive: bool
) -> Iterator[tuple[NDArray, NDArray, NDArray, NDArray]]:
    """Of each run: estimates and errors (row, voxel), degrees of freedom (row,) and ρ (voxel,)."""
    end = 0
    for number, design in enumerate(designs):
        start, end = end, end + len(design.matrix)
        try:
            yield _run(y[start:end], design, make, autoregressive)
        except ValueError as error:
            raise ValueError(f"run {number}: {error}") from error


def _run(
    y: NDArray, design: Design, make: Make, autoregressive: bool
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    at = space(design.matrix)
    if (at.basis.sum(axis=1) ** 2).sum() < len(y) * (1 - 1e-6):
        raise ValueError("its design has no constant")
    data, unit, gaps = seen(at, y, autoregressive)
    fit = make(design, at, 0.0)
    rho = _rho(at, data, fit.outside, len(y)) if autoregressive else np.zeros(y.shape[1])
    found = np.empty((len(fit.rows), y.shape[1]), np.float32)
    error = np.empty_like(found)
    scale = np.sqrt(1 / np.where(fit.freedom > 0, fit.freedom, np.nan))
    for value in np.unique(rho):
        own = np.flatnonzero(rho == value)
        fit = make(design, at, value)
        theta, energy = _fitted(at, Seen(*(field[..., own] for field in data)), value)
        spread = (scale * np.sqrt(fit.spread))[:, None]
        found[:, own] = fit.rows @ theta * unit[own]
        error[:, own] = spread * (np.sqrt(fit.residual(theta, energy)) * unit[own])
    found[:, gaps] = error[:, gaps] = np.nan
    return found, error, fit.freedom, np.where(gaps, np.nan, rho).astype(np.float32)


def _fitted(at: Space, data: Seen, rho: float) -> tuple[NDArray, NDArray]:
    """θ (direction, voxel), and the sum of squares (voxel,) that it leaves."""
    if rho == 0:
        return data.inside, data.energy
    pull = -rho * data.moved - rho**2 * np.outer(at.last, data.last)
    change = np.linalg.solve(at.metric(rho), pull)
    energy = (1 + rho**2) * data.energy - 2 * rho * data.lagged - rho**2 * data.last**2
    return data.inside + change, np.maximum(energy - (pull * change).sum(axis=0), 0)


def _rho(at: Space, data: Seen, outside: NDArray, frames: int) -> NDArray[np.float64]:
    """(voxel,) by Yule and Walker, each covariance over the products that it sums."""
    energy, lagged = data.energy, data.lagged
    if len(outside):  # residuals of the smaller model: r + Q m
        more = outside @ data.inside
        energy = energy + (more**2).sum(axis=0)
        lagged = lagged + (more * data.moved).sum(axis=0)
        lagged = lagged + (more * (at.beside @ more)).sum(axis=0) / 2
    flat = energy <= 0
    rho = np.where(flat, 0, lagged / (frames - 1) / np.where(flat, 1, energy / frames))
    return np.trunc(np.clip(rho, -_MOST, _MOST) * _BINS) / _BINS
