"""Squares of weights: of all with one strength, and of each group of features with its own."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxneuro.penalties.arguments import checked_strength, checked_where, common, numbered
from jaxneuro.penalties.contract import Hyper, Penalty, Where, kernels, selected, strength_of
from jaxneuro.types import Array, Closed, Params


def ridge(strength: str | float = "l2", where: Where = kernels) -> Penalty:
    """½·λ·Σw². Beside ½·mean squared error it is scikit-learn's `Ridge(alpha=λ·samples)`.

    Args:
      strength: λ, a number from 0 or the name of a hyper-parameter.
      where: `(path, leaf) -> bool`, which leaves; those named `bias` never are.

    >>> params = {"kernel": jnp.array([1.0, 2.0]), "bias": jnp.ones(1)}
    >>> float(ridge("l2").value(params, {"l2": 0.5}))
    1.25
    """
    return Penalty(Closed(_ridge, common("ridge", strength, where)))


def _ridge(strength: str | float, where: Where, params: Params, hyper: Hyper) -> Array:
    squares = sum(jnp.sum(jnp.square(leaf)) for leaf in selected(params, where))
    return 0.5 * strength_of(strength, hyper) * squares


def banded_ridge(
    groups,
    strengths: Mapping[Any, str | float] | None = None,
    where: Where = kernels,
) -> Penalty:
    """½·Σ λ_g·‖weights of group g‖²: feature spaces that need not be shrunk alike, such as motion
    energy and semantics (Nunez-Elizalde, Huth & Gallant 2019, NeuroImage 197:482; Dupré la Tour
    et al. 2022, NeuroImage 264:119728).

    Beside ½·mean squared error it is ridge regression of strength 1 on features divided by √λ_g.
    It is smooth: any optimizer, and `make_fit(precondition=True)`. A grid of each strength is an
    axis (`axes.grid(l2_motion=[...], l2_words=[...])`, all combinations); of many groups rather
    draw combinations at random, as an axis of your own that sets them all:

        def draw(table, inputs, index):  # table: {"l2_motion": (draw,), "l2_words": (draw,)}
            drawn = {name: values[index] for name, values in table.items()}
            return inputs._replace(hyper={**inputs.hyper, **drawn})

        jn.Axis("strengths", draws, jax.tree_util.Partial(draw, table))

    Args:
      groups: (feature,) the group of each flattened feature of `x`, any labels: `basis.groups`.
        The penalised leaves are those of so many rows; all units of a feature belong to its group.
        Give other layers a `ridge(where=...)` beside it.
      strengths: label of each group -> λ_g, a number from 0 or the name of a hyper-parameter; two
        groups may share a name. None: the hyper-parameters `l2_<label>`.
      where: `(path, leaf) -> bool`, which leaves, among those of that size; those named `bias`
        never are.

    Raises:
      TypeError, ValueError: labels without a strength, strengths without a group, other kinds.
    """
    labels, place = numbered("banded_ridge", groups)
    if strengths is None:
        strengths = {label: f"l2_{label}" for label in labels}
    if not isinstance(strengths, Mapping):
        raise TypeError(
            f"banded_ridge: strengths is {strengths!r:.80}, must be a mapping of each group to its "
            'strength such as {"motion": "l2_motion", "words": 0.1}'
        )
    if set(strengths) != set(labels):
        raise ValueError(
            f"banded_ridge: strengths is of the groups {list(strengths)}, and groups has {labels}"
        )
    kept = tuple(
        checked_strength("banded_ridge", strengths[label], f"strength of {label!r}")
        for label in labels
    )
    return Penalty(Closed(_banded_ridge, (kept, checked_where("banded_ridge", where), place)))


def _banded_ridge(
    strengths: tuple[str | float, ...],
    where: Where,
    groups: tuple[int, ...],
    params: Params,
    hyper: Hyper,
) -> Array:
    by_group = jnp.stack([strength_of(strength, hyper) for strength in strengths])
    by_feature = by_group[np.array(groups)]
    found = selected(params, where, len(groups))
    squares = sum(jnp.square(leaf).reshape(len(leaf), -1).sum(axis=1) for leaf in found)
    return 0.5 * (by_feature * squares).sum()
