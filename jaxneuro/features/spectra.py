"""Spectra: the power of signals in frequency bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def band_power(
    x: ArrayLike, rate: float, bands: dict[str, tuple[float, float]], window: int, step: int
) -> NDArray[np.float32]:
    """Logarithm of the mean power in frequency bands over the past `window` samples.

    Args:
      x: (time, channel) signal.
      rate: samples a second, Hz.
      bands: (low, high) Hz by name.
      window: samples of each Hann-windowed Fourier transform; it ends where its bin ends, so no
        feature looks ahead.
      step: samples between windows: the width of a bin.

    Returns:
      (time // step, band, channel); a window that begins before the recording is filled with zeros.

    Raises:
      ValueError: a band that holds no frequency of the transform.
    """
    x = np.asarray(x, np.float64)
    frequencies = np.fft.rfftfreq(window, 1 / rate)
    masks = []
    for name, (low, high) in bands.items():
        masks.append((frequencies >= low) & (frequencies < high))
        if not masks[-1].any():
            raise ValueError(f"band_power: no frequency of the transform lies in {name}")
    count, taper = len(x) // step, np.hanning(window)[:, None]
    out = np.empty((count, len(masks), x.shape[1]), np.float32)
    for i in range(count):
        past = x[max((i + 1) * step - window, 0) : (i + 1) * step]
        segment = np.zeros((window, x.shape[1]))
        segment[window - len(past) :] = past - past.mean(axis=0)  # the whole mean would look ahead
        power = np.square(np.abs(np.fft.rfft(segment * taper, axis=0)))
        out[i] = [np.log(power[mask].mean(axis=0) + 1e-12) for mask in masks]
    return out
