"""Classifiers that are linear in the features: each class has a score, and the highest wins.

Pure functions of one fit, in closed form or nearly so: `vmap` makes thousands of windows, folds
and permutations one program. Trials left out have weight 0; features are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.classify.factor import whitening
from jaxneuro.precision import in_full
from jaxneuro.types import Array

_NEVER = -1e30  # score of a class without a training trial


class Linear(NamedTuple):
    """Scores of each class, x · kernel + bias.

    Attributes:
      kernel: (feature, class).
      bias: (class,).
    """

    kernel: Array
    bias: Array

    @in_full
    def scores(self, x: Array) -> Array:
        """(trial, class) of `x` (trial, feature)."""
        return x @ self.kernel + self.bias

    def predict(self, x: Array) -> Array:
        """(trial,) the class of the highest score; the first of equals."""
        return self.scores(x).argmax(axis=-1)


@in_full
def lda(
    x: Array, y: Array, weight: Array, classes: int, shrinkage: float | str = "ledoit_wolf"
) -> Linear:
    """Linear discriminant analysis with a shrunken covariance, exactly; priors are the shares of
    the classes. Scores are log p(class | x) up to a term that classes share.

    The covariance of each class is shrunk towards a multiple of the identity, and they are averaged
    by these shares: as scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage=...)`
    ("auto" there is "ledoit_wolf" here), at the price of the fewer of trials and features, cubed.
    Features that vary in no class change nothing.

    Args:
      x: (trial, feature).
      y: (trial,) classes from 0.
      weight: (trial,) 0 = left out, 2 = drawn twice.
      classes: how many. One without weight is never predicted.
      shrinkage: from 0 (none: there must be more trials than features) to 1 (variance is all
        alike), or "ledoit_wolf" (2004, J. Multivar. Anal. 88:365), which is estimated for each
        class, of features in its own standard units.
    """
    member, count, mean = _class_means(x, y, weight, classes)
    inside = x - member @ mean
    total = count.sum()
    if shrinkage == "ledoit_wolf":
        spread, part, share, products = _ledoit_wolf(inside, member, weight, count)
    else:
        assert not isinstance(shrinkage, str), shrinkage
        share, products = jnp.full(classes, shrinkage, x.dtype), None
        spread = jnp.ones((classes, x.shape[1]), x.dtype)
        variance = _by_class(jnp.square(inside), member, weight, count)
        part = variance.sum(axis=1) / _varying(variance)
    ridge = ((count / total * share * part)[:, None] * jnp.square(spread)).sum(axis=0)
    left = (1 - share) / total  # of the covariance of each class
    if products is not None:
        gram = jnp.einsum("c,cf,cfg,cg->fg", left, spread, products, spread)
        varies = ridge + jnp.diagonal(gram) > 0
        kernel = _positive(gram + jnp.diag(jnp.where(varies, ridge, 1)), mean.T)
    else:
        rows = inside * jnp.sqrt(weight * (member @ left))[:, None]
        varies = ridge + jnp.square(rows).sum(axis=0) > 0
        kernel = _solve(jnp.where(varies, ridge, 1), rows, mean.T)
    bias = -0.5 * (mean.T * kernel).sum(axis=0)
    prior = jnp.where(count > 0, jnp.log(jnp.maximum(count, 1e-30) / total), _NEVER)
    return Linear(kernel, bias + prior)


@in_full
def max_correlation(x: Array, y: Array, weight: Array, classes: int) -> Linear:
    """The class whose mean training pattern correlates best with the trial's, over features
    (Haxby et al. 2001, Science 293:2425; Meyers 2013, Front. Neuroinform. 7:8).

    Scores are these correlations times the length of the trial's centred pattern, which classes
    share. Takes what `lda` takes. A mean pattern without variance has score 0.
    """
    _, count, mean = _class_means(x, y, weight, classes)
    pattern = mean - mean.mean(axis=1, keepdims=True)
    length = jnp.linalg.norm(pattern, axis=1, keepdims=True)
    kernel = (pattern / jnp.where(length > 0, length, 1)).T
    return Linear(kernel, jnp.where(count > 0, 0, _NEVER).astype(x.dtype))


CLASSIFIERS: dict[str, Callable[..., Linear]] = {"lda": lda, "max_correlation": max_correlation}


def members(y: Array, classes: int, like: Array) -> Array:
    """(trial, class) 1 where a trial is of the class."""
    return (y[:, None] == jnp.arange(classes)).astype(like.dtype)


def _class_means(x: Array, y: Array, weight: Array, classes: int) -> tuple[Array, Array, Array]:
    """(trial, class) membership, (class,) weight, (class, feature) mean: 0 where it has none."""
    member = members(y, classes, x)
    weighted = member * weight[:, None]
    count = weighted.sum(axis=0)
    return member, count, weighted.T @ x / _some(count)[:, None]


def _ledoit_wolf(
    inside: Array, member: Array, weight: Array, count: Array
) -> tuple[Array, Array, Array, Array | None]:
    """Of each class its features' deviations (class, feature), and in these units the mean variance
    (class,), the shrinkage (class,) and, where trials outnumber the features of all classes, sums
    of products (class, feature, feature); `inside` (trial, feature) is about the classes' means."""
    classes = len(count)
    variance = _by_class(jnp.square(inside), member, weight, count)
    features = _varying(variance)
    spread = jnp.sqrt(jnp.where(variance > 0, variance, 1))
    z = inside / (member @ spread) * jnp.sqrt(weight)[:, None]
    trace = jnp.where(variance > 0, 1, 0).sum(axis=1).astype(z.dtype)
    length = jnp.square(jnp.square(z).sum(axis=1)) / jnp.where(weight > 0, weight, 1)
    if classes * z.shape[1] <= len(z):  # the correlations' squares, by the smaller of two products
        products = jnp.einsum("tf,tc,tg->cfg", z, member, z)
        squares = jnp.square(products).sum(axis=(1, 2))
    else:
        products = None
        squares = ((jnp.square(z @ z.T) @ member) * member).sum(axis=0)
    square = squares / jnp.square(_some(count))
    away = (member.T @ length / _some(count) - square) / _some(count)
    far = square - jnp.square(trace) / features
    away = jnp.clip(away, 0, far)
    share = jnp.where(away > 0, away / jnp.where(far > 0, far, 1), 0)
    return spread, trace / features, share, products


def _varying(variance: Array) -> Array:
    """How many features vary within some class (class, feature): others are as if not there."""
    return jnp.maximum((variance > 0).any(axis=0).sum(), 1)


def _by_class(values: Array, member: Array, weight: Array, count: Array) -> Array:
    """(class, feature) weighted means of `values` (trial, feature)."""
    return (member * weight[:, None]).T @ values / _some(count)[:, None]


def _some(count: Array) -> Array:
    return jnp.where(count > 0, count, 1)


def _solve(ridge: Array, rows: Array, right: Array) -> Array:
    """(diag(ridge) + rowsᵀ rows)⁻¹ right, by the smaller of two systems (Woodbury)."""
    trials, features = rows.shape
    if features <= trials:
        gram = rows.T @ rows + jnp.diag(ridge)
        return _positive(gram, right)
    ahead, scaled = right / ridge[:, None], rows / ridge
    inner = jnp.eye(trials, dtype=rows.dtype) + scaled @ rows.T
    return ahead - scaled.T @ _positive(inner, rows @ ahead)


def _positive(matrix: Array, right: Array) -> Array:
    root = whitening(matrix)
    return root.T @ (root @ right)
