"""Visual neurons: Gabor receptive fields, exponential nonlinearity, Poisson counts."""

from typing import Literal, NamedTuple

import numpy as np

from jaxneuro.data.simulate.truth import BLOCK, correlation, deviance, positive


class V1Population(NamedTuple):
    """Visual neurons that see noise through Gabor receptive fields.

    Attributes:
      images: (sample, row, column) float32, each pixel of mean 0 and variance 1.
      counts: (sample, neuron) float32 spike counts.
      receptive_fields: (neuron, row, column) float32.
      offset: (neuron,) float32 log rate at drive 0.
      best_deviance: (neuron,) float32, mean Poisson deviance of these counts at the true rate; no
        model is better on new samples, in expectation.
      best_correlation: (neuron,) float32, correlation of these counts with the true rate; NaN for a
        neuron without spikes.
    """

    images: np.ndarray
    counts: np.ndarray
    receptive_fields: np.ndarray
    offset: np.ndarray
    best_deviance: np.ndarray
    best_correlation: np.ndarray


def v1_population(
    neurons: int,
    samples: int,
    pixels: tuple[int, int] = (12, 12),
    *,
    seed: int,
    rate: float = 0.5,
    gain: float = 1.0,
    images: Literal["white", "natural"] = "white",
) -> V1Population:
    """Linear-nonlinear-Poisson neurons with Gabor receptive fields.

        counts[t, n] ~ Poisson(exp(offset[n] + Σ_ij images[t, i, j] receptive_fields[n, i, j]))

    Receptive fields have random place, orientation, frequency, phase and size, and are scaled so
    that the drive, their product with an image, has standard deviation `gain`: with white images,
    a Euclidean norm of `gain`. With offset = log(rate) - gain²/2 the mean count is `rate`.

    Args:
      neurons: how many.
      samples: how many images.
      pixels: (rows, columns) of an image.
      seed: of all random numbers.
      rate: mean count of a sample.
      gain: standard deviation of the log rate.
      images: `"white"`: independent Gaussian pixels; `"natural"`: Gaussian with amplitude falling
        as 1/frequency, as in natural scenes (Field 1987, J Opt Soc Am A 4:2379-2394).

    Raises:
      ValueError: a size, `rate` or `gain` is not positive, or `images` is unknown.

    Model: Chichilnisky (2001) Network 12:199-213; Gabors: Jones & Palmer (1987) J Neurophysiol
    58:1233-1258.
    """
    positive(neurons=neurons, samples=samples, rate=rate, gain=gain, pixels=min(pixels))
    if images not in ("white", "natural"):
        raise ValueError(f"images must be 'white' or 'natural', not {images!r}.")
    shown = _images(np.random.default_rng([seed, 0]), samples, pixels, images == "natural")
    flat = shown.reshape(samples, -1)
    covariance = _natural_covariance(pixels) if images == "natural" else np.eye(flat.shape[1])
    fields = np.empty((neurons, flat.shape[1]), np.float32)
    counts = np.empty((samples, neurons), np.float32)
    best_deviance = np.empty(neurons, np.float32)
    best_correlation = np.empty(neurons, np.float32)
    offset = np.float32(np.log(rate) - gain**2 / 2)
    for block, start in enumerate(range(0, neurons, BLOCK)):
        rng = np.random.default_rng([seed, 1, block])
        here = slice(start, min(start + BLOCK, neurons))
        # Always a whole block: a receptive field does not depend on how many neurons there are.
        drawn = _gabors(rng, BLOCK, pixels)
        drawn *= gain / np.sqrt(((drawn @ covariance) * drawn).sum(axis=1, keepdims=True))
        fields[here] = drawn[: here.stop - start]
        true = np.exp(offset + flat @ fields[here].T)
        counts[:, here] = rng.poisson(true)
        best_deviance[here] = deviance(counts[:, here], true)
        best_correlation[here] = correlation(counts[:, here], true)
    return V1Population(
        images=shown,
        counts=counts,
        receptive_fields=fields.reshape(neurons, *pixels),
        offset=np.full(neurons, offset),
        best_deviance=best_deviance,
        best_correlation=best_correlation,
    )


def _images(
    rng: np.random.Generator, samples: int, pixels: tuple[int, int], natural: bool
) -> np.ndarray:
    """(sample, row, column) float32 Gaussian images of unit variance."""
    white = rng.standard_normal((samples, *pixels), dtype=np.float32)
    if not natural:
        return white
    spectrum = np.fft.rfft2(white) * _amplitude(pixels)[:, : pixels[1] // 2 + 1]
    return np.fft.irfft2(spectrum, s=pixels).astype(np.float32)


def _amplitude(pixels: tuple[int, int]) -> np.ndarray:
    """(row, column) amplitude 1/frequency, none at 0, scaled to unit variance of a pixel."""
    frequency = np.hypot(np.fft.fftfreq(pixels[0])[:, None], np.fft.fftfreq(pixels[1]))
    amplitude = np.divide(1, frequency, out=np.zeros_like(frequency), where=frequency > 0)
    return amplitude / np.sqrt(np.mean(amplitude**2) or 1.0)


def _natural_covariance(pixels: tuple[int, int]) -> np.ndarray:
    """(pixel, pixel) covariance of natural images: circular, the transform of the power."""
    kernel = np.fft.ifft2(_amplitude(pixels) ** 2).real
    row, column = (axis.reshape(-1) for axis in np.mgrid[: pixels[0], : pixels[1]])
    return kernel[row[:, None] - row, column[:, None] - column]


def _gabors(rng: np.random.Generator, count: int, pixels: tuple[int, int]) -> np.ndarray:
    """(neuron, pixel) Gabor functions within the frame, not scaled."""
    side = min(pixels)

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, count)[:, None, None]

    row = np.arange(pixels[0])[:, None] - draw(0.25, 0.75) * (pixels[0] - 1)
    column = np.arange(pixels[1]) - draw(0.25, 0.75) * (pixels[1] - 1)
    angle, phase, width = draw(0, np.pi), draw(0, 2 * np.pi), draw(0.1, 0.2) * side
    waves = draw(0.8, 1.6) / (4 * width)  # cycles a pixel: about one within ±2 widths
    along = row * np.cos(angle) + column * np.sin(angle)
    envelope = np.exp(-(row**2 + column**2) / (2 * width**2))
    return (envelope * np.cos(2 * np.pi * waves * along + phase)).reshape(count, -1)
