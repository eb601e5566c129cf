"""Few samples with the same moments as many: squared error of linear models costs nothing in time.

All that a linear model under squared error can know of its samples are the means and covariances
of x and y (its sufficient statistics; Bishop 2006, Pattern Recognition and Machine Learning, eq.
3.13 to 3.19). So features + 2 samples that have the same moments serve any such fit as well as
millions: with every penalty and optimizer, standardised or not, and for every score made of second
moments (mean squared error, R², correlation). The moments are taken in double precision.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.axes import subjects
from jaxneuro.collector import postponed
from jaxneuro.compat import Once
from jaxneuro.fit import Fit, FitState
from jaxneuro.precision import in_full
from jaxneuro.several import single
from jaxneuro.splits import Splits
from jaxneuro.types import Axis, Closed, Inputs


class Condensed(NamedTuple):
    """What goes into `fit_many`: `fit_many(c.fit, c.inputs, [c.axis, *axes])`."""

    fit: Fit
    inputs: Inputs
    axis: Axis


def condense(fit: Fit, inputs: Inputs, splits: Splits, name: str = "fold") -> Condensed:
    """The fitted and the scored samples of each fold, condensed; and the outer axis of the folds.

    Args:
      fit: of a model that is linear in `x`, with a squared-error loss.
      inputs: `x` (sample, *feature), `y` (sample, *output) without missing samples. Samples whose
        weight is 0 are neither fitted nor scored, as with `axes.folds`.
      splits: from `jaxneuro.splits`.
      name: of the axis.

    Returns:
      fit: whose steps look at the rows to fit only.
      inputs: with a fold axis in front, `x` (fold, row, feature), `y` (fold, row, *output), of
        features + 2 rows to fit and as many to score.
      axis: takes one fold; it comes first in `fit_many`.

    Raises:
      ValueError: the fit knows more of its samples than their moments, or `y` has missing samples.
    """
    shape = tuple(single(inputs.x, "condense").shape)
    _check(fit, shape[1:])
    y = np.asarray(inputs.y, np.float64)
    if np.isnan(y).any():
        raise ValueError("condense: y has missing samples (NaN); leave them out by weight, or use "
                         "axes.folds, where each target may miss its own")  # fmt: skip
    x = np.asarray(inputs.x).reshape(len(y), -1)
    used = np.asarray(inputs.weight, np.float64)
    weights = np.concatenate([used * splits.train, (used > 0) * splits.test])
    for i, weight in enumerate(weights):
        if not weight.any():
            part = "test" if i >= len(splits.train) else "train"
            raise ValueError(f"{name} {i % len(splits.train)}: the {part} part is empty")
    made = _samples_of_moments(x, y.reshape(len(y), -1), weights)
    folds, rows = len(splits.train), made[0].shape[1]

    def both(parts: np.ndarray, tail: tuple[int, ...]) -> np.ndarray:
        joined = np.concatenate([parts[:folds], parts[folds:]], axis=1)
        return joined.reshape(folds, 2 * rows, *tail).astype(np.float32)

    fitted = np.repeat(np.arange(2 * rows) < rows, folds).reshape(-1, folds).T
    dtype = np.float32
    condensed = inputs._replace(
        x=both(made[0], (x.shape[1],)),
        y=both(made[1], inputs.y.shape[1:]),
        weight=fitted.astype(dtype),
        held_out=(~fitted).astype(dtype),
        validation=np.zeros_like(fitted, dtype),
    )
    axis = subjects(folds, splits.names or None, name=name)
    return Condensed(_of_first(fit, rows), condensed, axis)


def _of_first(fit: Fit, rows: int) -> Fit:
    """The fit whose steps see the first `rows` samples."""
    return fit._replace(step=Closed(_step_first, (fit, rows)))


def _step_first(fit: Fit, rows: int, inputs: Inputs, state: FitState) -> FitState:
    names = ("x", "y", "weight", "held_out", "validation")
    return fit.step(inputs._replace(**{n: getattr(inputs, n)[:rows] for n in names}), state)


def _samples_of_moments(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each row of `weights` (part, sample), features + 2 samples of the same moments."""
    centre_x, centre_y = x.mean(axis=0, dtype=np.float64), y.mean(axis=0)
    tall, cells = y - centre_y, _cells(weights)
    sums: list[Any]
    if cells is None:
        wide = _about(x, centre_x)
        sums = [_sums(wide, tall, weight) for weight in weights]
    else:  # one cell in memory at a time
        each = [_sums(_about(x[members], centre_x), tall[members]) for _, members in cells]
        shares = np.stack([pattern for pattern, _ in cells], axis=1)
        sums = [
            tuple(sum(w * part[i] for w, part in zip(row, each, strict=True)) for i in range(3))
            for row in shares
        ]
    rows = x.shape[1] + 2
    waves = _waves(rows)
    found = []
    for square, cross, power in sums:
        total = square[0, 0]
        mean_x, mean_y = square[0, 1:] / total, cross[0] / total
        covariance = square[1:, 1:] / total - np.outer(mean_x, mean_x)
        shared = cross[1:] / total - np.outer(mean_x, mean_y)
        spread, along = _factors(covariance, shared)
        rest = power / total - mean_y**2 - (along**2).sum(axis=0)
        rest = np.sqrt(np.maximum(rest, 0))
        new_x = mean_x + waves[:, :-1] @ spread
        new_y = mean_y + waves[:, :-1] @ along + waves[:, -1:] * rest
        found.append((new_x + centre_x, new_y + centre_y))
    return np.stack([a for a, _ in found]), np.stack([b for _, b in found])


