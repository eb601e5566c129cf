"""A lane's own small view of a shared `x`: windows of epochs, spheres of a searchlight.

Each fit takes its part as it starts, so these are inner axes: `x` is never copied whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro.axes.parts import labelled, positive
from jaxneuro.several import single
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Array, Axis, Inputs


def windows(
    starts: int | Sequence[int],
    width: int | None = None,
    labels: Sequence | None = None,
    name: str = "window",
) -> Axis:
    """One fit for each window of epochs `x` (trial, window, *feature): it sees `x[:, w]`.

    Args:
      starts: how many windows `x` has: all are fitted; or a list of those to fit.
      width: None: each fit sees one window, (trial, *feature). A number: so many side by side,
        (trial, width, *feature), of which `starts` are the first, all there are or those listed.
      labels: one for each fit, such as its time.

    Not for fits with `precondition=True`, which take one covariance for all.
    """
    every = isinstance(starts, int | np.integer)
    if width is not None:
        positive(f"{name} (width)", width)
    if every:
        first = np.arange(positive(name, starts))  # pyright: ignore[reportArgumentType]
    else:
        first = _whole(name, "starts", starts)
        if first.ndim != 1:
            raise ValueError(f"axis {name!r}: starts {first.shape} must be a number or a list")
        labels = tuple(int(i) for i in first) if labels is None else labels
    take = _TakeWindow(width, every, int(first.max()) + (width or 1))
    select = Partial(take, jax.device_put(first.astype(np.int32)))
    return Axis(name, len(first), select, labelled(name, len(first), labels), pad=_pad_table)


def views(index, mask=None, labels: Sequence | None = None, name: str = "view") -> Axis:
    """One fit for each set of features, gathered: (sample, place) of `x` (sample, *feature).

    Args:
      index: (view, place) whole numbers, over the flattened features.
      mask: (view, place) 1 = there, 0 = no more than padding of a smaller view, where the fit sees
        zeros: no gradient reaches their weights. None: all are there.
      labels: names of the views.

    Not for fits with `precondition=True`, which take one covariance for all. `axes.ablations` does
    the same where views are few and large: its fits share one product.
    """
    index = np.asarray(index)
    if mask is not None:
        mask = np.asarray(mask).astype(bool)
        if mask.shape != index.shape or not mask.any(axis=-1).all():
            raise ValueError(
                f"axis {name!r}: mask {mask.shape} must be as index {index.shape}, (view, place), "
                "with a place in every view"
            )
        index = np.where(mask, index, 0)
    index = _whole(name, "index", index)
    if index.ndim != 2:
        raise ValueError(f"axis {name!r}: index {index.shape} must be (view, place)")
    tables = (index.astype(np.int32), mask)
    select = Partial(_TakeView(int(index.max()) + 1), *jax.device_put(tables))
    return Axis(name, len(index), select, labelled(name, len(index), labels), pad=_pad_table)


@dataclass(frozen=True)
class _TakeWindow:
    width: int | None
    every: bool
    least: int = field(compare=False)  # windows that x must have: no part of the program

    def __call__(self, first: Array, inputs: Inputs, index: Array) -> Inputs:
        shape, width = single(inputs.x, "an axis of windows").shape, self.width or 1
        if len(shape) < 3 or shape[1] < self.least:  # a start too large would be clamped
            raise ValueError(
                f"{self.least} windows, and x is {shape}: it must be (trial, window, *feature)"
            )
        if self.every and shape[1] > self.least:
            raise ValueError(
                f"windows up to {self.least} of {shape[1]}: for some of them pass a list of starts"
            )

        def part(values: Array, at: int) -> Array:
            found = jax.lax.dynamic_slice_in_dim(values, first[index], width, axis=at)
            return found.squeeze(at) if self.width is None else found

        features = inputs.features
        if features is not None:
            features = part(features.reshape(shape[1:]), 0).reshape(-1)
        return _own(inputs, part(inputs.x, 1), features)


@dataclass(frozen=True)
class _TakeView:
    least: int = field(compare=False)  # features that x must have

    def __call__(self, table: Array, mask: Array | None, inputs: Inputs, index: Array) -> Inputs:
        count = math.prod(single(inputs.x, "an axis of views").shape[1:])
        if count < self.least:  # an index too large would be clamped
            raise ValueError(f"index goes up to feature {self.least - 1}, and x has {count}")
        places = table[index]
        x = inputs.x.reshape(len(inputs.x), count)[:, places]
        features = None if inputs.features is None else inputs.features[places]
        if mask is not None:
            x = jnp.where(mask[index], x, 0)
        return _own(inputs, x, features)


def _own(inputs: Inputs, x: Array, features: Array | None) -> Inputs:
    if inputs.x_origin is not None:
        raise ValueError(
            "float32 cannot hold x as it was given, and views of it are not taken back to its own "
            "units: shift and scale x first, to values near 1"
        )
    return inputs._replace(x=x, features=features)


def _pad_table(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    """As many views as the next size of table holds; their places stay: parameters have them."""
    del samples
    take, tables = axis.select.func, axis.select.args  # pyright: ignore
    size = bucket(axis.size)
    tables = [t if t is None else grown(t, size, 0) for t in tables]
    return axis._replace(select=Partial(take, *tables)), inputs


def _whole(name: str, what: str, values) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        raise ValueError(f"axis {name!r}: {what} must be whole numbers from 0, not {values!r:.80}")
    return array
