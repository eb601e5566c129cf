"""A classifier of the first principal components, which each fold finds for itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxneuro.classify.classifiers import Linear, lda
from jaxneuro.precision import in_full
from jaxneuro.types import Array


@in_full
def component_lda(
    x: Array, y: Array, weight: Array, classes: int, counts: tuple[int, ...]
) -> Linear:
    """`lda` with a shrunken covariance, of the first principal components of `x` over the samples
    with weight; given back as weights of features.

    Args:
      x: (sample, feature).
      y, weight, classes: of `lda`.
      counts: numbers of components, each at most samples and features.

    Returns:
      kernel (count, feature, class) and bias (count, class).
    """
    share = weight / weight.sum()
    mean = share @ x
    centred = x - mean
    axes = _principal(centred * jnp.sqrt(share)[:, None], max(counts))
    scores = centred @ axes

    def one(count: Array) -> Linear:
        kept = jnp.arange(axes.shape[1]) < count
        made = lda(scores * kept, y, weight, classes)
        kernel = axes @ (made.kernel * kept[:, None])
        return Linear(kernel, made.bias - mean @ kernel)

    return jax.lax.map(one, jnp.asarray(counts))


def _principal(rows: Array, count: int) -> Array:
    """(feature, count) the first eigenvectors of rowsᵀ rows, by the smaller of two problems."""
    samples, features = rows.shape
    if features <= samples:
        return jnp.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :count]
    values, vectors = jnp.linalg.eigh(rows @ rows.T)
    length = jnp.sqrt(jnp.maximum(values[::-1][:count], 1e-12))
    return rows.T @ (vectors[:, ::-1][:, :count] / length)
