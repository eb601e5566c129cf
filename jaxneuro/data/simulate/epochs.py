"""Epochs of EEG: a pattern over the channels that tells the class from a known moment on."""

from math import erf
from typing import NamedTuple

import numpy as np

from jaxneuro.data.simulate.truth import positive


class EvokedEpochs(NamedTuple):
    """Epochs of two classes that differ from a known time on.

    Attributes:
      x: (trial, channel, time) float32.
      y: (trial,) int32 class, 0 or 1, as many of each or one more of 0.
      onset: the first sample at which the classes differ.
      pattern: (channel,) float32 the difference of the classes' means at its height.
      course: (time,) float32 its size over time: 0 before `onset`, 1 at its height.
      covariance: (channel, channel) float32 of the noise at one time.
      best_accuracy: (time,) float32 of the Bayes classifier of the channels at one time.
    """

    x: np.ndarray
    y: np.ndarray
    onset: int
    pattern: np.ndarray
    course: np.ndarray
    covariance: np.ndarray
    best_accuracy: np.ndarray


def evoked_epochs(
    trials: int = 400,
    channels: int = 64,
    times: int = 200,
    *,
    seed: int,
    onset: int | None = None,
    rise: int = 1,
    separation: float = 2.0,
    memory: float = 0.9,
) -> EvokedEpochs:
    """Two classes in noise that is alike over near times and mixed over channels.

        x[i, :, t] = ± ½ course[t] pattern + e[t],    e[t] = memory · e[t - 1] + √(1 - memory²) w,
        w ~ N(0, M Mᵀ / channels + I)

    The order of the trials is random.

    Args:
      trials, channels, times: how many.
      seed: of all random numbers.
      onset: first sample at which the classes differ; None: the middle. `times`: they never do.
      rise: samples until the difference has its height, in equal steps.
      separation: distance of the classes' means in deviations of the noise (d′), at its height, by
        the best mixture of the channels: 2 is a best accuracy of .84.
      memory: correlation of the noise with that of the sample before, from 0 to below 1.

    Raises:
      ValueError: names the argument.
    """
    positive(trials=trials, channels=channels, times=times, rise=rise, separation=separation)
    onset = times // 2 if onset is None else onset
    if not 0 <= onset <= times:
        raise ValueError(f"onset must be from 0 to times = {times}, not {onset!r}.")
    if not 0 <= memory < 1:
        raise ValueError(f"memory must be from 0 to below 1, not {memory!r}.")
    rng = np.random.default_rng([seed, 6])
    mixing = rng.normal(size=(channels, channels))
    covariance = mixing @ mixing.T / channels + np.eye(channels)
    pattern = rng.normal(size=channels)
    pattern *= separation / np.sqrt(pattern @ np.linalg.solve(covariance, pattern))
    course = np.clip((np.arange(times) - onset + 1) / rise, 0, 1)
    y = rng.permutation(np.arange(trials) % 2)
    noise = rng.standard_normal((times, trials, channels)) @ np.linalg.cholesky(covariance).T
    for t in range(1, times):
        noise[t] = memory * noise[t - 1] + np.sqrt(1 - memory**2) * noise[t]
    signal = (y - 0.5)[:, None, None] * pattern[:, None] * course
    best = [(1 + erf(separation * size / 2 / 2**0.5)) / 2 for size in course]
    return EvokedEpochs(
        x=(signal + noise.transpose(1, 2, 0)).astype(np.float32),
        y=y.astype(np.int32),
        onset=onset,
        pattern=pattern.astype(np.float32),
        course=course.astype(np.float32),
        covariance=covariance.astype(np.float32),
        best_accuracy=np.array(best, np.float32),
    )
