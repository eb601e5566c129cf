"""Quadrature pairs of Gabor filters as complex numbers, rows and columns apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.features.basis import Values

Complex = NDArray[np.complexfloating]


class Scale(NamedTuple):
    """The filters of one spatial frequency. They stand on a grid, and each is a column times a row.

    Attributes:
      size: standard deviation of their envelope, in pixels.
      x, y: (column,) and (row,) of the grid, in pixels.
      angles: (orientation,) radians.
      along_x, along_y: (orientation, column, x) and (orientation, row, y), envelope included.
      blank_x, blank_y: (column, x) and (row, y), the envelope alone, of sum 1.
    """

    size: float
    x: Values
    y: Values
    angles: Values
    along_x: Complex
    along_y: Complex
    blank_x: Values
    blank_y: Values


def make_scale(
    shape: tuple[int, int], wave: float, size: float, orientations: int, step: float
) -> Scale:
    """Filters of `wave` radians a pixel, `step` pixels apart."""
    angles = np.arange(orientations) * np.pi / orientations
    parts = []
    for side, turned in ((shape[1], np.cos(angles)), (shape[0], -np.sin(angles))):  # rows go down
        count = int((side - 1) / step) + 1
        centres = (side - 1) / 2 + (np.arange(count) - (count - 1) / 2) * step
        away = np.arange(side) - centres[:, None]
        blank = np.exp(-0.5 * np.square(away / size))
        blank /= blank.sum(axis=1, keepdims=True)
        parts.append((centres, blank * np.exp(1j * wave * turned[:, None, None] * away), blank))
    (x, along_x, blank_x), (y, along_y, blank_y) = parts
    return Scale(size, x, y, angles, along_x, along_y, blank_x, blank_y)


def spatial(scale: Scale, images: Values) -> Complex:
    """(frame, y, x) -> (orientation, frame, position): cosine and sine as real and imaginary part,
    less so much of the envelope that a uniform frame gives 0. Along x, then along y."""
    frames, height, width = images.shape
    kind = np.result_type(images.dtype, np.complex64)
    many, columns = scale.along_x.shape[:2]
    waves = scale.along_x.reshape(-1, width)
    kernels = np.concatenate([np.real(waves), np.imag(waves), scale.blank_x]).astype(images.dtype)
    found = (images.reshape(-1, width) @ kernels.T).reshape(frames, height, -1, columns)
    blank = scale.blank_y.astype(images.dtype) @ found[:, :, -1]
    out = np.empty((many, frames, len(scale.y) * columns), kind)
    for i, along in enumerate(scale.along_y):
        mean = np.outer(along.sum(axis=1), scale.along_x[i].sum(axis=1)).astype(kind)
        row = found[:, :, i] + np.asarray(1j, kind) * found[:, :, many + i]
        out[i] = (2 * (along.astype(kind) @ row - mean * blank)).reshape(frames, -1)
    return out


def temporal(lags: NDArray[np.intp], window: int, turns: float) -> Complex:
    """(new frame, frame) weights: Gaussian over the window, which is six deviations wide, of sum 1,
    and `turns` cycles a frame. Lags outside 0 … window - 1 weigh nothing."""
    each = np.arange(window)
    envelope = np.exp(-0.5 * np.square((each - (window - 1) / 2) * 6 / window))
    kernel = envelope / envelope.sum() * np.exp(2j * np.pi * turns * each)
    known = (lags >= 0) & (lags < window)
    return np.where(known, kernel[np.where(known, lags, 0)], 0)
