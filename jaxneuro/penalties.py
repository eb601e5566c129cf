"""Penalties on parameters, added to the mean loss.

A strength is a number, or the name of a hyper-parameter in `inputs.hyper`: then it is traced, and
a grid over it is one more axis. Which leaves are penalised is declared by `where`; biases never
are. With `make_fit(standardise=True)` parameters are in units of the standardised features.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.types import Array, Params

Hyper = Mapping[str, Array]
Where = Callable[[tuple[str, ...], Array], bool]


class Penalty(NamedTuple):
    """`value(params, hyper)` is a scalar. With `prox(params, step, hyper)`, the penalty is not
    smooth: it never enters the gradient, and only a proximal optimizer may minimise it."""

    value: Callable[[Params, Hyper], Array]
    prox: Callable[[Params, Array, Hyper], Params] | None = None


def kernels(path: tuple[str, ...], leaf: Array) -> bool:
    """Every leaf but those named `bias`: what is penalised unless you say otherwise."""
    del leaf
    return path[-1] != "bias"


def leaf_path(path: tuple) -> tuple[str, ...]:
    """A key path of `jax.tree_util` as plain names."""
    return tuple(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)


def _strength(strength: str | float, hyper: Hyper) -> Array:
    if not isinstance(strength, str):
        return jnp.asarray(strength)
    if strength not in hyper:
        raise KeyError(
            f"penalty strength {strength!r} is not in inputs.hyper, which has {sorted(hyper)}: "
            f"pass hyper={{'{strength}': ...}} to make_inputs, or add axes.grid({strength}=[...])"
        )
    return hyper[strength]


def _selected(params: Params, where: Where) -> list[Array]:
    leaves = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if where(leaf_path(path), leaf)
    ]
    if not leaves:
        raise ValueError("penalty: `where` selects no leaf of the parameters")
    return leaves


def _change_selected(change: Callable[[Array], Array], params: Params, where: Where) -> Params:
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: change(leaf) if where(leaf_path(path), leaf) else leaf, params
    )


def ridge(strength: str | float = "l2", where: Where = kernels) -> Penalty:
    """½·λ·Σw². Beside ½·mean squared error it is scikit-learn's `Ridge(alpha=λ·samples)`."""

    def value(params: Params, hyper: Hyper) -> Array:
        squares = sum(jnp.sum(jnp.square(leaf)) for leaf in _selected(params, where))
        return 0.5 * _strength(strength, hyper) * squares

    return Penalty(value)


def lasso(strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ|w|, by its proximal step (soft threshold): exact zeros. Needs `optimizers.proximal`;
    with `ridge` beside it, the elastic net."""

    def value(params: Params, hyper: Hyper) -> Array:
        total = sum(jnp.sum(jnp.where(w > 0, w, -w)) for w in _selected(params, where))
        return _strength(strength, hyper) * total

    def prox(params: Params, step: Array, hyper: Hyper) -> Params:
        threshold = step * _strength(strength, hyper)

        def shrink(leaf: Array) -> Array:
            # XLA's CPU sums run `sign`, `abs` and `clip` of a (feature, 1) leaf one by one.
            low = jnp.where(leaf < -threshold, -threshold, leaf)
            return leaf - jnp.where(leaf > threshold, threshold, low)

        return _change_selected(shrink, params, where)

    return Penalty(value, prox)


def group_lasso(groups, strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ √(size of group)·‖weights of the group‖ (Yuan & Lin 2006, J. R. Stat. Soc. B 68:49,
    eq. 2.1): whole groups of features are kept or left out. Needs `optimizers.proximal`.

    Args:
      groups: (feature,) the group of each feature of `x`, any labels: all lags of one stimulus,
        all bases of one variable. The penalised leaves are those of so many rows; all units of a
        feature belong to its group.
      strength: λ, a number or the name of a hyper-parameter.
      where: which leaves, among those of that size.
    """
    labels, number = np.unique(np.asarray(groups), return_inverse=True)
    member = (number.ravel() == np.arange(len(labels))[:, None]).astype(np.float32)

    def of_size(path: tuple[str, ...], leaf: Array) -> bool:
        return where(path, leaf) and leaf.ndim >= 1 and leaf.shape[0] == member.shape[1]

    def norms(leaf: Array) -> tuple[Array, Array]:
        """Of each group, and the root of its weights' number: (group,)."""
        squares = jnp.square(leaf).reshape(len(leaf), -1).sum(axis=1)
        with jax.default_matmul_precision("highest"):
            squares = member.astype(leaf.dtype) @ squares
        weights = member.sum(axis=1, dtype=float) * (leaf.size // len(leaf))
        return jnp.sqrt(squares), jnp.asarray(np.sqrt(weights), leaf.dtype)

    def value(params: Params, hyper: Hyper) -> Array:
        found = [norms(leaf) for leaf in _selected(params, of_size)]
        return _strength(strength, hyper) * sum(jnp.vdot(root, norm) for norm, root in found)

    def prox(params: Params, step: Array, hyper: Hyper) -> Params:
        threshold = step * _strength(strength, hyper)

        def shrink(leaf: Array) -> Array:
            norm, root = norms(leaf)
            left = jnp.where(norm > threshold * root, norm - threshold * root, 0)
            kept = (left / jnp.where(norm > 0, norm, 1))[number.ravel()]
            return leaf * kept.reshape(-1, *[1] * (leaf.ndim - 1))

        return _change_selected(shrink, params, of_size)

    return Penalty(value, prox)


def smooth_lasso(
    strength: str | float = "l1", width: float = 1e-3, where: Where = kernels
) -> Penalty:
    """λ·Σ(√(w² + width²) - width): the lasso with its corner rounded, for any optimizer. Small
    weights, no exact zeros."""

    def value(params: Params, hyper: Hyper) -> Array:
        total = sum(
            jnp.sum(jnp.sqrt(jnp.square(leaf) + width**2) - width)
            for leaf in _selected(params, where)
        )
        return _strength(strength, hyper) * total

    return Penalty(value)


def smoothness(
    axis: str, features: Mapping[str, int], strength: str | float = "smooth", where: Where = kernels
) -> Penalty:
    """½·λ·Σ(second difference of the weights along one feature axis)².

    Args:
      axis: the name of the axis along which weights should be smooth, e.g. "lag".
      features: the feature axes of `x` in order with their sizes, `{"lag": 20, "band": 8}`; the
        penalised leaves are those of the first dimension Π sizes, (feature, unit).
      strength: λ, a number or the name of a hyper-parameter.
      where: which leaves, among those of that size.
    """
    sizes = tuple(features.values())
    if axis not in features:
        raise ValueError(f"smoothness: no feature axis {axis!r} among {list(features)}")
    position = list(features).index(axis)
    if sizes[position] < 3:
        raise ValueError(f"smoothness: axis {axis!r} has {sizes[position]} < 3 features")

    def of_size(path: tuple[str, ...], leaf: Array) -> bool:
        return where(path, leaf) and leaf.ndim >= 1 and leaf.shape[0] == math.prod(sizes)

    def value(params: Params, hyper: Hyper) -> Array:
        total = jnp.asarray(0.0)
        for leaf in _selected(params, of_size):
            bends = jnp.diff(leaf.reshape(*sizes, -1), n=2, axis=position)
            total = total + jnp.sum(jnp.square(bends))
        return 0.5 * _strength(strength, hyper) * total

    return Penalty(value)
