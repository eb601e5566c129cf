"""Classifiers of one sphere and fold that see training labels through sums of each class alone.

The scatter of the features does not depend on the labels, so that what is dear is done once and
shared by all permutations, which are the last axis of everything here. Features have mean 0 and
deviation 1 over the training samples; one that does not vary, or only fills up a sphere, is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.classify.factor import whitening
from jaxneuro.types import Array

NEVER = -1e30  # score of a class without a training sample
_SMALL = 32  # rows up to which elimination is fastest


class Sphere(NamedTuple):
    """What no label has a say in.

    Attributes:
      scatter: (feature, feature) sums of products over the training samples.
      tested: (sample, feature) held out.
      member: (feature,) 0 where a feature only fills up.
      total: () training samples, by their weight.
    """

    scatter: Array
    tested: Array
    member: Array
    total: Array


class Sums(NamedTuple):
    """What the labels say: by class, (feature, class, permutation) sums of the training samples,
    and (class, permutation) how many these are."""

    sums: Array
    counts: Array


class Ridge(NamedTuple):
    """Least squares on the indicators of the classes with the penalty `l2 · total · Σ kernel²`
    (Rifkin & Lippert 2004, "Notes on regularized least squares"): `RidgeClassifier` of
    scikit-learn, `alpha = l2 · total`. Permutations are one matrix product."""

    strength: Array

    def prepare(self, sphere: Sphere) -> Any:
        diagonal = self.strength * sphere.total * jnp.eye(len(sphere.scatter))
        return sphere.tested @ inverse(sphere.scatter + diagonal)

    def scores(self, prepared: Any, of: Sums) -> Array:
        """(sample, class - 1, permutation), differences from the first class."""
        sums = of.sums[:, 1:] - of.sums[:, :1]
        prior = (of.counts[1:] - of.counts[:1]) / of.counts.sum(axis=0)
        return product(prepared, sums) + prior


class Discriminant(NamedTuple):
    """`classify.lda` of a fixed shrinkage, to the last digit but for rounding: the scatter within
    classes is that of all less a product of as many columns as classes (Woodbury)."""

    strength: Array

    def prepare(self, sphere: Sphere) -> Any:
        values, vectors = jnp.linalg.eigh(sphere.scatter)
        features = jnp.maximum((jnp.diagonal(sphere.scatter) > 0).sum(), 1)
        return jnp.maximum(values, 0), vectors, sphere.tested @ vectors, features

    def scores(self, prepared: Any, of: Sums) -> Array:
        values, vectors, tested, features = prepared
        total = of.counts.sum(axis=0)
        some = jnp.where(of.counts > 0, of.counts, 1)
        mean = product(vectors.T, of.sums) / some
        within = values.sum() - (of.counts * jnp.square(mean)).sum(axis=(0, 1))
        slope = (1 - self.strength) / total
        ridge = self.strength * jnp.maximum(within, 0) / (total * features)
        scale = slope * values[:, None] + ridge  # (feature, permutation)
        ahead = mean / jnp.where(scale > 0, scale, 1)[:, None]
        root = jnp.sqrt(slope * of.counts)
        rooted, ahead = mean * root, ahead * root
        inside = (rooted[:, :, None] * ahead[:, None]).sum(axis=0)
        identity = jnp.eye(len(root), dtype=root.dtype)[:, :, None]
        inner = eliminated(identity - inside)
        kernel = (ahead[:, :, None] * inner).sum(axis=1) / jnp.where(root > 0, root, 1)
        bias = -0.5 * (mean * kernel).sum(axis=0)
        prior = jnp.where(of.counts > 0, jnp.log(some / total), NEVER)
        return product(tested, kernel) + (bias + prior)


class Correlation(NamedTuple):
    """`classify.max_correlation`: the class whose mean pattern correlates best."""

    strength: Array

    def prepare(self, sphere: Sphere) -> Any:
        return sphere.tested, sphere.member

    def scores(self, prepared: Any, of: Sums) -> Array:
        tested, member = prepared[0], prepared[1][:, None, None]
        mean = of.sums / jnp.where(of.counts > 0, of.counts, 1)
        pattern = (mean - mean.sum(axis=0) / jnp.maximum(member.sum(), 1)) * member
        length = jnp.linalg.norm(pattern, axis=0)
        found = product(tested, pattern / jnp.where(length > 0, length, 1))
        return found + jnp.where(of.counts > 0, 0, NEVER)


LOCAL: dict[str, Any] = {
    "ridge": Ridge, "lda": Discriminant, "max_correlation": Correlation,
}  # fmt: skip


def winner(scores: Array, classes: int) -> Array:
    """(sample, permutation) the class of the highest score of (sample, class, permutation), the
    first of equals; without scores of the first class, these are differences from it. One class
    after the other, so that permutations stay side by side: twice as fast as `argmax` on CPUs."""
    found = jnp.zeros(scores[:, 0].shape, jnp.int32)
    first = classes - scores.shape[1]
    best = jnp.zeros_like(scores[:, 0]) if first else scores[:, 0]
    for k in range(1 - first, scores.shape[1]):
        better = scores[:, k] > best
        best, found = jnp.where(better, scores[:, k], best), jnp.where(better, k + first, found)
    return jnp.where(jnp.isnan(best), -1, found)


def product(matrix: Array, right: Array) -> Array:
    """`matrix` (row, feature) times `right` (feature, class, permutation), as one product."""
    flat = matrix @ right.reshape(len(right), -1)
    return flat.reshape(len(matrix), *right.shape[1:])


def inverse(matrix: Array) -> Array:
    """Of a positive definite (n, n). `jnp.linalg.inv` of a batch on a CPU takes twice as long for
    28 rows, and 80 times as long for 96."""
    if len(matrix) <= _SMALL:
        return eliminated(matrix)
    root = whitening(matrix)
    return root.T @ root


def eliminated(matrix: Array) -> Array:
    """The inverse of (n, n, ...) by Gauss and Jordan without pivots, which what is positive
    definite does not need; all later axes go in step."""

    def step(k: Array, a: Array) -> Array:
        row, column = a[k] / a[k, k], a[:, k]
        row = row.at[k].set(1 / a[k, k])
        a = a - column[:, None] * row
        a = a.at[:, k].set(-column / column[k])
        return a.at[k].set(row)

    return jax.lax.fori_loop(0, len(matrix), step, matrix)
