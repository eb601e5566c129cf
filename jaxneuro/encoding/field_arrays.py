"""Arrays of receptive fields on the host: checked, convolved, and made small for the fits.

Fields see a recording only through the span of its frames: where every voxel has the same frames,
`x` and `y` are taken to coordinates of that span, fewer samples of the same fits. The bars of a
usual mapping come and go along the same lines: 108 samples in place of 300, however many the runs.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.features.convolution import convolve
from jaxneuro.features.edges import starts as edges

_SOME = 256  # pixels whose nearest neighbours are looked for
_MOST_FRAMES = 4096  # whose span is looked for, in time that grows with their cube
_ROUNDING = 1e-6  # of the largest: a direction that varies by less is none


class Given(NamedTuple):
    """What was given, checked, in double precision.

    Attributes:
      x, y: (time, pixel), (time, voxel).
      positions, hrf: (pixel, 2), (lag,).
      fitted, held_out: (time,) bool; frames that no voxel has are neither.
      sizes: least and most of a field.
    """

    x: np.ndarray
    y: np.ndarray
    positions: np.ndarray
    hrf: np.ndarray
    fitted: np.ndarray
    held_out: np.ndarray
    sizes: tuple[float, float]


def check(
    x: ArrayLike,
    y: ArrayLike,
    positions: ArrayLike,
    hrf: ArrayLike,
    held_out: ArrayLike | None,
    sizes: tuple[float, float] | None,
) -> Given:
    """As `encoding.fit_receptive_fields` takes them.

    Raises:
      ValueError: names the field, what it is and what it must be.
    """
    x, y = numbers("x", x, "(time, pixel)", 2), numbers("y", y, "(time, voxel)", 2, missing=True)
    positions = numbers("positions", positions, "(pixel, 2)", 2)
    hrf = numbers("hrf", hrf, "(lag,)", 1)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} frames and y has {len(y)}: both are (time, ...)")
    if positions.shape != (x.shape[1], 2):
        raise ValueError(
            f"positions has shape {positions.shape}: it must be (pixel, 2) = ({x.shape[1]}, 2), "
            "the place of each column of x"
        )
    if len(hrf) > len(x):
        raise ValueError(f"hrf has {len(hrf)} lags, and the recording {len(x)} frames only")
    if not hrf.any():
        raise ValueError("hrf is 0 everywhere: nothing would be predicted")
    if not np.ptp(positions, axis=0).any():
        raise ValueError("positions are all the same: it cannot be told where a field lies")
    _drop_infinite(y)
    out = np.asarray(np.zeros(len(x)) if held_out is None else held_out)
    if out.shape != (len(x),) or not np.isin(out, (0, 1)).all():
        raise ValueError(f"held_out has shape {out.shape}: it must be (time,) = ({len(x)},), bool")
    if out.all():
        raise ValueError("held_out is true everywhere: no frame is left to fit")
    out, there = out.astype(bool), ~np.isnan(y).all(axis=1)
    fitted = there & ~out if (there & ~out).any() else ~out
    return Given(x, y, positions, hrf, fitted, there & out, _limits(positions, sizes))


def numbers(name: str, values: ArrayLike, axes: str, depth: int, missing: bool = False):
    """(...) float64 of so many axes, finite unless `missing` values are allowed."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}: it must be numbers, {axes}")
    if array.ndim != depth or not array.size:
        raise ValueError(f"{name} has shape {array.shape}: it must be {axes}")
    array = array.astype(np.float64)
    if not missing and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}{list(at)} is {array[at]}: {name} must be finite")
    return array


def _drop_infinite(y: np.ndarray) -> None:
    """Voxels (time, voxel) with infinite values have none at all from now on, in place."""
    bad = np.isinf(y)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        voxels = bad.any(axis=0)
        y[:, voxels] = np.nan
        warnings.warn(
            f"y{list(at)} is infinite; {voxels.sum()} of {y.shape[1]} voxels will end as bad_data. "
            "Set such samples to NaN to leave them out",
            stacklevel=4,
        )


