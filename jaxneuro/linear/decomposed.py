"""What all targets that have the same samples share: the decomposition of their features."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxneuro.compat import Once
from jaxneuro.engine.recent import Recent
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_HELD = 2**28  # bytes of decompositions that wait for the next block of targets


class Part(NamedTuple):
    """Some of the samples: their places and weights (n,)."""

    places: Any
    weight: Any


def parts_of(masks: np.ndarray, seen: np.ndarray, dtype: Any) -> list[Part]:
    """Each mask's samples, as many for all (the rest of weight 0): one program serves them."""
    most = int(masks.sum(axis=1).max())
    parts = []
    for mask in masks:
        places = np.flatnonzero(mask)
        weight = np.pad(seen[places], (0, most - len(places))).astype(dtype)
        parts.append(Part(np.resize(places, most), weight))
    return parts


class Decomposed(NamedTuple):
    """The fitted part. With y centred on `share @ y`, kernel = back · (onto @ y) / (values + l2).

    Attributes:
      share: (n,) each sample's part of the weight.
      mean: (feature,) of x.
      values, back, onto: (rank,), (feature, rank), (rank, n).
    """

    share: Array
    mean: Array
    values: Array
    back: Array
    onto: Array


class Ahead(NamedTuple):
    """The same for one fold, as far as scoring it takes; predictions = `ahead` · (onto @ y) /
    (values + l2), relative to `share @ y`.

    Attributes:
      share, values, onto: as above.
      ahead: (m, rank) of the scored samples.
    """

    share: Array
    values: Array
    onto: Array
    ahead: Array


@in_full
def _decomposed(x: Array, part: Part) -> Decomposed:
    x, share = x[part.places], part.weight / part.weight.sum()
    mean, root = share @ x, jnp.sqrt(share)
    centred = (x - mean) * root[:, None]
    if x.shape[1] <= x.shape[0]:
        values, back = jnp.linalg.eigh(centred.T @ centred)
        onto = back.T @ centred.T
    else:
        values, vectors = jnp.linalg.eigh(centred @ centred.T)
        back, onto = centred.T @ vectors, vectors.T
    return Decomposed(share, mean, jnp.maximum(values, 0), back, onto * root)


@Once
def decompose(x: Array, part: Part) -> Decomposed:
    """Of these samples of x (sample, feature)."""
    return _decomposed(x, part)


@Once
@in_full
def look_ahead(x: Array, fitted: Part, scored: Part) -> Ahead:
    """From what is fitted to what is scored of x (sample, feature)."""
    found = _decomposed(x, fitted)
    ahead = (x[scored.places] - found.mean) @ found.back
    return Ahead(found.share, found.values, found.onto, ahead)


class Kept:
    """Decompositions that the next block of targets will ask for again, as far as they fit."""

    def __init__(self, bytes_each: int):
        self._made = Recent(_HELD // bytes_each)

    def __call__(self, key: Any, make: Callable[[], Any]) -> Any:
        if key in self._made:
            return self._made[key]
        made = self._made[key] = make()
        return made
