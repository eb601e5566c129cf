"""What differs from fit to fit: the target, hyper-parameters, features, seeds, subjects."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro.axes.parts import as_given, labelled, positive, unchanged
from jaxneuro.several import single, taken
from jaxneuro.sizes import grown
from jaxneuro.types import Array, Axis, Inputs


def targets(
    columns: int | Sequence[int],
    labels: Sequence | None = None,
    name: str = "target",
    *,
    features=None,
) -> Axis:
    """One fit for each column of `y` (sample, target): neurons, voxels, electrodes; `x` shared.

    Args:
      columns: how many columns `y` has: all are fitted; or a list of those to fit.
      labels: one for each fit.
      features: (fit, feature) 1 = in, 0 = left out, over the flattened features: each target's own,
        as `features.couplings` gives them. Folded into the first layer, so that `x` stays shared;
        an axis of `ablations` leaves out more.

    >>> targets(3).size, targets([0, 2]).labels
    (3, (0, 2))
    """
    if isinstance(columns, int | np.integer):
        size = positive(name, columns)
        kept = None if features is None else _kept(name, features, size)
        select, labels = Partial(_TakeTarget(size), None, kept), labelled(name, size, labels)
        return Axis(name, size, select, labels, pad=_pad_targets)
    chosen = np.asarray(columns)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not chosen.size or chosen.min() < 0:
        raise ValueError(f"axis {name!r}: columns is {columns!r}, must be a whole number from 1 or "
                         "a list of columns of y")  # fmt: skip
    kept = None if features is None else _kept(name, features, len(chosen))
    select = Partial(_TakeTarget(int(chosen.max()) + 1), jnp.asarray(chosen, jnp.int32), kept)
    labels = tuple(int(i) for i in chosen) if labels is None else labels
    return Axis(name, len(chosen), select, labelled(name, len(chosen), labels), pad=_pad_targets)


def grid(**values: Sequence[float]) -> tuple[Axis, ...]:
    """An axis for each hyper-parameter: `grid(l2=[0.01, 0.1], learning_rate=[0.1, 1])`.

    >>> [(axis.name, axis.labels) for axis in grid(l2=[0.01, 0.1], learning_rate=[1])]
    [('l2', (0.01, 0.1)), ('learning_rate', (1.0,))]
    """
    made = []
    for name, points in values.items():
        points = np.asarray(points)
        if points.dtype.kind not in "iuf" or points.ndim != 1 or not np.isfinite(points).all():
            raise ValueError(f"grid: {name} must be a list of finite numbers, not {values[name]!r}")
        points = points.astype(np.float32)
        select = Partial(_SetHyper(name), jax.device_put(points))
        size, labels = positive(name, len(points)), tuple(float(v) for v in values[name])
        made.append(Axis(name, size, select, labels, pad=as_given))
    return tuple(made)


def seeds(size: int, name: str = "seed") -> Axis:
    """The same fit from other random numbers: every index has its own key already."""
    return Axis(name, positive(name, size), unchanged, tuple(range(size)), pad=as_given)


def subjects(size: int, labels: Sequence | None = None, name: str = "subject") -> Axis:
    """One fit for each subject or session of `stack_subjects`: an outer axis."""
    select = _TakeSubject(positive(name, size))
    return Axis(name, size, select, labelled(name, size, labels), outer=True, pad=as_given)


def ablations(kept, labels: Sequence | None = None, name: str = "features") -> Axis:
    """One fit for each set of features, by a mask folded into the first layer: `x` stays shared.

    Args:
      kept: (set, feature) 1 = in, 0 = left out, over the flattened features.
      labels: names of the sets.

    >>> ablations([[1, 1, 0], [0, 0, 1]], labels=["motion", "speed"]).labels
    ('motion', 'speed')
    """
    kept = _kept(name, kept)
    select = Partial(_take_features, kept)
    return Axis(name, len(kept), select, labelled(name, len(kept), labels), pad=as_given)


def _kept(name: str, kept, fits: int | None = None) -> Array:
    """(set, feature), a feature in every set."""
    kept = np.asarray(kept, np.float32)
    if kept.ndim != 2 or not kept.any(axis=1).all():
        raise ValueError(f"{name}: kept must be (set, feature) with a feature in every set")
    if fits not in (None, len(kept)):
        raise ValueError(f"{name}: features is for {len(kept)} targets, and there are {fits}")
    return jax.device_put(kept)


class _TakeTarget(NamedTuple):
    size: int

    def __call__(
        self, columns: Array | None, kept: Array | None, inputs: Inputs, index: Array
    ) -> Inputs:
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
        inputs = inputs._replace(y=inputs.y[:, place], y_origin=origin)
        return inputs if kept is None else _take_features(kept, inputs, index)


def _pad_targets(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    """Columns of `y` to the next power of two: they cost memory, and no time."""
    columns, kept = axis.select.args  # pyright: ignore
    at = inputs.weight.ndim  # subjects and samples come first
    count = 1 << (inputs.y.shape[at] - 1).bit_length()
    inputs = inputs._replace(
        y=grown(inputs.y, count, at),
        y_origin=inputs.y_origin and jax.tree.map(lambda a: grown(a, count, 0), inputs.y_origin),
    )
    if columns is not None:
        columns = grown(columns, 1 << (len(columns) - 1).bit_length())
    if kept is not None:
        kept = grown(kept, 1 << (len(kept) - 1).bit_length(), 0)
    return axis._replace(select=Partial(_TakeTarget(count), columns, kept)), inputs


class _SetHyper(NamedTuple):
    name: str

    def __call__(self, values: Array, inputs: Inputs, index: Array) -> Inputs:
        return inputs._replace(hyper={**inputs.hyper, self.name: values[index]})


class _TakeSubject(NamedTuple):
    size: int

    def __call__(self, inputs: Inputs, index: Any) -> Inputs:
        if inputs.weight.ndim < 2 or len(inputs.weight) < self.size:
            raise ValueError(
                f"{self.size} subjects, and weight is {inputs.weight.shape}: it takes "
                "(subject, sample), as from stack_subjects"
            )
        fields = ("x", "y", "weight", "held_out", "validation")
        return inputs._replace(**{n: taken(getattr(inputs, n), index) for n in fields})


def _take_features(kept: Array, inputs: Inputs, index: Array) -> Inputs:
    features = math.prod(single(inputs.x, "an axis of features").shape[1:])
    if kept.shape[1] != features:
        raise ValueError(f"kept is for {kept.shape[1]} features, and x has {features}")
    own = kept[index]
    if inputs.features is not None:  # an axis before left some out: what both keep
        own = own * inputs.features
    return inputs._replace(features=own)