def _limits(positions: np.ndarray, sizes: tuple[float, float] | None) -> tuple[float, float]:
    if sizes is None:
        some = positions[:: -(-len(positions) // _SOME)]
        square = np.square(some[:, None] - positions).sum(axis=2)
        nearest = np.sqrt(np.where(square > 0, square, np.inf).min(axis=1))
        return float(np.median(nearest)) / 2, float(np.ptp(positions, axis=0).max())
    least, most = (float(size) for size in sizes)
    if not 0 < least < most < np.inf:
        raise ValueError(f"sizes is {sizes}: it must be the least and the most, from above 0")
    return least, most


def convolved(x: np.ndarray, hrf: np.ndarray, trials: ArrayLike | None) -> np.ndarray:
    """(time, pixel) `x` convolved with `hrf`, within each trial."""
    begins, out = edges("receptive fields", trials, len(x)), np.empty((*x.shape, 1))
    convolve(x, hrf[:, None], 0, begins, out)
    return out[..., 0]


def centred(drive: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """(time, pixel) each pixel about its mean over what is fitted, all in one unit.

    Raises:
      ValueError: nothing changes, or all pixels together.
    """
    drive = drive - drive[fitted].mean(axis=0)
    largest = np.abs(drive).max()
    drive = np.where(np.abs(drive) > 1e-9 * largest, drive, 0) / (largest or 1)  # rounding
    seen = drive[fitted]
    if not seen.any():
        raise ValueError("x, seen through hrf, is the same in all frames that are fitted")
    one = seen[:, np.square(seen).sum(axis=0).argmax()]
    if np.abs(seen - np.outer(one, one @ seen / (one @ one))).max() < _ROUNDING:
        raise ValueError(
            "x, seen through hrf, has one course at all positions: it tells none apart"
        )
    return drive


def standardised(y: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """(time, voxel) each voxel's mean 0 and deviation 1 over the samples that it has among those
    fitted; 0 where it is constant. What is missing stays NaN."""
    there = ~np.isnan(y) & fitted[:, None]
    y, _ = in_units(y, there)
    count = np.maximum(there.sum(axis=0), 1)
    for _ in range(2):  # the second pass takes up what the first rounded off
        y = y - np.where(there, y, 0).sum(axis=0) / count
    low, high = (f(y, axis=0, where=there, initial=0) for f in (np.min, np.max))
    spread = np.sqrt(np.square(np.where(there, y, 0)).sum(axis=0) / count)
    varies = high - low > 1e-12
    return np.where(varies | np.isnan(y), y / np.where(varies, spread, 1), 0)


def in_units(y: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(time, voxel) `y` over its unit (voxel,), the largest magnitude; and that. Squares stay in
    range."""
    unit = np.max(np.abs(y), axis=0, where=there, initial=0)
    unit = np.where(unit > 0, unit, 1)
    return y / unit, unit


class Samples(NamedTuple):
    """What is fitted.

    Attributes:
      x, y: (sample, pixel), (sample, voxel) float32, of mean 0 over the samples of weight 1 that
        a voxel has; NaN in `y` is missing.
      weight: (sample,) 0 or 1.
      level: whether a field's response may have another mean over a voxel's samples.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    level: bool


def condensed(drive: np.ndarray, z: np.ndarray, fitted: np.ndarray) -> Samples:
    """Of `drive` (time, pixel) `centred` and `z` (time, voxel) `standardised`: the frames fitted in
    coordinates of their span; or all frames, where a voxel lacks some that others have."""
    gone = np.isnan(z[fitted]).all(axis=0)
    if np.isnan(z[fitted][:, ~gone]).any() or fitted.sum() > _MOST_FRAMES:
        return Samples(*(a.astype(np.float32) for a in (drive, z, fitted)), level=True)
    drive, z = drive[fitted], np.where(gone, np.nan, z[fitted])
    square, basis = np.linalg.eigh(drive @ drive.T)
    basis = basis[:, square > _ROUNDING**2 * square[-1]].T
    x, y = basis @ drive, basis @ z * np.sqrt(len(basis) / len(z))
    return Samples(*(a.astype(np.float32) for a in (x, y, np.ones(len(x)))), level=False)
