"""Penalties on parameters, added to the mean loss.

A strength is a number, or the name of a hyper-parameter in `inputs.hyper`: then it is traced, and
a grid over it is one more axis. Which leaves are penalised is declared by `where(path, leaf)`;
leaves named `bias` never are, whatever `where` says. With `make_fit(standardise=True)` parameters
are in units of the standardised features.

Penalties are values: two of the same kind, strength, `where` and options are equal. Keep one
function as `where` rather than a new lambda at each call, which is another function.
"""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.types import Array, Closed, Params

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
    return path[-1:] != ("bias",)


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


def _chosen(where: Where, path: tuple, leaf: Array) -> bool:
    """Biases never are: a constant that is shrunk says that the mean of `y` ought to be 0."""
    names = leaf_path(path)
    return kernels(names, leaf) and where(names, leaf)


def _selected(params: Params, where: Where) -> list[Array]:
    leaves = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if _chosen(where, path, leaf)
    ]
    if not leaves:
        raise ValueError("penalty: `where` selects no leaf of the parameters (biases never count)")
    return leaves


def _change_selected(change: Callable[[Array], Array], params: Params, where: Where) -> Params:
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: change(leaf) if _chosen(where, path, leaf) else leaf, params
    )


def _of_rows(where: Where, rows: int) -> Where:
    """Of what `where` chooses, the leaves (row, ...) of so many rows."""
    return lambda path, leaf: where(path, leaf) and leaf.ndim >= 1 and leaf.shape[0] == rows


def _common(penalty: str, strength: Any, where: Where) -> tuple[str | float, Where]:
    """The arguments of every penalty, checked, as they are kept.

    Raises:
      TypeError, ValueError: name the penalty, the argument and what it was.
    """
    if not isinstance(strength, str):
        strength = _number(penalty, "strength", strength, "or the name of a hyper-parameter; for "
                           "many, a name and axes.grid(name=[...])")  # fmt: skip
        if strength < 0:
            raise ValueError(f"{penalty}: strength is {strength}, must be 0 or more")
    if not callable(where):
        raise TypeError(
            f"{penalty}: where is {where!r:.80}, must be a function (path, leaf) -> bool such as "
            "penalties.kernels"
        )
    try:
        hash(where)
    except TypeError:
        where = where.__call__  # a bound method has a hash, and is equal for the same object only
    return strength, where


def _number(penalty: str, name: str, value: Any, otherwise: str = "") -> float:
    """A finite number, as a float, so that 1 and 1.0 make the same program."""
    remedy = f"must be a finite number {otherwise}".rstrip()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{penalty}: {name} is {value!r:.80}, {remedy}")
    if not math.isfinite(value):
        raise ValueError(f"{penalty}: {name} is {value}, {remedy}")
    return float(value)


def ridge(strength: str | float = "l2", where: Where = kernels) -> Penalty:
    """½·λ·Σw². Beside ½·mean squared error it is scikit-learn's `Ridge(alpha=λ·samples)`.

    Args:
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves; those named `bias` never are.
    """
    return Penalty(Closed(_ridge, _common("ridge", strength, where)))


def _ridge(strength: str | float, where: Where, params: Params, hyper: Hyper) -> Array:
    squares = sum(jnp.sum(jnp.square(leaf)) for leaf in _selected(params, where))
    return 0.5 * _strength(strength, hyper) * squares


