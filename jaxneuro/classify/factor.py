"""The inverse of Cholesky's factor, without LAPACK: several devices of one CPU may each run it (XLA
can hang where two of them call LAPACK)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxneuro.types import Array

_SMALL = 32  # rows up to which elimination is fastest
_PARTS = 16  # of a large matrix, at least: each adds to the program


def whitening(matrix: Array) -> Array:
    """(n, n) W, lower triangular, of a positive definite (n, n): W · matrix · Wᵀ = 1, and so
    Wᵀ · W is its inverse. By halves (Golub & Van Loan 2013, Matrix Computations, section 4.2.9)."""
    return _halved(matrix, max(_SMALL, len(matrix) // _PARTS))


def _halved(matrix: Array, least: int) -> Array:
    half = len(matrix) // 2
    if len(matrix) <= least:
        return _eliminated(matrix)
    first = _halved(matrix[:half, :half], least)
    across = matrix[half:, :half] @ first.T
    last = _halved(matrix[half:, half:] - across @ across.T, least)
    none = jnp.zeros((half, len(matrix) - half), matrix.dtype)
    return jnp.block([[first, none], [-last @ (across @ first), last]])


def _eliminated(matrix: Array) -> Array:
    """The same by elimination of (matrix | 1) without pivots, which what is positive definite does
    not need."""
    size = len(matrix)
    rows = jnp.arange(size)

    def step(k: Array, wide: Array) -> Array:
        factor = jnp.where(rows > k, wide[:, k] / wide[k, k], 0)
        return wide - factor[:, None] * wide[k]

    wide = jnp.concatenate([matrix, jnp.eye(size, dtype=matrix.dtype)], axis=1)
    wide = jax.lax.fori_loop(0, size, step, wide)
    return wide[:, size:] / jnp.sqrt(jnp.diagonal(wide))[:, None]
