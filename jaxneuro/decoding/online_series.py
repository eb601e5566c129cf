"""Online, filters: the state is what is believed, and the bins that a lag keeps back."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.decoding.kalman import Kalman
from jaxneuro.decoding.naive_bayes import NaiveBayes
from jaxneuro.decoding.online_windows import ROWS
from jaxneuro.decoding.place import Places, after, seen, steps
from jaxneuro.decoding.state_space import Belief, StateSpace, step
from jaxneuro.decoding.units import Units, units_of
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Closed


class _Tracked(NamedTuple):
    """Before a bin.

    Attributes:
      believed: of each fold, after the bin before.
      past: (bin, neuron) the last bins, the newest first.
      seen: () how many bins there were.
    """

    believed: Belief
    past: Array
    seen: Array


def of_kalman(found: Kalman) -> dict[str, Any]:
    """What `Stream` takes; see `stream`.

    Raises:
      ValueError: it smooths, or its lag looks ahead.
    """
    if found.smooth:
        raise ValueError("stream: a smoother waits for the whole trial; fit with smooth=False")
    if (found.lag < 0).any():
        raise ValueError(f"stream: lag {found.lag.min()} looks at bins that are still to come")
    space, longest = found.space, int(found.lag.max())
    states, neurons = space.gain.shape[1:]
    centre = np.mean(space.x_mean, axis=0)
    loudest = np.abs(space.gain).max(axis=(0, 1))  # numbers near 1, whatever the recording's unit
    unit = 1 / np.where(loudest > 0, loudest, 1)
    y_mean, y_unit = np.mean(space.y_mean, axis=0), np.mean(space.y_deviation, axis=0)
    y_unit = np.where(y_unit > 0, y_unit, 1)
    own = space._replace(
        noise=space.noise * found.noise[:, None, None],
        gain=space.gain * unit,
        x_mean=(space.x_mean - centre) / unit,
        y_mean=(space.y_mean - y_mean) / y_unit,
        y_deviation=space.y_deviation / y_unit,
    )
    folds = len(found.folds)
    return {
        "program": Closed(_kalman),
        "weights": (jax.tree.map(np.float32, own), found.lag.astype(np.int32)),
        "start": _Tracked(
            Belief(jnp.zeros((folds, states), jnp.float32), jnp.asarray(space.prior, jnp.float32)),
            jnp.zeros((longest + 1, neurons), jnp.float32),
            jnp.zeros((), jnp.int32),
        ),
        "shape": (neurons,),
        "x_units": Units(centre, unit),
        "y_units": Units(y_mean, y_unit),
    }


@in_full
def _kalman(weights: tuple[StateSpace, Array], state: _Tracked, bin: Array) -> tuple[Array, Any]:
    past = jnp.concatenate([bin[None], state.past[:-1]])

    def fold(space: StateSpace, lag: Array, believed: Belief) -> tuple[Belief, Array]:
        x = past[lag]
        there = (state.seen >= lag) & jnp.isfinite(x).all()
        told = space.gain @ (x - space.x_mean)
        known = step(space, believed, told, state.seen == 0, there)[1]
        return known, known.mean[: len(space.y_mean)] * space.y_deviation + space.y_mean

    known, found = jax.vmap(fold)(*weights, state.believed)
    seen = jnp.minimum(state.seen + 1, 2**30)  # never back at the start
    return found.mean(axis=0), _Tracked(known, past, seen)


class _Located(NamedTuple):
    """Before a bin.

    Attributes:
      known: (fold, place) after the bin before.
      first: () whether there was none.
    """

    known: Array
    first: Array


def of_naive_bayes(found: NaiveBayes) -> dict[str, Any]:
    """What `Stream` takes; see `stream`.

    Raises:
      ValueError: it smooths.
    """
    if found.smooth:
        raise ValueError("stream: a smoother waits for the whole trial; fit with smooth=False")
    places = jax.tree.map(np.float32, found.places)
    known = jnp.full(places.centres.shape[:2], 1 / places.centres.shape[1], jnp.float32)
    return {
        "program": Closed(_naive_bayes, (found.noise == "poisson",)),
        "weights": (places, found.movement.astype(np.float32)),
        "start": _Located(known, jnp.asarray(True)),
        "shape": places.rate.shape[2:],
        "x_units": units_of(found.x_origin),
        "y_units": units_of(found.y_origin),
    }


@in_full
def _naive_bayes(poisson: bool, weights: tuple[Places, Array], state: _Located, bin: Array):
    def fold(places: Places, move: Array, known: Array) -> tuple[Array, Array]:
        there = jnp.isfinite(bin).all()
        rows = jnp.zeros((ROWS, len(bin)), bin.dtype).at[0].set(jnp.where(there, bin, 0))
        told = seen(places, jax.lax.optimization_barrier(rows), poisson)[0]
        told = jnp.where(there, told, 1)
        known = after(steps(places, move), known, told, state.first, places.centres.shape[1])
        return known, known @ places.centres

    known, found = jax.vmap(fold)(*weights, state.known)
    return found.mean(axis=0), _Located(known, jnp.asarray(False))
