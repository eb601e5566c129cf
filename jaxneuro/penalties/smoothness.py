"""Bends of weights along an axis of the features: time, frequency, space."""

import math
from collections.abc import Mapping
from numbers import Integral

import jax.numpy as jnp

from jaxneuro.penalties.arguments import common
from jaxneuro.penalties.contract import Hyper, Penalty, Where, kernels, selected, strength_of
from jaxneuro.types import Array, Closed, Params


def smoothness(
    axis: str, features: Mapping[str, int], strength: str | float = "smooth", where: Where = kernels
) -> Penalty:
    """½·λ·Σ(second difference of the weights along one feature axis)².

    Args:
      axis: the name of the axis along which weights should be smooth, e.g. "lag".
      features: the feature axes of `x` in order with their sizes, `{"lag": 20, "band": 8}`; the
        penalised leaves are those of the first dimension Π sizes, (feature, unit).
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves, among those of that size; those named `bias`
        never are.
    """
    if not isinstance(features, Mapping) or not all(
        isinstance(size, Integral) for size in features.values()
    ):
        raise TypeError(
            f"smoothness: features is {features!r:.80}, must be a mapping of axes to their sizes "
            'such as {"lag": 20, "band": 8}'
        )
    if axis not in features:
        raise ValueError(f"smoothness: no feature axis {axis!r} among {list(features)}")
    if features[axis] < 3:
        raise ValueError(f"smoothness: axis {axis!r} has {features[axis]} < 3 features")
    sizes = tuple((name, int(size)) for name, size in features.items())
    return Penalty(Closed(_smoothness, (*common("smoothness", strength, where), axis, sizes)))


def _smoothness(
    strength: str | float,
    where: Where,
    axis: str,
    features: tuple[tuple[str, int], ...],
    params: Params,
    hyper: Hyper,
) -> Array:
    names, sizes = zip(*features, strict=True)
    total = jnp.asarray(0.0)
    for leaf in selected(params, where, math.prod(sizes)):
        bends = jnp.diff(leaf.reshape(*sizes, -1), n=2, axis=names.index(axis))
        total = total + jnp.sum(jnp.square(bends))
    return 0.5 * strength_of(strength, hyper) * total
