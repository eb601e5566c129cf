"""Held-out errors of banded ridge: of all candidates and penalties, in one compiled program.

With z the training part of a target along the eigenvectors of the Gram matrix, s its eigenvalues,
and Q the Gram matrix of the held-out part along them, the held-out error of penalty l is

    Σ ỹ² - 2·Σⱼ dⱼ zⱼ cⱼ + Σⱼₖ dⱼ dₖ Qⱼₖ zⱼ zₖ,    d = 1 / (s + l), c = that part's products with ỹ.

The last sum would be a matrix product for each penalty. As dⱼ dₖ = (dⱼ - dₖ) / (sₖ - sⱼ), it is
2·Σⱼ dⱼ zⱼ (Lz)ⱼ with Lⱼₖ = Qⱼₖ / (sₖ - sⱼ): one product for all penalties. Eigenvalues closer than
a part τ of themselves would cancel: there dⱼ dₖ ≈ (dⱼ² + dₖ²) / 2, wrong by at most τ² / 2 of it,
gives Σⱼ dⱼ² zⱼ (Nz)ⱼ with N those entries of Q. Rounding of the others is ε / τ: τ is (ε / 4)^⅓,
where both are small.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.compat import Once
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_REACH = 6  # neighbours among the eigenvalues that are summed without a matrix product


class Part(NamedTuple):
    """Some of the samples, for each fold: their places and weights, (fold, n), sum of these 1."""

    places: Array
    share: Array


class Primal(NamedTuple):
    """Features are fewer: x (sample, feature), and the band of each feature."""

    x: Array
    band: Array


class Dual(NamedTuple):
    """Samples are fewer: also grams (band, sample, sample), of each band's features alone."""

    x: Array
    band: Array
    grams: Array


class _Sides(NamedTuple):
    """What is seen of the targets in a fold.

    Attributes:
      inner, outer: (block, m, target) of the fitted and of the scored samples.
      total: (block, target) mean square of the scored ones.
    """

    inner: Array
    outer: Array
    total: Array


class _Axes(NamedTuple):
    """A fold along the eigenvectors, for a candidate.

    Attributes:
      values: (k,) ascending.
      onto, across: (k, m) that take `inner` and `outer` of the targets there.
      seen: (k, k) Gram matrix of the scored part, per weight.
    """

    values: Array
    onto: Array
    across: Array
    seen: Array


def eigen(gram: Array) -> tuple[Array, Array]:
    """Eigenvalues, none below 0, and vectors."""
    values, vectors = jnp.linalg.eigh(gram)
    return jnp.maximum(values, 0), vectors


def doubly_centred(gram: Array, share: Array) -> Array:
    """(n, n) products of samples, as of features centred and weighted by `share` (n,)."""
    row = gram @ share
    return (gram - row - row[:, None] + share @ row) * jnp.sqrt(share * share[:, None])


class Found(NamedTuple):
    """Of each target: the least errors (candidate, target), and which candidate and penalty."""

    errors: Array
    candidate: Array
    penalty: Array


@Once
@in_full
def search(
    design: Primal | Dual, y: Array, train: Part, test: Part, candidates: Array, l2: Array
) -> Found:
    """Targets y (block, sample, target) in blocks; l2 (P,), the first of equals is taken."""
    folds = jax.lax.map(lambda parts: _fold(design, y, *parts), (train, test))

    def one(best: tuple[Array, Array, Array], candidate: tuple[Array, Array]):
        which, gamma = candidate

        def add(sums: Array, fold):
            parts, grams, sides = fold
            if isinstance(design, Primal):
                axes = _primal_axes(jnp.sqrt(gamma[design.band]), *grams)
            else:
                axes = _dual_axes(jnp.tensordot(gamma, design.grams, 1), *parts)
            return sums + _errors(axes, sides, l2), None

        zero = jnp.zeros((len(y), len(l2), y.shape[2]), y.dtype)
        sums, _ = jax.lax.scan(add, zero, ((train, test), *folds))
        errors = jnp.maximum(sums, 0) / len(train.places)
        penalty = errors.argmin(axis=1)
        least = errors.min(axis=1)
        error, old_candidate, old_penalty = best
        # of equal errors the strongest penalty, and of equal ones the first candidate
        better = (least < error) | ((least == error) & (penalty < old_penalty))
        best = (
            jnp.where(better, least, error),
            jnp.where(better, which, old_candidate),
            jnp.where(better, penalty, old_penalty),
        )
        return best, least

    shape = (len(y), y.shape[2])
    start = (jnp.full(shape, jnp.inf, y.dtype), *jnp.zeros((2, *shape), int))
    (_, chosen, penalty), errors = jax.lax.scan(
        one, start, (jnp.arange(len(candidates)), candidates)
    )
    return Found(errors.reshape(len(candidates), -1), chosen.ravel(), penalty.ravel())


