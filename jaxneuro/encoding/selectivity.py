"""Direction and orientation selectivity: indices, preferred angles, and how sure they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.encoding.tuning import checked, means
from jaxneuro.statistics.arrays import Floats
from jaxneuro.statistics.bootstrap import bootstrap
from jaxneuro.statistics.significance import fdr, p_values
from jaxneuro.types import Array

_INDICES = ("direction_index", "orientation_index", "direction_vector", "orientation_vector")
_EVEN = 1e-3  # of a step, by which directions may be off an even circle


class Index(NamedTuple):
    """A measure of selectivity, each (neuron,); NaN where it is undefined.

    Attributes:
      value: 0 = not selective, 1 = responds to one direction or orientation alone.
      low, high: ends of its interval.
      chance: its mean when the trials' directions are permuted: what noise alone makes of it.
      p, q: how often chance does as well, and over neurons its false discovery rate.
    """

    value: Floats
    low: Floats
    high: Floats
    chance: Floats
    p: Floats
    q: Floats


class Angle(NamedTuple):
    """A preferred angle in degrees, each (neuron,).

    Attributes:
      value: from 0 up to 360 of a direction, 180 of an orientation.
      low, high: ends of its interval around `value`: below 0 or above the circle where it reaches
        over its end. Where selectivity is not significant, it says nothing.
    """

    value: Floats
    low: Floats
    high: Floats


class Selectivity(NamedTuple):
    """What `selectivity` finds of each neuron.

    Attributes:
      directions: (direction,) in degrees, rising.
      mean: (direction, neuron) mean response over trials.
      preferred_direction, preferred_orientation: the angles of the vectors below.
      direction_index, orientation_index: the classical ones, DSI and OSI.
      direction_vector, orientation_vector: L_dir and L_ori = 1 - circular variance.
    """

    directions: Floats
    mean: Floats
    preferred_direction: Angle
    preferred_orientation: Angle
    direction_index: Index
    orientation_index: Index
    direction_vector: Index
    orientation_vector: Index


def selectivity(
    direction: ArrayLike,
    y: ArrayLike,
    *,
    trials: ArrayLike | None = None,
    resamples: int = 1000,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Selectivity:
    """How selective neurons are for the direction of motion, and for its orientation.

    With R_k the mean response to direction θ_k (a mean below 0 counts as 0), "pref" the direction
    of the largest and "null" its opposite:

        DSI = (R_pref - R_null) / (R_pref + R_null)
        OSI = (R_pref + R_null - R_orth) / (R_pref + R_null + R_orth), R_orth = R_pref±90 summed
        L_dir = |Σ R_k exp(iθ_k)| / Σ R_k      L_ori = |Σ R_k exp(2iθ_k)| / Σ R_k

    L_ori is 1 - circular variance (Ringach, Shapley & Hawken 2002, J. Neurosci. 22:5639), L_dir its
    like (Mazurek, Kager & Van Hooser 2014, Front. Neural Circuits 8:92). Preferred angles are those
    of these sums: θ of the direction of motion, so the bars of a grating lie at right angles.

    **All four are biased upward, the more so the fewer the trials**: they are lengths, and noise
    has one too. DSI and OSI, which look for the largest response first, are the worse, and Mazurek
    and colleagues find them poorly suited for comparisons. `chance` says what noise alone makes of
    the same trials, `p` how often it makes as much; intervals are BCa bootstraps (Efron 1987),
    which correct a part of the bias but not all of it. Indices of neurons with other responses or
    numbers of trials are compared safely only far above `chance`.

    Args:
      direction: (sample,) in degrees, evenly spaced around the circle; NaN: a blank, left out.
        Orientations from 0 to 180 alone have no direction: double them, and of the result take
        what is said of direction (`direction_vector` is then 1 - circular variance).
      y: (sample, neuron) response, such as counts or mean ΔF/F of a trial; NaN = missing.
      trials: (sample,) labels: a trial's samples are averaged first. None: each is a trial.
      resamples: of whole trials, for intervals.
      permutations: of the trials' directions, for p and `chance`.
      level: of the intervals.
      seed: of the draws.

    Returns:
      NaN for neurons of no response, DSI of an odd number of directions, OSI of one that is no
      multiple of four.

    Raises:
      ValueError: a field of another shape or kind, by name; directions that are not even; a trial
        of several directions.
    """
    direction, y = checked(direction, y, "direction")
    direction, y = _by_trial(direction, y, trials)
    known = ~np.isnan(direction)
    directions, place = _even(direction[known])
    y, there = np.where(np.isnan(y), 0, y)[known], ~np.isnan(y)[known]
    member = place[:, None] == np.arange(len(directions))
    orders = _orders(len(y), permutations, seed)
    mean = means(member, y, there, np.ones(len(y)), np)
    turn = np.stack([np.angle(vector) for vector in _vectors(mean, np)])
    # Resamples of an angle are taken about the angle itself: it is one and the same row for all.
    turned = np.broadcast_to(turn, (len(y), *turn.shape))
    found = bootstrap(
        _statistics, member, y, there, turned, resamples=resamples, level=level, seed=seed
    )
    with compat.own_settings():
        given = (jnp.asarray(a, jnp.float32) for a in (member, y, there))
        null = np.asarray(_null(jnp.asarray(orders), *given), float)
    made = {}
    for i, name in enumerate(_INDICES):
        value = np.asarray(found.estimate[0][i], float)
        p = p_values(value, null[:, i])
        ends = found.low[0][i], found.high[0][i]
        made[name] = Index(value, *ends, _mean(null[:, i]), p, fdr(p))
    for i, name in enumerate(("preferred_direction", "preferred_orientation")):
        value = (directions[0] + np.degrees(turn[i]) / (i + 1)) % (360 / (i + 1))
        apart = (np.degrees(end[1][i]) / (i + 1) for end in (found.low, found.high))
        made[name] = Angle(value, *(value + by for by in apart))
    return Selectivity(directions, mean, **made)


def _mean(null: Floats) -> Floats:
    """(neuron,) over permutations, those left out in which a direction has no response."""
    known = ~np.isnan(null)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, null, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _statistics(member: Array, y: Array, there: Array, turned: Array, weight: Array) -> Any:
    """The indices (4, neuron), and the angles (2, neuron) from those of the data, in radians."""
    mean = means(member, y, there, weight)
    vectors = jnp.stack(_vectors(mean))
    return _indices(mean), jnp.angle(vectors * jnp.exp(-1j * turned[0]))


@jax.jit
def _null(orders: Array, member: Array, y: Array, there: Array) -> Array:
    """(null, 4, neuron) indices of directions in each of the orders (null, sample)."""
    weight = jnp.ones(len(y), jnp.float32)
    return jax.lax.map(lambda order: _indices(means(member[order], y, there, weight)), orders)


def _indices(mean: Array) -> Array:
    """(4, neuron), in the order of `_INDICES`, of mean responses (direction, neuron)."""
    count, response = len(mean), jnp.maximum(mean, 0)
    best = response.argmax(axis=0)
    unknown = jnp.full(mean.shape[1:], jnp.nan)

    def at(turn: int) -> Array:
        return jnp.take_along_axis(response, (best + turn)[None] % count, axis=0)[0]

    direction = orientation = unknown
    if count % 2 == 0:
        direction = _contrast(at(0), at(count // 2))
    if count % 4 == 0:
        quarter = count // 4
        orientation = _contrast(at(0) + at(2 * quarter), at(quarter) + at(3 * quarter))
    lengths = (jnp.abs(vector) for vector in _vectors(mean))
    found = jnp.stack([direction, orientation, *lengths])
    return jnp.where(jnp.isnan(mean).any(axis=0), jnp.nan, found)


def _contrast(a: Array, b: Array) -> Array:
    total = a + b
    return jnp.where(total > 0, (a - b) / jnp.where(total > 0, total, 1), jnp.nan)


def _vectors(mean: Any, xp: Any = jnp) -> tuple[Any, Any]:
    """Of direction and of orientation, (neuron,) complex each; angles are from the first one."""
    response, angle = xp.maximum(mean, 0), 2 * np.pi * np.arange(len(mean)) / len(mean)
    total = response.sum(axis=0)
    share = xp.where(total > 0, response / xp.where(total > 0, total, 1), xp.nan)
    parts = ((np.cos(n * angle), np.sin(n * angle)) for n in (1, 2))
    return tuple(cosine @ share + 1j * (sine @ share) for cosine, sine in parts)


def _even(direction: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The directions (direction,), rising, and the place of each sample among them."""
    directions, place = np.unique(np.round(direction % 360, 6) % 360, return_inverse=True)
    step = 360 / len(directions)
    if len(directions) < 4 or np.abs(np.diff(directions) - step).max() > _EVEN * step:
        told = ", ".join(f"{d:g}" for d in directions[:12])
        raise ValueError(
            f"direction has the values {told}: they must be four or more, evenly spaced around "
            "360 degrees; of orientations from 0 to 180 pass the double"
        )
    return directions, place


def _by_trial(direction: Floats, y: Floats, trials: ArrayLike | None) -> tuple[Floats, Floats]:
    """The direction (trial,) and the mean response (trial, neuron)."""
    if trials is None:
        return direction, y
    labels = np.asarray(trials)
    if labels.shape != direction.shape:
        raise ValueError(f"trials has shape {labels.shape}: it must be (sample,) = ({len(y)},)")
    names, first, place = np.unique(labels, return_index=True, return_inverse=True)
    apart = ~np.isclose(direction, direction[first][place], equal_nan=True)
    if apart.any():
        raise ValueError(f"trials: {labels[apart][0]!r} has several directions")
    there, total, count = ~np.isnan(y), *np.zeros((2, len(names), y.shape[1]))
    np.add.at(total, place, np.where(there, y, 0))
    np.add.at(count, place, there)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return direction[first], mean


def _orders(count: int, permutations: int, seed: int) -> NDArray[np.int32]:
    if not isinstance(permutations, int | np.integer) or permutations < 1:
        raise ValueError(f"permutations is {permutations!r}: it must be a whole number from 1")
    random = np.random.default_rng(seed)
    return random.permuted(np.tile(np.arange(count, dtype=np.int32), (permutations, 1)), axis=1)
