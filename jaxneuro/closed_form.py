"""Ridge regression exactly: the twin that gradient descent is held against."""

import jax.numpy as jnp

from jaxneuro.types import Array


def ridge(x: Array, y: Array, weight: Array, l2: Array) -> tuple[Array, Array]:
    """Minimises ½·Σ w(ŷ - y)²/Σ w + ½·l2·Σ kernel², ŷ = x·kernel + bias, exactly.

    The objective of `losses.half_squared_error` with `penalties.ridge`; with scikit-learn's
    `Ridge`, alpha = l2·Σ w. By the normal equations where features are fewer than samples, else by
    the dual's (Hastie, Tibshirani & Friedman 2009, §3.4.1, 18.3.5): use float64 where l2 is tiny.

    Args:
      x: (sample, *feature), flattened.
      y: (sample,) or (sample, output).
      weight: (sample,).
      l2: scalar, above 0.

    Returns:
      kernel (feature,) or (feature, output), and bias () or (output,).
    """
    x = x.reshape(x.shape[0], -1)
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
