"""Causal convolution of many signals with a few filters, by matrix products in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST = (
    2**22
)  # numbers in one array of a block: beyond it they leave the cache, and memory grows


def convolve(
    signal: NDArray[Any],
    kernel: NDArray[np.float64],
    first: int,
    begins: NDArray[np.intp],
    out: NDArray[Any],
) -> None:
    """out[t, c, f] = Σ_k kernel[k, f] · signal[t - first - k, c], over lags within t's trial.

    A product of zeros and later samples is exactly 0: unlike a Fourier transform, it lets nothing
    of the future through, not even as rounding.

    Args:
      signal: (time, channel); NaN and infinities make NaN of all that they reach.
      kernel: (lag, function).
      first: the shortest lag, 0 or more.
      begins: (time,) the first sample of the trial of each.
      out: (time, channel, function), written in place.
    """
    samples, channels = signal.shape
    if not samples:
        return
    if np.array_equal(kernel, np.eye(len(kernel))):
        return _shift(signal, first, begins, out)
    age = np.arange(samples) - begins
    kernel = kernel[: max(int(age.max()) - first + 1, 1)]  # no trial is longer
    matrix, inside = _toeplitz(kernel, _block(kernel, age))
    reach, block, functions = matrix.shape
    starts = np.flatnonzero(age % block == 0)  # a block lies within one trial
    stops = np.append(starts[1:], samples)
    sources = np.arange(reach) - first - len(kernel) + 1  # of the block that starts at 0
    at_once = max(_LARGEST // (channels * block * functions), 1)  # few large products, not many
    for blocks in np.split(np.arange(len(starts)), range(at_once, len(starts), at_once)):
        place = starts[blocks, None] + sources
        known = (place >= begins[starts[blocks], None]) & (place < samples)
        past = np.where(known[..., None], signal[np.where(known, place, 0)], 0.0)
        past = np.ascontiguousarray(past.transpose(0, 2, 1), np.float64).reshape(-1, reach)
        odd = ~np.isfinite(past)
        past[odd] = 0
        made = (past @ matrix.reshape(reach, -1)).reshape(-1, block, functions)
        if odd.any():
            made[odd.astype(float) @ inside > 0] = np.nan
        made = made.reshape(-1, channels, block, functions)
        for one, start, stop in zip(made, starts[blocks], stops[blocks], strict=True):
            out[start:stop] = one[:, : stop - start].transpose(1, 0, 2)


def _block(kernel: NDArray[np.float64], age: NDArray[np.intp]) -> int:
    """How many targets share a product: about the window, less where trials are shorter."""
    window, functions = kernel.shape
    typical = 2 * int(age.mean()) + 1  # half a trial's length is its samples' mean age
    block = int(np.clip(min(window, typical), 8, 256))
    while block > 8 and block * (block + window) * functions > _LARGEST:
        block //= 2
    return block


def _toeplitz(
    kernel: NDArray[np.float64], block: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(source, target, function) of a block, and (source, target) 1 where a lag is in the window:
    its sources begin a window before the first target."""
    window = len(kernel)
    lag = np.arange(block) + window - 1 - np.arange(block + window - 1)[:, None]  # less `first`
    inside = (lag >= 0) & (lag < window)
    matrix = np.where(inside[..., None], kernel[np.clip(lag, 0, window - 1)], 0)
    return matrix, inside.astype(np.float64)


def _shift(signal: NDArray[Any], first: int, begins: NDArray[np.intp], out: NDArray[Any]) -> None:
    """Where the filters are single lags: out[t, c, k] = signal[t - first - k, c]."""
    age = np.arange(len(signal)) - begins
    for k in range(out.shape[2]):
        lag = min(first + k, len(signal))
        out[:lag, :, k] = 0
        out[lag:, :, k] = signal[: len(signal) - lag]
        out[age < lag, :, k] = 0
