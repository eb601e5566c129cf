"""Nulls and resamples: permutations, shifts, bootstraps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro.axes.parts import as_given, check_samples, positive
from jaxneuro.inputs import make_key
from jaxneuro.sizes import grown
from jaxneuro.types import Array, Axis, Inputs


def permutations(size: int, seed: int = 0, groups=None, name: str = "permutation") -> Axis:
    """`y` in random order, for tests of significance; index 0 is the order as observed.

    All targets see the same orders, so that the maximum over targets is a valid null.

    Args:
      size: permutations beside the observed one.
      seed: of the orders.
      groups: (sample,) labels; samples change places within their group only (exchangeability
        blocks: runs, subjects). Samples never used (weight 0) stay where they are.

    >>> permutations(99).size  # the order as observed, then 99
    100
    """
    select = Partial(_permute, make_key(seed), _group_numbers(groups))
    return Axis(name, 1 + positive(name, size), select, tuple(range(1 + size)), pad=_pad_groups)


def shifts(size: int, least: int, seed: int = 0, name: str = "shift") -> Axis:
    """`y` rolled in time by at least `least` samples (of those used; half of them where that is
    less): a null that keeps autocorrelation. Index 0 is not shifted. Let `least` be about twice the
    time that responses remember, and far below half of the series: p-values of few distinct shifts
    are too small (T = 500, least = 200: .15 false ones at .05)."""
    if int(least) != least or least < 1:
        raise ValueError(f"axis {name!r}: least is {least}, must be a whole number from 1")
    select = Partial(_shift, make_key(seed), jnp.asarray(int(least)))
    return Axis(name, 1 + positive(name, size), select, tuple(range(1 + size)), pad=as_given)


def bootstraps(size: int, seed: int = 0, groups=None, name: str = "bootstrap") -> Axis:
    """Fitted samples drawn with replacement, as weights (Efron 1979).

    Args:
      size: resamples.
      seed: of the draws, the same for all targets.
      groups: (sample,) labels; whole groups (blocks, trials, subjects) are drawn. None: samples.
    """
    numbers = _group_numbers(groups)
    count = None if numbers is None else int(numbers.max()) + 1
    select = Partial(_Bootstrap(count), make_key(seed), numbers)
    return Axis(name, positive(name, size), select, tuple(range(size)), pad=_pad_groups)


def _pad_groups(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    function, (key, groups) = axis.select.func, axis.select.args  # pyright: ignore
    groups = None if groups is None else grown(groups, samples)
    return axis._replace(select=Partial(function, key, groups)), inputs


def _used(inputs: Inputs) -> Array:
    return (inputs.weight > 0) | (inputs.held_out > 0) | (inputs.validation > 0)


def _permute(key: Array, groups: Array | None, inputs: Inputs, index: Array) -> Inputs:
    if groups is not None:
        check_samples("groups are", len(groups), inputs)
    used, place = _used(inputs), jnp.arange(inputs.y.shape[0])
    drawn = _shuffled(jax.random.fold_in(key, index), len(place))
    if groups is None:  # the used ones among each other: each takes what is drawn in its turn
        turn = jnp.zeros_like(place).at[_turns(used[drawn])].set(drawn, unique_indices=True)
        source = turn[_turns(used)]
    else:
        group = jnp.where(used, groups + 1, 0)
        drawn = drawn[_stable_argsort(group[drawn])]  # by group, random within each
        order = jnp.argsort(group, stable=True)  # the same for all indices, so it is done once
        source = drawn[jnp.argsort(order)]
    return inputs._replace(y=inputs.y[jnp.where(used & (index > 0), source, place)])


def _turns(used: Array) -> Array:
    """Where each would stand if those not used came first: ten times as fast as to sort them."""
    before = jnp.cumsum(used.astype(jnp.int32))
    place = jnp.arange(len(used), dtype=jnp.int32)
    return jnp.where(used, len(used) - before[-1] + before - 1, place - before)


def _shuffled(key: Array, size: int) -> Array:
    """0 … size - 1 in random order: random bits and number packed into one word, since CPUs sort
    single words ten times as fast as pairs. Two numbers that draw the same bits change places by a
    coin; three do so less often than once in 6 · size orders, and stand as the round before left
    them."""
    width = (size - 1).bit_length()
    order = place = jnp.arange(size, dtype=jnp.uint32)
    for i in range(-(-2 * width // (32 - width))):
        draw, toss = jax.random.split(jax.random.fold_in(key, i))
        drawn = jnp.sort(jax.random.bits(draw, (size,)) << width | place)
        order = order[_untied(drawn, width, jax.random.bits(toss)) & (2**width - 1)]
    return order.astype(jnp.int32)


def _untied(drawn: Array, width: int, coins: Array) -> Array:
    """Sorted words, those pairs swapped by the bits of `coins` whose own random bits are equal."""
    bits = drawn >> width
    tied = jnp.append(bits[1:] == bits[:-1], False)
    coin = (coins >> (jnp.arange(len(drawn), dtype=jnp.uint32) % 32)) & 1 > 0
    swapped = tied & ~jnp.roll(tied, 1) & coin
    later = jnp.where(jnp.roll(swapped, 1), jnp.roll(drawn, 1), drawn)
    return jnp.where(swapped, jnp.roll(drawn, -1), later)


def _stable_argsort(numbers: Array) -> Array:
    """Of whole numbers up to how many they are, packed likewise where both fit a word."""
    width = (len(numbers) - 1).bit_length()
    if width + len(numbers).bit_length() > 32:
        return jnp.argsort(numbers, stable=True)
    packed = (numbers.astype(jnp.uint32) << width) | jnp.arange(len(numbers), dtype=jnp.uint32)
    return (jnp.sort(packed) & (2**width - 1)).astype(jnp.int32)


def _shift(key: Array, least: Array, inputs: Inputs, index: Array) -> Inputs:
    used, place = _used(inputs), jnp.arange(inputs.y.shape[0])
    count = used.sum()
    least = jnp.minimum(least, count // 2)  # further is nearer, the other way round
    room = jnp.maximum(count - 2 * least + 1, 1)
    offset = least + jax.random.randint(jax.random.fold_in(key, index), (), 0, room)
    offset = jnp.where(index > 0, offset, 0)
    members = jnp.argsort(~used, stable=True)  # used samples first, in order
    source = members[(jnp.cumsum(used) - 1 + offset) % jnp.maximum(count, 1)]
    return inputs._replace(y=inputs.y[jnp.where(used, source, place)])


class _Bootstrap(NamedTuple):
    groups: int | None

    def __call__(self, key: Array, groups: Array | None, inputs: Inputs, index: Array) -> Inputs:
        if groups is not None:
            check_samples("groups are", len(groups), inputs)
        samples = inputs.weight.shape[0]
        size = self.groups or samples
        member = jnp.arange(samples) if groups is None else groups
        present = jnp.zeros(size, bool).at[member].max(inputs.weight > 0)
        count = present.sum()
        draws = jax.random.uniform(jax.random.fold_in(key, index), (size,))
        drawn = jnp.argsort(~present, stable=True)[(draws * count).astype(jnp.int32)]
        times = jnp.zeros(size).at[drawn].add(jnp.arange(size) < count)
        return inputs._replace(weight=inputs.weight * times[member])


def _group_numbers(groups) -> Array | None:
    if groups is None:
        return None
    return jnp.asarray(np.unique(np.asarray(groups), return_inverse=True)[1], jnp.int32)