def lasso(strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ|w|, by its proximal step (soft threshold): exact zeros. Needs `optimizers.proximal`;
    with `ridge` beside it, the elastic net.

    Args:
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves; those named `bias` never are.
    """
    kept = _common("lasso", strength, where)
    return Penalty(Closed(_lasso, kept), Closed(_lasso_prox, kept))


def _lasso(strength: str | float, where: Where, params: Params, hyper: Hyper) -> Array:
    total = sum(jnp.sum(jnp.where(w > 0, w, -w)) for w in _selected(params, where))
    return _strength(strength, hyper) * total


def _lasso_prox(
    strength: str | float, where: Where, params: Params, step: Array, hyper: Hyper
) -> Params:
    threshold = step * _strength(strength, hyper)

    def shrink(leaf: Array) -> Array:
        # XLA's CPU sums run `sign`, `abs` and `clip` of a (feature, 1) leaf one by one.
        low = jnp.where(leaf < -threshold, -threshold, leaf)
        return leaf - jnp.where(leaf > threshold, threshold, low)

    return _change_selected(shrink, params, where)


def group_lasso(groups, strength: str | float = "l1", where: Where = kernels) -> Penalty:
    """λ·Σ √(size of group)·‖weights of the group‖ (Yuan & Lin 2006, J. R. Stat. Soc. B 68:49,
    eq. 2.1): whole groups of features are kept or left out. Needs `optimizers.proximal`.

    Args:
      groups: (feature,) the group of each feature of `x`, any labels: all lags of one stimulus,
        all bases of one variable. The penalised leaves are those of so many rows; all units of a
        feature belong to its group.
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves, among those of that size; those named `bias`
        never are.
    """
    number = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if not number.size:
        raise ValueError("group_lasso: groups is empty, must name the group of each feature of x")
    kept = (*_common("group_lasso", strength, where), tuple(number.tolist()))
    return Penalty(Closed(_group_lasso, kept), Closed(_group_lasso_prox, kept))


def _group_norms(leaf: Array, groups: tuple[int, ...]) -> tuple[Array, Array]:
    """Of each group in `leaf` (feature, ...), and the root of its weights' number: (group,).
    `groups` (feature,) counts them from 0."""
    member = (np.array(groups) == np.arange(max(groups) + 1)[:, None]).astype(np.float32)
    squares = jnp.square(leaf).reshape(len(leaf), -1).sum(axis=1)
    with jax.default_matmul_precision("highest"):
        squares = member.astype(leaf.dtype) @ squares
    weights = member.sum(axis=1, dtype=float) * (leaf.size // len(leaf))
    return jnp.sqrt(squares), jnp.asarray(np.sqrt(weights), leaf.dtype)


def _group_lasso(
    strength: str | float, where: Where, groups: tuple[int, ...], params: Params, hyper: Hyper
) -> Array:
    leaves = _selected(params, _of_rows(where, len(groups)))
    found = [_group_norms(leaf, groups) for leaf in leaves]
    return _strength(strength, hyper) * sum(jnp.vdot(root, norm) for norm, root in found)


def _group_lasso_prox(
    strength: str | float,
    where: Where,
    groups: tuple[int, ...],
    params: Params,
    step: Array,
    hyper: Hyper,
) -> Params:
    threshold = step * _strength(strength, hyper)

    def shrink(leaf: Array) -> Array:
        norm, root = _group_norms(leaf, groups)
        left = jnp.where(norm > threshold * root, norm - threshold * root, 0)
        kept = (left / jnp.where(norm > 0, norm, 1))[np.array(groups)]
        return leaf * kept.reshape(-1, *[1] * (leaf.ndim - 1))

    return _change_selected(shrink, params, _of_rows(where, len(groups)))


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
    width = _number("smooth_lasso", "width", width)
    if width <= 0:  # the gradient at 0 would be 0/0
        raise ValueError(
            f"smooth_lasso: width is {width}, must be above 0; for exact zeros use penalties.lasso"
        )
    return Penalty(Closed(_smooth_lasso, (*_common("smooth_lasso", strength, where), width)))


def _smooth_lasso(
    strength: str | float, where: Where, width: float, params: Params, hyper: Hyper
) -> Array:
    total = sum(
        jnp.sum(jnp.sqrt(jnp.square(leaf) + width**2) - width) for leaf in _selected(params, where)
    )
    return _strength(strength, hyper) * total


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
    return Penalty(Closed(_smoothness, (*_common("smoothness", strength, where), axis, sizes)))


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
    for leaf in _selected(params, _of_rows(where, math.prod(sizes))):
        bends = jnp.diff(leaf.reshape(*sizes, -1), n=2, axis=names.index(axis))
        total = total + jnp.sum(jnp.square(bends))
    return 0.5 * _strength(strength, hyper) * total
