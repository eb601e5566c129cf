"""Resamples as weights: how often a bootstrap draws each sample, group or block of time."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxneuro.axes.parts import check_samples
from jaxneuro.inputs import make_key
from jaxneuro.sizes import grown
from jaxneuro.types import Array, Axis, Inputs

_PARTS = 100  # at most, that a jackknife leaves out in turn


class Draws(NamedTuple):
    """One index for each change of the weights: 0 leaves them, then come resamples, then a
    jackknife over groups, or over contiguous parts where there are none or many.

    Attributes:
      resamples, parts: how many.
      weights: (weight (sample,), index) -> (sample,), a pytree.
    """

    resamples: int
    parts: int
    weights: Partial

    @property
    def size(self) -> int:
        return 1 + self.resamples + self.parts


class _Drawn(NamedTuple):
    """Arrays: how many resamples, a key, the length of blocks, the group of each sample, and the
    part that its jackknife leaves out together, each (sample,)."""

    resamples: Array
    key: Array
    length: Array
    group: Array | None
    part: Array


def make_draws(
    samples: int,
    resamples: int,
    groups: ArrayLike | None,
    length: float | None,
    jackknife: bool,
    seed: int,
) -> Draws:
    """Draws of whole groups, of circular blocks of `length` (Politis & Romano 1992), or of samples.

    Raises:
      ValueError: both or bad groups and length, or no resample.
    """
    if not isinstance(resamples, int | np.integer) or resamples < 1:
        raise ValueError(f"resamples is {resamples!r}: it must be a whole number from 1")
    if groups is not None and length is not None:
        raise ValueError("groups and length are both given: blocks are drawn of one of them")
    if length is not None and not 1 <= length <= samples:
        raise ValueError(f"length is {length!r}: it must be 1 to {samples} samples")
    number, count, part = None, None, np.arange(samples)
    if groups is not None:
        labels = np.asarray(groups)
        if labels.shape != (samples,):
            raise ValueError(
                f"groups has shape {labels.shape}: it must be (sample,) = ({samples},)"
            )
        number = np.unique(labels, return_inverse=True)[1]
        count, part = int(number.max()) + 1, number
    most = int(part.max()) + 1
    parts = min(most, _PARTS)
    own = _Drawn(
        resamples=jnp.asarray(int(resamples), jnp.int32),
        key=make_key(seed),
        length=jnp.asarray(round(length or 1), jnp.int32),
        group=None if number is None else jnp.asarray(number, jnp.int32),
        part=jnp.asarray(part * parts // most, jnp.int32),
    )
    weights = Partial(_Weights(count), own)
    return Draws(int(resamples), parts if jackknife else 0, weights)


def make_axis(draws: Draws, name: str) -> Axis:
    function, (own,) = draws.weights.func, draws.weights.args  # pyright: ignore
    return Axis(name, draws.size, Partial(_Select(function), own), pad=_pad)  # pyright: ignore


class _Weights(NamedTuple):
    groups: int | None

    def __call__(self, own: _Drawn, weight: Array, index: Array) -> Array:
        times = self.times(own, jax.random.fold_in(own.key, index), weight > 0)
        left = own.part != index - 1 - own.resamples
        times = jnp.where(index <= own.resamples, times, left)
        return jnp.where(index > 0, weight * times, weight)

    def times(self, own: _Drawn, key: Any, there: Array) -> Array:
        """(sample,) how often each is drawn, of those that are there."""
        if self.groups is None:
            return _of_members(own.length, key, there)
        assert own.group is not None
        present = jnp.zeros(self.groups, bool).at[own.group].max(there)
        return _of_members(jnp.asarray(1), key, present)[own.group]


class _Select(NamedTuple):
    weights: _Weights

    def __call__(self, own: _Drawn, inputs: Inputs, index: Array) -> Inputs:
        check_samples("groups are", len(own.part), inputs)
        return inputs._replace(weight=self.weights(own, inputs.weight, index))


def _pad(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    function, (own,) = axis.select.func, axis.select.args  # pyright: ignore
    group = None if own.group is None else grown(own.group, samples)
    own = own._replace(group=group, part=grown(own.part, samples))
    return axis._replace(select=Partial(function, own)), inputs


def _of_members(length: Array, key: Any, there: Array) -> Array:
    """Blocks of members that follow each other, those that are not there passed over, from the last
    on to the first: as many members as there are."""
    size, count = len(there), there.sum()
    place = jnp.arange(size)
    starts = (jax.random.uniform(key, (size,)) * count).astype(jnp.int32)
    at = (starts[place // length] + place % length) % jnp.maximum(count, 1)
    member = jnp.argsort(~there, stable=True)[at]
    return jnp.zeros(size).at[member].add(place < count)
