"""Ridge regression of one penalty exactly: the twin that gradient descent is held against."""

import jax
import jax.numpy as jnp

from jaxneuro.precision import in_full
from jaxneuro.types import Array


def ridge(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    """Minimises ½·Σ w(ŷ - y)²/Σ w + ½·l2·Σ kernel², ŷ = x·kernel + bias, exactly.

    That is for each output alone, Σ kernel² over its features: `losses.half_squared_error` with
    `penalties.ridge` of one output. One fit of K outputs takes the *mean* of their losses, and so
    the same kernels with `penalties.ridge` of l2 / K. With scikit-learn's `Ridge`, alpha = l2·Σ w.
    By the normal equations where features are fewer than samples, else by the dual's (Hastie,
    Tibshirani & Friedman 2009, §3.4.1, 18.3.5): use float64 where l2 is tiny.

    Args:
      x: (sample, *feature), flattened; finite.
      y: (sample,) or (sample, output). Of no influence where its weight is 0, NaN included.
      weight: (sample,), or the shape of `y`: each output is then solved with its own.
      l2: scalar, above 0.

    Returns:
      kernel (feature,) or (feature, output), and bias () or (output,): NaN for an output without
      weight, or with NaN where it has weight.
    """
    x = x.reshape(x.shape[0], -1)
    if weight.ndim > 1:
        return jax.vmap(_solve, in_axes=(None, 1, 1, None), out_axes=(1, 0))(x, y, weight, l2)
    return _solve(x, y, weight, l2)


@in_full
def _solve(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    by_sample = weight if y.ndim == 1 else weight[:, None]
    y = jnp.where(by_sample > 0, y, 0)
    share = weight / weight.sum()
    mean_x, mean_y = share @ x, share @ y
    root = jnp.sqrt(share)
    centred = (x - mean_x) * root[:, None]
    target = (y - mean_y) * (root if y.ndim == 1 else root[:, None])
    samples, features = x.shape
    if features <= samples:
        gram = centred.T @ centred + l2 * jnp.eye(features, dtype=x.dtype)
        kernel = jnp.linalg.solve(gram, centred.T @ target)
    else:
        gram = centred @ centred.T + l2 * jnp.eye(samples, dtype=x.dtype)
        kernel = centred.T @ jnp.linalg.solve(gram, target)
    return kernel, mean_y - mean_x @ kernel