def _factors(square: np.ndarray, cross: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some a (feature, feature) and b (feature, output) with a.T @ a = `square` and a.T @ b =
    `cross`: by Cholesky, or by eigenvectors where some features nearly follow from others."""
    try:
        lower = np.linalg.cholesky(square)
        if (np.diagonal(lower) ** 2 > 1e-8 * np.diagonal(square)).all():
            return lower.T, np.linalg.solve(lower, cross)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(square)
    root = np.sqrt(np.maximum(values, 0))
    seen = root > 1e-7 * root.max(initial=0)
    inverse = np.where(seen, 1 / np.where(seen, root, 1), 0)
    return root[:, None] * vectors.T, inverse[:, None] * (vectors.T @ cross)


def _cells(weights: np.ndarray) -> list[tuple[np.ndarray, Any]] | None:
    """Samples that have the same weights in all parts, which are then summed once: the weights
    (part,) and the members of each such cell. None if there are more cells than parts."""
    mixed = np.random.default_rng(0).random(len(weights)) @ weights
    _, first, cell = np.unique(mixed, return_index=True, return_inverse=True)
    patterns = weights[:, first]
    if len(first) > len(weights) or not (patterns[:, cell] == weights).all():
        return None
    return [(patterns[:, i], _members(np.flatnonzero(cell == i))) for i in range(len(first))]


def _members(places: np.ndarray) -> Any:
    """A slice where that says it, which copies nothing."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == len(places) else places


def _about(x: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(sample, 1 + feature): ones, and x about the centre."""
    wide = np.ones((len(x), 1 + x.shape[1]))
    np.subtract(x, centre, out=wide[:, 1:])
    return wide


def _sums(wide: np.ndarray, tall: np.ndarray, weight: np.ndarray | None = None):
    if weight is None:
        return wide.T @ wide, wide.T @ tall, (tall**2).sum(axis=0)
    weighted = wide * weight[:, None]
    return wide.T @ weighted, weighted.T @ tall, weight @ tall**2


def _waves(rows: int) -> np.ndarray:
    """(row, row - 1): columns of mean 0, variance 1 and no correlation (cosines, DCT-II)."""
    place, wave = np.arange(rows) + 0.5, np.arange(1, rows)
    return np.sqrt(2) * np.cos(np.pi * np.outer(place, wave) / rows)


@lru_cache(maxsize=32)
@postponed()
def _check(fit: Fit, shape: tuple[int, ...]) -> None:
    """By trial: the model is affine in x, of which a sample has this shape, and the loss quadratic
    in its prediction."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *shape))
    x = np.stack([x[0], x[1], x[0] + x[1], 0 * x[0]]).astype(np.float32)
    params = jax.eval_shape(lambda: fit.model.init(jax.random.key(0), jnp.asarray(x[:1])))
    params = jax.tree.map(lambda a: rng.normal(size=a.shape).astype(a.dtype), params)
    a, b, sum_, zero = np.asarray(_applied(fit.model.apply, params, x))
    if np.abs(a + b - sum_ - zero).max() > 1e-3 * np.abs([a, b, sum_, zero]).max():
        raise ValueError("condense: the model is not linear in x; condensed samples have only the "
                         "same means and covariances")  # fmt: skip
    try:
        points = np.array([[-1.0] * 3, [0.5] * 3, [2.0] * 3], np.float32)
        slopes = np.asarray(_slopes(fit.loss, points))
        straight = np.allclose(slopes[1] - slopes[0], slopes[2] - slopes[1], rtol=1e-4, atol=1e-5)
        straight &= np.allclose(np.diff(slopes[0]), np.diff(slopes[1]), rtol=1e-4, atol=1e-5)
    except (TypeError, ValueError, IndexError):  # of class labels
        straight = False
    if not straight:
        raise ValueError("condense: the loss is not a squared error; condensed samples have only "
                         "the same means and covariances")  # fmt: skip


@partial(Once, static=("apply",))
@in_full
def _applied(apply: Callable, params: Any, x: Any) -> Any:
    return apply(params, x)


@partial(Once, static=("loss",))
def _slopes(loss: Callable, points: Any) -> Any:
    """(point, sample) derivatives of a loss in its prediction."""
    y = jnp.asarray([1.0, 0.0, 3.0])
    return jax.vmap(jax.grad(lambda prediction: loss(prediction, y).sum()))(points)
