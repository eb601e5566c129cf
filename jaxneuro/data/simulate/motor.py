"""Motor neurons: cosine tuning to a velocity that they lead, Poisson counts."""

from typing import NamedTuple

import numpy as np

from jaxneuro.data.simulate.truth import BLOCK, deviance, positive


class MotorPopulation(NamedTuple):
    """Motor neurons tuned to the velocity that a hand is about to have.

    Attributes:
      velocity: (sample, 2) float32, smooth, each component of mean 0 and variance 1.
      counts: (sample, unit) float32 spike counts.
      direction: (unit,) float32 preferred direction, radians.
      depth: (unit,) float32 gain on the velocity along it.
      lag: (unit,) int32 samples by which spikes lead the hand.
      offset: (unit,) float32 log of the expected count at velocity 0.
      best_deviance: (unit,) float32, as in `V1Population`.
    """

    velocity: np.ndarray
    counts: np.ndarray
    direction: np.ndarray
    depth: np.ndarray
    lag: np.ndarray
    offset: np.ndarray
    best_deviance: np.ndarray


def motor_population(
    units: int,
    samples: int,
    dt: float = 0.05,
    *,
    seed: int,
    rate: float = 10.0,
    smoothness: float = 0.2,
) -> MotorPopulation:
    """Cosine-tuned units that lead the hand.

        counts[t, u] ~ Poisson(exp(offset[u] + depth[u] e[u]·velocity[t + lag[u]]))

    with e = (cos, sin) of the preferred direction, so the log rate is speed times the cosine of the
    angle to it. Depths are uniform on (0.2, 0.8), lags on 0, ..., 200 ms. Each mean rate is
    uniform on (0.4, 1.6) times `rate`, as offset = log(mean rate · dt) - depth²/2.

    Args:
      units: how many.
      samples: length of the time series.
      dt: seconds between samples.
      seed: of all random numbers.
      rate: average of the units' mean rates, spikes/s.
      smoothness: standard deviation in seconds of the Gaussian that smooths the velocity.

    Raises:
      ValueError: an argument other than the seed is not positive.

    Model: Moran & Schwartz (1999) J Neurophysiol 82:2676-2692, with an exponential nonlinearity.
    """
    positive(units=units, samples=samples, dt=dt, rate=rate, smoothness=smoothness)
    rng = np.random.default_rng([seed, 2])
    longest = round(0.2 / dt)
    reach = int(np.ceil(4 * smoothness / dt))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * dt / smoothness) ** 2)
    kernel /= np.linalg.norm(kernel)  # unit variance out of unit variance in
    noise = rng.standard_normal((samples + longest + 2 * reach, 2))
    path = np.stack([np.convolve(column, kernel, mode="valid") for column in noise.T], axis=1)
    direction = rng.uniform(0, 2 * np.pi, units)
    depth = rng.uniform(0.2, 0.8, units)
    lag = rng.integers(0, longest + 1, units)
    offset = np.log(rate * dt * rng.uniform(0.4, 1.6, units)) - depth**2 / 2
    counts = np.empty((samples, units), np.float32)
    best_deviance = np.empty(units, np.float32)
    tuning = depth * np.stack([np.cos(direction), np.sin(direction)])  # (2, unit)
    for block, start in enumerate(range(0, units, BLOCK)):
        here = slice(start, min(start + BLOCK, units))
        drive = path @ tuning[:, here]
        ahead = np.arange(samples)[:, None] + lag[here]
        true = np.exp(offset[here] + np.take_along_axis(drive, ahead, axis=0))
        counts[:, here] = np.random.default_rng([seed, 3, block]).poisson(true)
        best_deviance[here] = deviance(counts[:, here], true)
    return MotorPopulation(
        velocity=path[:samples].astype(np.float32),
        counts=counts,
        direction=direction.astype(np.float32),
        depth=depth.astype(np.float32),
        lag=lag.astype(np.int32),
        offset=offset.astype(np.float32),
        best_deviance=best_deviance,
    )
