"""Banded ridge with what each target chose, on all samples of any fold."""

import jax.numpy as jnp
import numpy as np

from jaxneuro.compat import Once
from jaxneuro.linear.banded_errors import Dual, Part, Primal, doubly_centred, eigen
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_BLOCK = 64  # targets at a time: few have the same candidate


def refit(
    design: Primal | Dual,
    y: np.ndarray,
    every: Part,
    candidates: np.ndarray,
    candidate: np.ndarray,
    l2: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (feature, target) and bias (target,) of y (sample, target).

    Args:
      every: the one part that is fitted.
      candidate, l2: (target,) index of the weights, and penalty.
    """
    part = Part(every.places[0], every.share[0])
    places, share = np.asarray(part.places), np.asarray(part.share)
    y = y[places]
    mean_x, mean_y = share @ np.asarray(design.x)[places], share @ y
    y = y - mean_y
    gram = _gram(design, part) if isinstance(design, Primal) else None
    found = np.empty((design.x.shape[1] if gram is not None else len(y), y.shape[1]), y.dtype)
    for which in np.unique(candidate):
        gamma = candidates[which]
        if isinstance(design, Primal):
            values, onto, back = _primal(design, gram, gamma, part)
        else:
            values, onto, back = _dual(design, gamma, part)
        (columns,) = np.nonzero(candidate == which)
        for start in range(0, len(columns), _BLOCK):
            some = columns[start : start + _BLOCK]
            full = np.resize(some, min(_BLOCK, y.shape[1]))
            kernel = _along(values, onto, back, y[:, full], l2[full])
            found[:, some] = np.asarray(kernel)[:, : len(some)]
    if gram is None:
        products = np.asarray(_products(design.x, part, found))
        found = candidates[candidate][:, np.asarray(design.band)].T * products
    return found, mean_y - mean_x @ found


@Once
@in_full
def _gram(design: Primal, part: Part) -> Array:
    centred = _centred(design.x, part)
    return centred.T * part.share @ centred


@Once
@in_full
def _primal(design: Primal, gram: Array, gamma: Array, part: Part) -> tuple[Array, Array, Array]:
    """Values (k,), and what takes targets to the vectors (k, n) and these to kernels."""
    scale = jnp.sqrt(gamma[design.band])
    values, vectors = eigen(gram * scale * scale[:, None])
    back = scale[:, None] * vectors
    return values, back.T @ _centred(design.x, part).T * part.share, back


@Once
@in_full
def _dual(design: Dual, gamma: Array, part: Part) -> tuple[Array, Array, Array]:
    """The same, back to a coefficient for each sample."""
    gram = jnp.tensordot(gamma, design.grams, 1)[part.places[:, None], part.places]
    values, vectors = eigen(doubly_centred(gram, part.share))
    back = jnp.sqrt(part.share)[:, None] * vectors
    return values, back.T, back


@Once
@in_full
def _along(values: Array, onto: Array, back: Array, y: Array, l2: Array) -> Array:
    return back @ (onto @ y / (values[:, None] + l2))


@Once
@in_full
def _products(x: Array, part: Part, coefficients: Array) -> Array:
    return _centred(x, part).T @ coefficients


def _centred(x: Array, part: Part) -> Array:
    return x[part.places] - part.share @ x[part.places]