def _fold(design: Primal | Dual, y: Array, train: Part, test: Part):
    """Gram matrices of the features in both parts, and the features' products with targets; or
    no matrices, and the targets themselves by the roots of the weights."""
    if isinstance(design, Primal):
        inside, outside = design.x[train.places], design.x[test.places]
        mean = train.share @ inside
        inside, outside = inside - mean, outside - mean
        inner, outer = inside.T * train.share, outside.T * test.share
        grams = (inner @ inside, outer @ outside)
    else:
        inner, outer = (jnp.sqrt(part.share)[:, None] for part in (train, test))
        grams = ()

    def side(block: Array) -> _Sides:
        given = block[train.places]
        mean = train.share @ given
        given, wanted = given - mean, block[test.places] - mean
        total = test.share @ jnp.square(wanted)
        if isinstance(design, Primal):
            return _Sides(inner @ given, outer @ wanted, total)
        return _Sides(inner * given, outer * wanted, total)

    return grams, jax.lax.map(side, y)


def _primal_axes(scale: Array, train: Array, test: Array) -> _Axes:
    values, vectors = eigen(train * scale * scale[:, None])
    onto = vectors.T * scale
    return _Axes(values, onto, onto, onto @ test @ onto.T)


def _dual_axes(gram: Array, train: Part, test: Part) -> _Axes:
    inside = gram[train.places[:, None], train.places]
    values, vectors = eigen(doubly_centred(inside, train.share))
    between = gram[test.places[:, None], train.places]
    row = inside @ train.share
    between = between - (between @ train.share)[:, None] - row + train.share @ row
    roots = jnp.sqrt(test.share)[:, None] * jnp.sqrt(train.share)
    across = ((between * roots) @ vectors).T
    return _Axes(values, vectors.T, across, across @ across.T)


def _errors(axes: _Axes, sides: _Sides, l2: Array) -> Array:
    """(block, P, target), as the head of this file has it."""
    values, limits = axes.values, np.finfo(axes.values.dtype)
    gap = values - values[:, None]
    floor = jnp.minimum(values[-1] * 16 * limits.eps, l2.min())  # below it values are rounding
    tau = float((limits.eps / 4) ** (1 / 3))
    near = jnp.abs(gap) <= tau * (jnp.maximum(values, values[:, None]) + floor)
    far = jnp.where(near, 0, axes.seen / jnp.where(near, 1, gap))
    near = jnp.where(near, axes.seen, 0)
    shrunk = 1 / (values + l2[:, None])
    reach = min(_REACH, len(values) - 1)
    index = jnp.arange(len(values))
    narrow = ~jnp.any((near != 0) & (jnp.abs(index - index[:, None]) > reach))
    diagonals = [jnp.diagonal(near, k)[:, None] for k in range(reach + 1)]

    def by_diagonals(along: Array) -> Array:
        found = diagonals[0] * jnp.square(along)
        for k, diagonal in enumerate(diagonals[1:], 1):  # each pair once, for both of its places
            pairs = diagonal * along[:-k] * along[k:]
            found += jnp.pad(pairs, ((0, k), (0, 0))) + jnp.pad(pairs, ((k, 0), (0, 0)))
        return found

    def block(sides: _Sides) -> Array:
        along = axes.onto @ sides.inner
        once = along * (far @ along - axes.across @ sides.outer)
        twice = jax.lax.cond(narrow, by_diagonals, lambda a: a * (near @ a), along)
        return sides.total + 2 * (shrunk @ once) + jnp.square(shrunk) @ twice

    return jax.lax.map(block, sides)
