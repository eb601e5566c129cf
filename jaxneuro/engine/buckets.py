"""Inputs padded to one of a few sizes, so that another recording finds its programs compiled.

Samples go up to the next of eight sizes an octave, by weight 0, so at most a ninth of the work is
on padding. A fit's bits are promised for one size; between sizes they agree to rounding.
"""

from functools import partial

import jax

from jaxneuro import several
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Axis, Inputs

_MOST_BYTES = 2**28  # copying more than this costs more than compiling


def fill(inputs: Inputs, axes: list[Axis]) -> tuple[Inputs, list[Axis]]:
    """The inputs padded, and the axes that go with them; as given where an axis does not say how,
    or where the arrays are large."""
    if any(axis.pad is None for axis in axes):
        return inputs, axes
    if several.nbytes((inputs.x, inputs.y)) > _MOST_BYTES:
        return inputs, axes
    at = inputs.weight.ndim - 1  # subjects come in front of samples
    size = bucket(inputs.weight.shape[at])
    if size > inputs.weight.shape[at]:
        weights = ("weight", "held_out", "validation")
        parts = {
            name: jax.tree.map(
                partial(grown, size=size, at=at, zeros=name in weights), getattr(inputs, name)
            )
            for name in ("x", "y", *weights)
        }
        inputs = inputs._replace(**parts)
    padded = []
    for axis in axes:
        axis, inputs = axis.pad(axis, inputs, size)  # pyright: ignore[reportOptionalCall]
        padded.append(axis)
    return inputs, padded
