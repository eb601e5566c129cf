"""The programs behind the Kalman decoder, and what they are called with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro import compat
from jaxneuro.decoding.state_space import estimate, states
from jaxneuro.precision import in_full
from jaxneuro.sizes import grown
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Array


@dataclass(frozen=True)
class Filtering:
    """x (time, neuron), y (time, state), whose first `outputs` are decoded, and what the programs
    are called with."""

    x: NDArray[Any]
    y: NDArray[Any]
    outputs: int
    smooth: bool
    trial: NDArray[np.int32]
    starts: NDArray[np.bool_]

    def __call__(self, train: NDArray, lags: NDArray, noises: NDArray):
        """Of each row of `train` (row, time) with its lag (row,) a decoder (row, ...), and its
        traces (row, noise, time, state) with each of its noises (row, noise)."""
        size, there = len(self.trial), ~np.isnan(self.y).any(axis=1)
        weight = ((train > 0) & there).astype(np.float32)
        with compat.own_settings():
            space, traces = _fitted(
                grown(self.x, size, 0, zeros=True),
                grown(np.nan_to_num(self.y), size, 0, zeros=True),
                self.trial, self.starts, grown(weight, size, 1, zeros=True),
                lags.astype(np.int32), noises.astype(np.float32), smooth=self.smooth,
            )  # fmt: skip
        wide = jax.tree.map(lambda a: np.asarray(a, np.float64), space)
        return wide, np.asarray(traces)[:, :, : len(self.x)]

    def errors(self, inner: NestedSplits, noises: NDArray, lags: NDArray) -> NDArray:
        """(fold, noise, lag) mean squared errors on inner folds, in deviations of y."""
        own = slice(self.outputs)
        train, test = inner.train[:, :-1], inner.test[:, :-1]
        folds, count, samples = train.shape
        found = np.empty((folds, len(noises), len(lags), count))
        for place, lag in enumerate(lags):
            rows = train.reshape(-1, samples)
            every = np.tile(noises, (len(rows), 1))
            space, traces = self(rows, np.full(len(rows), lag), every)
            for row, tested in enumerate(test.reshape(-1, samples) > 0):
                unit = np.where(space.y_deviation[row] > 0, space.y_deviation[row], 1)[own]
                z = (self.y[tested, own] - space.y_mean[row, own]) / unit
                there = ~np.isnan(z)
                missed = np.square(np.where(there, traces[row][:, tested, own] - z, 0))
                total = missed.sum(axis=(1, 2)) / max(1, there.sum())
                found[row // count, :, place, row % count] = total
        return found.mean(axis=-1)


@partial(jax.jit, static_argnames="smooth")
def _fitted(x, y, trial, starts, weights, lags, noises, *, smooth: bool):
    """See `Filtering`."""

    @in_full
    def fit(row):
        weight, lag = row
        seen, there = observed_at(x, trial, lag)
        space = estimate(seen, y, weight * there, starts)
        return space, (seen - space.x_mean) @ space.gain.T, there

    def traces(space, told, there, noises):
        return jax.vmap(lambda noise: states(space, told, starts, there, noise, smooth))(noises)

    space, told, there = jax.lax.map(fit, (weights, lags))
    return space, jax.vmap(traces)(space, told, there, noises)


follow = jax.jit(states, static_argnames="smooth")


def observed_at(x: Any, trial: Any, lag: Any) -> tuple[Array, Array]:
    """x (time, ...) of `lag` samples before, and whether that lies in the same trial."""
    place = jnp.arange(len(trial)) - lag
    inside = jnp.clip(place, 0, len(trial) - 1)
    return x[inside], (place == inside) & (trial[inside] == trial) & (trial >= 0)
