"""Any model of image patches, told where these lie: they overlap, and the images are held once."""

from __future__ import annotations

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.models.seen import seen_by
from jaxneuro.types import Array, Closed, Model


class _Images:
    """Images with their margins, as a value: two of the same numbers are equal."""

    def __init__(self, padded: np.ndarray, size: int):
        self.padded, self.size = padded, size
        digest = hashlib.sha256(np.ascontiguousarray(padded).tobytes()).hexdigest()
        self._value = padded.shape, size, digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Images) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def of_patches(model: Model, images: ArrayLike, size: int) -> Model:
    """`model` of square patches (sample, size, size, channel) of `images`, for an `x` (sample, 3)
    that says which image, row and column lie in the middle of each.

    A patch of 31 × 31 of seven maps takes as much memory as 6 700 numbers; thirty thousand of them
    take as much here as the maps.

    Args:
      model: of images, such as `cnn(classes)`; its first layer is no longer one that `x` meets.
      images: (image, row, column, channel) numbers; NaN is 0, and so is what lies outside.
      size: side of a patch, odd.

    Raises:
      ValueError: images of another shape, or a size that is even or not positive.
    """
    given = np.asarray(images)
    if given.ndim != 4 or not given.size or given.dtype.kind not in "biuf":
        raise ValueError(f"of_patches: images {given.dtype} {given.shape} must be numbers "
                         "(image, row, column, channel)")  # fmt: skip
    if size < 1 or size % 2 == 0:
        raise ValueError(f"of_patches: size is {size!r}, must be odd and positive")
    margin = [(0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0)]
    held = _Images(np.pad(np.nan_to_num(given).astype(np.float32), margin), size)
    return seen_by(model, Closed(_cut, (held,)))


def _cut(held: _Images, x: Array) -> Array:
    """(sample, size, size, channel)."""
    x = jnp.asarray(x)
    kind = x.dtype if x.dtype == jnp.float64 else jnp.float32
    images, size = jnp.asarray(held.padded, kind), held.size
    where = jnp.round(x).astype(jnp.int32)

    def one(place: Array) -> Array:
        start = (place[0], place[1], place[2], jnp.zeros_like(place[0]))
        return jax.lax.dynamic_slice(images, start, (1, size, size, images.shape[3]))[0]

    return jax.vmap(one)(where)
