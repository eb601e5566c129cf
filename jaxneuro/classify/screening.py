"""Features that tell the classes apart one by one: analysis of variance inside each fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax.tree_util import Partial

from jaxneuro import several
from jaxneuro.axes.parts import as_given, positive
from jaxneuro.classify.classifiers import members
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Axis, Inputs


@in_full
def anova(x: Array, y: Array, weight: Array, classes: int) -> Array:
    """(feature,) F of a one-way analysis of variance between classes, as scikit-learn's `f_classif`
    has it; 0 of a feature that does not vary.

    Args:
      x: (sample, feature).
      y: (sample,) classes from 0.
      weight: (sample,) 0 = left out, 2 = drawn twice.
      classes: how many; those without weight do not count.
    """
    member = members(y, classes, x) * weight[:, None]
    count = member.sum(axis=0)
    total, there = count.sum(), (count > 0).sum()
    centred = x - (weight @ x) / jnp.maximum(total, 1e-30)
    means = (member.T @ centred) / jnp.where(count > 0, count, 1)[:, None]
    between = count @ jnp.square(means)
    within = jnp.maximum(weight @ jnp.square(centred) - between, 0)
    freedom = jnp.maximum(total - there, 1) / jnp.maximum(there - 1, 1)
    varies = between + within > 1e-6 * (weight @ jnp.square(x))
    return jnp.where(varies, freedom * between / jnp.where(within > 0, within, 1e-30), 0)


def screening(counts: Sequence[int], classes: int, name: str = "kept") -> Axis:
    """One fit for each number of features, those of the greatest F among the samples that *this*
    fit is fitted on: an axis of a grid, so that the number is chosen on inner folds and no held-out
    sample has a say. Folded into the first layer, as `axes.ablations`; `x` stays shared.

    Args:
      counts: numbers of the flattened features; one that is greater than there are keeps all.
      classes: how many `y` has.

    Raises:
      ValueError: a count below 1.
    """
    if not len(counts) or min(counts) < 1:
        raise ValueError(f"counts is {counts!r}: numbers of features, from 1")
    select = Partial(_Screen(classes), jnp.asarray(counts, jnp.int32))
    return Axis(name, positive(name, len(counts)), select, tuple(map(int, counts)), pad=as_given)


class _Screen(NamedTuple):
    classes: int

    def __call__(self, counts: Array, inputs: Inputs, index: Array) -> Inputs:
        x = several.single(inputs.x, "an axis of features")
        found = anova(x.reshape(len(x), -1), inputs.y, inputs.weight, self.classes)
        if inputs.features is not None:
            found = jnp.where(inputs.features > 0, found, -1)
        rank = jnp.zeros(len(found), jnp.int32).at[jnp.argsort(-found)].set(
            jnp.arange(len(found), dtype=jnp.int32)
        )  # fmt: skip
        own = (rank < counts[index]).astype(x.dtype)
        return inputs._replace(features=own if inputs.features is None else own * inputs.features)
