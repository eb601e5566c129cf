"""Volumes cleaned inside each run: drifts and confounds out, and to one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.fmri.drifts import checked_repetition, confound_columns, cosines
from jaxneuro.fmri.spaces import span
from jaxneuro.linear.columns import centred

_BLOCK = 4096  # voxels at a time


def clean(
    y: ArrayLike,
    runs: ArrayLike | None = None,
    *,
    detrend: bool = True,
    high_pass: float | None = None,
    repetition: float | None = None,
    confounds: Sequence[object] | object = None,
    standardise: bool = True,
) -> NDArray[np.float32]:
    """(time, voxel) less what a constant, a line, slow cosines and confounds explain in each run.

    All of them are taken out together, by one projection, so that none brings back what another
    took out (Lindquist et al. 2019, Hum. Brain Mapp. 40:2358), and no run has a say in another.
    The same as nilearn's `signal.clean` with cosine filters; its "zscore_sample" divides by the
    deviation over time - 1, this by that over time, as `data.standardise_runs`.

    A voxel that has NaN in a run is NaN throughout that run; one that is constant in it, or that
    the confounds explain to rounding, is 0.

    Args:
      y: (time, voxel).
      runs: (time,) ids; None: one run.
      detrend: whether a line is taken out. A constant always is.
      high_pass: Hz; cosines slower than that are taken out. Needs `repetition`, seconds.
      confounds: of one run, (time, column) or what `data.read_confounds` gives; of several, a list
        with one for each run, in the order in which they first occur.
      standardise: whether each voxel then has deviation 1 in each run.

    Raises:
      ValueError: shapes that do not fit, infinite values, confounds that are not finite, a run
        of which as many columns as frames are taken out; names the run.
    """
    values = np.asarray(y)
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"y is {values.dtype} {values.shape}: it must be numbers (time, voxel)")
    run = np.zeros(len(values), int) if runs is None else np.asarray(runs)
    if run.shape != (len(values),):
        raise ValueError(f"runs {run.shape} must be (time,), and y has {len(values)}")
    names = run[np.sort(np.unique(run, return_index=True)[1])]
    given = [confounds] if runs is None or confounds is None else confounds
    given = [None] * len(names) if confounds is None else given
    if not isinstance(given, Sequence) or len(given) != len(names):
        raise ValueError(f"confounds: there are {len(names)} runs; give a list of as many")
    found = np.empty(values.shape, np.float32)
    for name, own in zip(names, given, strict=True):
        at = np.flatnonzero(run == name)
        try:
            columns = _columns(len(at), detrend, high_pass, repetition, own)
        except ValueError as error:
            raise ValueError(f"run {name}: {error}") from error
        basis = span(columns)[0]
        if len(basis) >= len(at):
            raise ValueError(f"run {name}: {len(basis)} columns to take out of {len(at)} frames")
        for start in range(0, values.shape[1], _BLOCK):
            voxels = slice(start, start + _BLOCK)
            found[at, voxels] = _rest(values[at, voxels], basis, standardise)
    return found


def _columns(
    frames: int, detrend: bool, high_pass: float | None, repetition: float | None, confounds: object
) -> NDArray[np.float64]:
    parts = [np.ones((frames, 1)), confound_columns(confounds, frames)[1]]
    if detrend:
        parts.append(np.linspace(-1, 1, frames)[:, None])
    if high_pass is not None:
        parts.append(cosines(frames, checked_repetition(repetition), high_pass))
    return np.concatenate(parts, axis=1)


def _rest(part: NDArray, basis: NDArray, standardise: bool) -> NDArray[np.float64]:
    columns = centred("y", part, np.dtype(np.float64), missing=True)
    rest = columns.values - basis.T @ (basis @ columns.values)
    deviation = rest.std(axis=0)
    varies = deviation > 1e-9  # of values within 1 of 0
    scale = 1 / np.where(varies, deviation, 1) if standardise else columns.unit
    return np.where(columns.gaps, np.nan, np.where(varies, rest * scale, 0))
