"""Absolute values of weights: with their corner, and with it rounded."""

import jax.numpy as jnp

from jaxneuro.penalties.arguments import common, number
from jaxneuro.penalties.contract import (
    Hyper,
    Penalty,
    Where,
    change_selected,
    kernels,
    selected,
    strength_of,
)
from jaxneuro.types import Array, Closed, Params


def lasso(strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ|w|, by its proximal step (soft threshold): exact zeros. Needs `optimizers.proximal`.

    With `ridge` beside it, the elastic net: scikit-learn's `ElasticNet(alpha, l1_ratio)` is
    `[lasso(alpha * l1_ratio), ridge(alpha * (1 - l1_ratio))]` beside ½·mean squared error.

    Args:
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves; those named `bias` never are.

    >>> float(lasso(0.5).value({"kernel": jnp.array([1.0, -2.0])}, {}))
    1.5
    """
    kept = common("lasso", strength, where)
    return Penalty(Closed(_lasso, kept), Closed(_lasso_prox, kept))


def absolute(leaf: Array) -> Array:
    """Σ|w|, with slope -1 at 0."""
    return jnp.sum(jnp.where(leaf > 0, leaf, -leaf))


def shrunk(leaf: Array, threshold: Array) -> Array:
    """The soft threshold, sign(w)·max(|w| - threshold, 0)."""
    # XLA's CPU sums run `sign`, `abs` and `clip` of a (feature, 1) leaf one by one.
    low = jnp.where(leaf < -threshold, -threshold, leaf)
    return leaf - jnp.where(leaf > threshold, threshold, low)


def _lasso(strength: str | float, where: Where, params: Params, hyper: Hyper) -> Array:
    total = sum(absolute(leaf) for leaf in selected(params, where))
    return strength_of(strength, hyper) * total


def _lasso_prox(
    strength: str | float, where: Where, params: Params, step: Array, hyper: Hyper
) -> Params:
    threshold = step * strength_of(strength, hyper)
    return change_selected(lambda leaf: shrunk(leaf, threshold), params, where)


def smooth_lasso(
    strength: str | float = "l1", width: float = 1e-3, where: Where = kernels
) -> Penalty:
    """λ·Σ(√(w² + width²) - width): the lasso with its corner rounded, for any optimizer. Small
    weights, no exact zeros.

    Args:
      strength: λ, a number from 0 or the name of a hyper-parameter.
      width: of the rounded corner, above 0, in units of the weights.
      where: `(path, leaf) -> bool`, which leaves; those named `bias` never are.
    """
    width = number("smooth_lasso", "width", width)
    if width <= 0:  # the gradient at 0 would be 0/0
        raise ValueError(
            f"smooth_lasso: width is {width}, must be above 0; for exact zeros use penalties.lasso"
        )
    return Penalty(Closed(_smooth_lasso, (*common("smooth_lasso", strength, where), width)))


def _smooth_lasso(
    strength: str | float, where: Where, width: float, params: Params, hyper: Hyper
) -> Array:
    total = sum(
        jnp.sum(jnp.sqrt(jnp.square(leaf) + width**2) - width) for leaf in selected(params, where)
    )
    return strength_of(strength, hyper) * total
