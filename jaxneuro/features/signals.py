"""Features of stimuli and signals, on the host. Shapes are (time, channel)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def lags(x: ArrayLike, count: int, first: int = 0) -> NDArray[np.float32]:
    """The last `count` values of each channel: (time, channel) -> (time, lag, channel).

    Lag k holds x[t - first - k]; zeros before the recording begins. A spike train's own past
    (history) is `lags(counts, n, first=1)`: `first=0` would hand the model its answer.

    Raises:
      ValueError: `count` or `first` out of range, or another number of dimensions.
    """
    x = np.asarray(x, np.float32)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2:
        raise ValueError(f"lags: x has shape {x.shape}; it must be (time,) or (time, channel)")
    if count < 1 or first < 0 or first + count > len(x):
        raise ValueError(f"lags: count {count} from {first} does not fit {len(x)} samples")
    padded = np.concatenate([np.zeros((first + count - 1, x.shape[1]), np.float32), x])
    windows = np.lib.stride_tricks.sliding_window_view(padded, count, axis=0)[: len(x)]
    return np.ascontiguousarray(windows[:, :, ::-1].transpose(0, 2, 1))


def with_squares(x: ArrayLike, fitted: ArrayLike | None = None) -> NDArray[np.float32]:
    """Features and their squares about the mean: (time, *feature) -> (time, 2·features).

    The mean is that of the samples `fitted` (time,) bool, so that held-out ones have no say; None:
    of all.
    """
    flat = np.asarray(x, np.float32).reshape(len(np.asarray(x)), -1)
    known = flat if fitted is None else flat[np.asarray(fitted, bool)]
    return np.concatenate([flat, np.square(flat - known.mean(axis=0))], axis=1)


def spike_counts(times: ArrayLike, dt: float, samples: int) -> NDArray[np.float32]:
    """Spikes in each bin: times (spike,) in seconds -> (time,) counts, bins of `dt` seconds from 0.

    Raises:
      ValueError: a spike lies outside the `samples` bins.
    """
    times = np.asarray(times, np.float64)
    bins = np.floor(times / dt).astype(int)
    outside = np.flatnonzero((bins < 0) | (bins >= samples))
    if outside.size:
        raise ValueError(
            f"spike_counts: spike {outside[0]} at {times[outside[0]]} s is outside 0 … "
            f"{samples * dt} s"
        )
    return np.bincount(bins, minlength=samples).astype(np.float32)


def bin_means(x: ArrayLike, size: int) -> NDArray[np.float32]:
    """Means of `size` successive samples: (time, *) -> (time // size, *)."""
    x = np.asarray(x, np.float64)
    whole = len(x) // size * size
    return x[:whole].reshape(-1, size, *x.shape[1:]).mean(axis=1).astype(np.float32)


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
