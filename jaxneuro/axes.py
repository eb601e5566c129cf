"""Axes: each a pure function from an index to a change of one fit's inputs.

Axes apply in the order given, so one that draws samples (`bootstraps`) comes after `folds`, and
one that moves `y` (`permutations`, `shifts`) comes before. Arrays go in as leaves of a `Partial`:
new values of the same shape never recompile.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro import splits
from jaxneuro.inputs import make_key
from jaxneuro.types import Array, Axis, Inputs


def targets(
    columns: int | Sequence[int], labels: Sequence | None = None, name: str = "target"
) -> Axis:
    """One fit for each column of `y` (sample, target): neurons, voxels, electrodes; `x` shared.

    Args:
      columns: how many columns `y` has: all are fitted; or a list of those to fit.
      labels: one for each fit.
    """
    if isinstance(columns, int | np.integer):
        size = _positive(name, columns)
        return Axis(name, size, Partial(_TakeTarget(size), None), _labels(name, size, labels))
    chosen = np.asarray(columns)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not chosen.size or chosen.min() < 0:
        raise ValueError(f"axis {name!r}: columns is {columns!r}, must be a whole number from 1 or "
                         "a list of columns of y")  # fmt: skip
    select = Partial(_TakeTarget(int(chosen.max()) + 1), jnp.asarray(chosen, jnp.int32))
    labels = tuple(int(i) for i in chosen) if labels is None else labels
    return Axis(name, len(chosen), select, _labels(name, len(chosen), labels))


def folds(
    train,
    test=None,
    labels: Sequence | None = None,
    name: str = "fold",
    *,
    samples: int | None = None,
    y=None,
    groups=None,
) -> Axis:
    """One fit for each split into fitted and scored samples.

    Args:
      train: (fold, sample) weights of what is fitted, or anything with fields `train`, `test`
        (and `names`), such as `jaxneuro.splits` gives; or, with `samples`, a scikit-learn splitter
        or a list of pairs (indices to fit, indices to score).
      test: (fold, sample) weights of what is scored.
      labels: names of the folds.
      samples: how many there are, for splitters and lists of indices.
      y, groups: (sample,) for splitters that ask for them.

    A sample whose weight is already 0 (held out for good, or padding) is neither fitted nor scored.

    Raises:
      ValueError: names the fold that has no train or no test sample, or samples in both.
    """
    if test is None and not hasattr(train, "train"):
        train = _splits(name, train, samples, y, groups)
    if test is None:
        labels = labels or getattr(train, "names", None) or None
        train, test = train.train, train.test
    train, test = np.asarray(train, np.float32), np.asarray(test, np.float32)
    if train.ndim != 2 or train.shape != test.shape:
        raise ValueError(
            f"{name}: train {train.shape} and test {test.shape} must be (fold, sample)"
        )
    for i, (fitted, scored) in enumerate(zip(train, test, strict=True)):
        for part, values in (("train", fitted), ("test", scored)):
            if not np.isfinite(values).all() or (values < 0).any():
                raise ValueError(f"{name} {i}: the {part} part has weights that are not 0 or more")
            if not (values > 0).any():
                raise ValueError(f"{name} {i}: the {part} part is empty")
        if ((fitted > 0) & (scored > 0)).any():
            raise ValueError(f"{name} {i}: samples are in both train and test")
    select = Partial(_take_fold, jnp.asarray(train), jnp.asarray(test))
    return Axis(name, len(train), select, _labels(name, len(train), labels))


def grid(**values: Sequence[float]) -> tuple[Axis, ...]:
    """An axis for each hyper-parameter: `grid(l2=[0.01, 0.1], learning_rate=[0.1, 1])`."""
    made = []
    for name, points in values.items():
        points = np.asarray(points)
        if points.dtype.kind not in "iuf" or points.ndim != 1 or not np.isfinite(points).all():
            raise ValueError(f"grid: {name} must be a list of finite numbers, not {values[name]!r}")
        points = points.astype(np.float32)
        select = Partial(_SetHyper(name), jnp.asarray(points))
        made.append(
            Axis(name, _positive(name, len(points)), select, tuple(float(v) for v in values[name]))
        )
    return tuple(made)


def seeds(size: int, name: str = "seed") -> Axis:
    """The same fit from other random numbers: every index has its own key already."""
    return Axis(name, _positive(name, size), unchanged, tuple(range(size)))


def subjects(size: int, labels: Sequence | None = None, name: str = "subject") -> Axis:
    """One fit for each subject or session of `stack_subjects`: an outer axis."""
    select = _TakeSubject(_positive(name, size))
    return Axis(name, size, select, _labels(name, size, labels), outer=True)


def permutations(size: int, seed: int = 0, groups=None, name: str = "permutation") -> Axis:
    """`y` in random order, for tests of significance; index 0 is the order as observed.

    All targets see the same orders, so that the maximum over targets is a valid null.

    Args:
      size: permutations beside the observed one.
      seed: of the orders.
      groups: (sample,) labels; samples change places within their group only (exchangeability
        blocks: runs, subjects). Samples never used (weight 0) stay where they are.
    """
    select = Partial(_permute, make_key(seed), _group_numbers(groups))
    return Axis(name, 1 + _positive(name, size), select, tuple(range(1 + size)))


def shifts(size: int, least: int, seed: int = 0, name: str = "shift") -> Axis:
    """`y` rolled in time by at least `least` samples (of those used; half of them where that is
    less): a null that keeps autocorrelation. Index 0 is not shifted."""
    if int(least) != least or least < 1:
        raise ValueError(f"axis {name!r}: least is {least}, must be a whole number from 1")
    select = Partial(_shift, make_key(seed), jnp.asarray(int(least)))
    return Axis(name, 1 + _positive(name, size), select, tuple(range(1 + size)))


def ablations(kept, labels: Sequence | None = None, name: str = "features") -> Axis:
    """One fit for each set of features, by a mask folded into the first layer: `x` stays shared.

    Args:
      kept: (set, feature) 1 = in, 0 = left out, over the flattened features.
      labels: names of the sets.
    """
    kept = np.asarray(kept, np.float32)
    if kept.ndim != 2 or not kept.any(axis=1).all():
        raise ValueError(f"{name}: kept must be (set, feature) with a feature in every set")
    select = Partial(_take_features, jnp.asarray(kept))
    return Axis(name, len(kept), select, _labels(name, len(kept), labels))


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
    return Axis(name, _positive(name, size), select, tuple(range(size)))


def _splits(name: str, folds: Any, samples: int | None, y, groups) -> splits.Splits:
    if not hasattr(folds, "split") and not isinstance(folds, Sequence):
        raise TypeError(f"{name}: {folds!r} is no folds: pass what jaxneuro.splits gives, "
                        "a scikit-learn splitter, or a list of pairs of indices")  # fmt: skip
    if samples is None:
        raise ValueError(f"{name}: folds of indices need samples=, how many samples there are")
    if hasattr(folds, "split"):
        return splits.from_splitter(folds, samples, y, groups)
    return splits.from_indices(folds, samples)


class _TakeTarget(NamedTuple):
    size: int

    def __call__(self, columns: Array | None, inputs: Inputs, index: Array) -> Inputs:
        shape, asked = inputs.y.shape, self.size
        if inputs.y.ndim < 2 or shape[1] < asked:  # an index too large would be clamped
            raise ValueError(f"{asked} targets, and y is {shape}: (sample, target)")
        if columns is None and shape[1] > asked:
            raise ValueError(
                f"{asked} targets, and y is {shape}: for some of its columns pass a list of them"
            )
        origin, place = inputs.y_origin, index if columns is None else columns[index]
        if origin is not None:
            origin = jax.tree.map(lambda a: a[place], origin)
        return inputs._replace(y=inputs.y[:, place], y_origin=origin)


def _take_fold(train: Array, test: Array, inputs: Inputs, index: Array) -> Inputs:
    _check_samples("the folds are", train.shape[1], inputs)
    there = inputs.weight > 0
    return inputs._replace(
        weight=inputs.weight * train[index], held_out=jnp.where(there, test[index], 0)
    )


class _SetHyper(NamedTuple):
    name: str

    def __call__(self, values: Array, inputs: Inputs, index: Array) -> Inputs:
        return inputs._replace(hyper={**inputs.hyper, self.name: values[index]})


def unchanged(inputs: Inputs, index: Any) -> Inputs:
    """The `select` of an axis that changes nothing but the key."""
    del index
    return inputs


class _TakeSubject(NamedTuple):
    size: int

    def __call__(self, inputs: Inputs, index: Any) -> Inputs:
        if inputs.weight.ndim < 2 or len(inputs.weight) < self.size:
            raise ValueError(
                f"{self.size} subjects, and weight is {inputs.weight.shape}: it takes "
                "(subject, sample), as from stack_subjects"
            )
        fields = ("x", "y", "weight", "held_out", "validation")
        return inputs._replace(**{name: getattr(inputs, name)[index] for name in fields})


def _used(inputs: Inputs) -> Array:
    return (inputs.weight > 0) | (inputs.held_out > 0) | (inputs.validation > 0)


def _permute(key: Array, groups: Array | None, inputs: Inputs, index: Array) -> Inputs:
    if groups is not None:
        _check_samples("groups are", len(groups), inputs)
    used, place = _used(inputs), jnp.arange(inputs.y.shape[0])
    group = jnp.where(used, 1 if groups is None else groups + 1, 0)
    drawn = _shuffled(jax.random.fold_in(key, index), len(place))
    most = 1 if groups is None else len(place)
    drawn = drawn[_stable_argsort(group[drawn], most)]  # group by group, random within each
    order = jnp.argsort(group, stable=True)  # the same for all indices, so it is done once
    source = drawn[jnp.argsort(order)]
    return inputs._replace(y=inputs.y[jnp.where(used & (index > 0), source, place)])


def _shuffled(key: Array, size: int) -> Array:
    """0 … size - 1 in random order: random bits and number packed into one word, since CPUs sort
    single words ten times as fast as pairs; as often as it takes for ties to be as rare as in
    `jax.random.permutation`."""
    width = (size - 1).bit_length()
    order = place = jnp.arange(size, dtype=jnp.uint32)
    for i in range(-(-3 * width // (32 - width))):
        drawn = jax.random.bits(jax.random.fold_in(key, i), (size,)) << width
        order = order[jnp.sort(drawn | place) & (2**width - 1)]
    return order.astype(jnp.int32)


def _stable_argsort(numbers: Array, most: int) -> Array:
    """Of whole numbers from 0 to `most`, packed likewise where number and place fit a word."""
    width = (len(numbers) - 1).bit_length()
    if width + most.bit_length() > 32:
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


def _take_features(kept: Array, inputs: Inputs, index: Array) -> Inputs:
    features = math.prod(inputs.x.shape[1:])
    if kept.shape[1] != features:
        raise ValueError(f"kept is for {kept.shape[1]} features, and x has {features}")
    return inputs._replace(features=kept[index])


class _Bootstrap(NamedTuple):
    groups: int | None

    def __call__(self, key: Array, groups: Array | None, inputs: Inputs, index: Array) -> Inputs:
        if groups is not None:
            _check_samples("groups are", len(groups), inputs)
        samples = inputs.weight.shape[0]
        size = self.groups or samples
        member = jnp.arange(samples) if groups is None else groups
        present = jnp.zeros(size, bool).at[member].max(inputs.weight > 0)
        count = present.sum()
        draws = jax.random.uniform(jax.random.fold_in(key, index), (size,))
        drawn = jnp.argsort(~present, stable=True)[(draws * count).astype(jnp.int32)]
        times = jnp.zeros(size).at[drawn].add(jnp.arange(size) < count)
        return inputs._replace(weight=inputs.weight * times[member])


def _positive(name: str, size: int) -> int:
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"axis {name!r}: size is {size}, must be a whole number from 1")
    return int(size)


def _labels(name: str, size: int, labels: Sequence | None) -> tuple | None:
    if labels is None:
        return None
    if len(labels) != size:
        raise ValueError(f"axis {name!r}: {len(labels)} labels for {size} indices")
    return tuple(labels)


def _check_samples(what: str, samples: int, inputs: Inputs) -> None:
    if samples != inputs.weight.shape[0]:
        raise ValueError(f"{what} for {samples} samples, and there are {inputs.weight.shape[0]}")


def _group_numbers(groups) -> Array | None:
    if groups is None:
        return None
    return jnp.asarray(np.unique(np.asarray(groups), return_inverse=True)[1], jnp.int32)
