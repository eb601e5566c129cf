"""Cortical areas: noisy patches whose texture tells the area."""

from typing import NamedTuple

import numpy as np

from jaxneuro.data.simulate.truth import positive

_PHASES = 16


class CorticalPatches(NamedTuple):
    """Patches of maps whose texture tells the area.

    Attributes:
      x: (patch, row, column, channel) float32.
      y: (patch,) int32 area.
      textures: (area, phase, row, column, channel) float32: the means that `x` scatters around.
      best_accuracy: accuracy of the Bayes classifier on these patches.
    """

    x: np.ndarray
    y: np.ndarray
    textures: np.ndarray
    best_accuracy: float


def cortical_patches(
    patches: int,
    size: int = 9,
    channels: int = 3,
    classes: int = 4,
    *,
    seed: int,
    noise: float = 3.0,
) -> CorticalPatches:
    """Noisy patches of which each area has its own grating in every channel.

        x[i, r, c, k] = cos(f · (r cos θ + c sin θ) + ψ[k] + φ[i]) + noise · ε,   (f, θ, ψ) of y[i]

    The phase φ of a patch is one of 16 at random, so no single pixel, and no linear filter, tells
    the area: a model must combine filters nonlinearly. The Bayes classifier averages the likelihood
    over the phases, exactly.

    Args:
      patches: how many.
      size: rows and columns of a patch.
      channels: maps.
      classes: areas.
      seed: of all random numbers.
      noise: standard deviation of ε's factor.

    Raises:
      ValueError: an argument other than the seed is not positive.
    """
    positive(patches=patches, size=size, channels=channels, classes=classes, noise=noise)
    rng = np.random.default_rng([seed, 4])
    # Orientations are spread evenly: areas that differ by chance alone could be indistinguishable.
    angle = np.pi * (np.arange(classes) + rng.uniform()) / classes
    frequency = rng.uniform(np.pi / 4, np.pi / 2, classes)  # a period of 4 to 8 pixels
    shift = rng.uniform(0, 2 * np.pi, (classes, channels))
    row, column = np.mgrid[:size, :size]
    along = np.cos(angle)[:, None, None] * row + np.sin(angle)[:, None, None] * column
    phase = 2 * np.pi * np.arange(_PHASES) / _PHASES
    textures = np.cos(
        (frequency[:, None, None] * along)[:, None, :, :, None]
        + shift[:, None, None, None, :]
        + phase[None, :, None, None, None]
    ).astype(np.float32)
    y = rng.integers(0, classes, patches)
    x = textures[y, rng.integers(0, _PHASES, patches)]
    x = x + np.float32(noise) * rng.standard_normal(x.shape, np.float32)
    # log p(x | area) = log mean_φ exp((x·m - |m|²/2) / noise²) + what no area changes
    means = textures.reshape(classes * _PHASES, -1)
    match = (x.reshape(patches, -1) @ means.T - 0.5 * (means**2).sum(axis=1)) / noise**2
    evidence = np.logaddexp.reduce(match.reshape(patches, classes, _PHASES), axis=2)
    return CorticalPatches(
        x=x,
        y=y.astype(np.int32),
        textures=textures,
        best_accuracy=float(np.mean(evidence.argmax(axis=1) == y)),
    )
