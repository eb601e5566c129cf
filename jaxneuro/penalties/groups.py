"""Norms of groups of weights: whole groups of features are kept or left out."""

import jax.numpy as jnp
import numpy as np

from jaxneuro.penalties.arguments import checked_strength, common, numbered
from jaxneuro.penalties.contract import (
    Hyper,
    Penalty,
    Where,
    change_selected,
    kernels,
    selected,
    strength_of,
)
from jaxneuro.penalties.lasso import absolute, shrunk
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Closed, Params


def group_lasso(groups, strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ √(size of group)·‖weights of the group‖ (Yuan & Lin 2006, J. R. Stat. Soc. B
    68:49): whole groups of features are kept or left out. Needs `optimizers.proximal`.

    Args:
      groups: (feature,) the group of each feature of `x`, any labels: all lags of one stimulus,
        all bases of one variable. The penalised leaves are those of so many rows; all units of a
        feature belong to its group.
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves, among those of that size; those named `bias`
        never are.
    """
    kept = (*common("group_lasso", strength, where), numbered("group_lasso", groups)[1])
    return Penalty(Closed(_group_lasso, kept), Closed(_group_lasso_prox, kept))


def _group_lasso(
    strength: str | float, where: Where, groups: tuple[int, ...], params: Params, hyper: Hyper
) -> Array:
    total = sum(_norms(leaf, groups) for leaf in selected(params, where, len(groups)))
    return strength_of(strength, hyper) * total


def _group_lasso_prox(
    strength: str | float,
    where: Where,
    groups: tuple[int, ...],
    params: Params,
    step: Array,
    hyper: Hyper,
) -> Params:
    threshold = step * strength_of(strength, hyper)
    return change_selected(
        lambda leaf: _shrunk_groups(leaf, groups, threshold), params, where, len(groups)
    )


def sparse_group_lasso(
    groups, strength: str | float = "l1", share: str | float = 0.5, where: Where = kernels
) -> Penalty:
    """λ·(α·Σ|w| + (1 - α)·Σ √(size of group)·‖weights of the group‖): few groups, and few features
    within these (Simon, Friedman, Hastie & Tibshirani 2013, J. Comput. Graph. Stat. 22:231). Needs
    `optimizers.proximal`. Its step is the lasso's and then the group lasso's.

    Args:
      groups: (feature,) the group of each feature of `x`, any labels, as of `group_lasso`.
      strength: λ, a number from 0 or the name of a hyper-parameter.
      share: α, a number from 0 (`group_lasso`) to 1 (`lasso`, of the leaves of so many rows), or
        the name of a hyper-parameter, which must be within these.
      where: `(path, leaf) -> bool`, which leaves, among those of that size; those named `bias`
        never are.
    """
    name = "sparse_group_lasso"
    share = checked_strength(name, share, "share")
    if not isinstance(share, str) and share > 1:
        raise ValueError(f"{name}: share is {share}, must be at most 1: all of it the lasso's")
    kept = (*common(name, strength, where), share, numbered(name, groups)[1])
    return Penalty(Closed(_sparse_group_lasso, kept), Closed(_sparse_group_lasso_prox, kept))


def _sparse_group_lasso(
    strength: str | float,
    where: Where,
    share: str | float,
    groups: tuple[int, ...],
    params: Params,
    hyper: Hyper,
) -> Array:
    one = strength_of(share, hyper)
    leaves = selected(params, where, len(groups))
    total = sum(one * absolute(leaf) + (1 - one) * _norms(leaf, groups) for leaf in leaves)
    return strength_of(strength, hyper) * total


def _sparse_group_lasso_prox(
    strength: str | float,
    where: Where,
    share: str | float,
    groups: tuple[int, ...],
    params: Params,
    step: Array,
    hyper: Hyper,
) -> Params:
    whole, one = step * strength_of(strength, hyper), strength_of(share, hyper)

    def change(leaf: Array) -> Array:
        return _shrunk_groups(shrunk(leaf, whole * one), groups, whole * (1 - one))

    return change_selected(change, params, where, len(groups))


def _norms(leaf: Array, groups: tuple[int, ...]) -> Array:
    """Σ √(size of group)·‖weights of the group‖ of `leaf` (feature, ...)."""
    norm, root = _group_norms(leaf, groups)
    return jnp.vdot(root, norm)


def _shrunk_groups(leaf: Array, groups: tuple[int, ...], threshold: Array) -> Array:
    """Each group made shorter by threshold·√(its size), down to 0."""
    norm, root = _group_norms(leaf, groups)
    left = jnp.where(norm > threshold * root, norm - threshold * root, 0)
    kept = (left / jnp.where(norm > 0, norm, 1))[np.array(groups)]
    return leaf * kept.reshape(-1, *[1] * (leaf.ndim - 1))


@in_full
def _group_norms(leaf: Array, groups: tuple[int, ...]) -> tuple[Array, Array]:
    """Of each group in `leaf` (feature, ...), and the root of its weights' number: (group,).
    `groups` (feature,) counts them from 0."""
    member = (np.array(groups) == np.arange(max(groups) + 1)[:, None]).astype(np.float32)
    squares = jnp.square(leaf).reshape(len(leaf), -1).sum(axis=1)
    squares = member.astype(leaf.dtype) @ squares
    weights = member.sum(axis=1, dtype=float) * (leaf.size // len(leaf))
    return jnp.sqrt(squares), jnp.asarray(np.sqrt(weights), leaf.dtype)
