"""The Fisher information of generalised linear models, and what follows from it, in float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro.losses import Loss
from jaxneuro.statistics.arrays import Floats

_SINGULAR = 1e-12  # of the largest eigenvalue of the information
_NUMBERS = 2_000_000  # of products worked on at a time


class Design(NamedTuple):
    """Features in standard units and a column of ones, (sample, feature + 1), and what takes
    coefficients back: raw x = mean + scale · x."""

    x: Floats
    mean: Floats
    scale: Floats


def make_design(x: np.ndarray, of: Any) -> Design:
    """Of `x` (sample, *feature), relative to the origin `of`."""
    x = x.reshape(len(x), -1).astype(np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    x = np.concatenate([(x - mean) / scale, np.ones((len(x), 1))], axis=1)
    if of is not None:
        unit = np.ldexp(1.0, np.asarray(of.exponent)).ravel()
        mean, scale = (mean + np.asarray(of.offset, np.float64).ravel()) * unit, scale * unit
    return Design(x, mean, scale)


def fit_errors(
    loss: Loss,
    design: Design,
    coefficients: Floats,
    y: Floats,
    weight: Floats,
    seen: NDArray[np.bool_],
    sandwich: bool,
    dispersion: float | None,
) -> tuple[Floats, Floats]:
    """Errors (fit, feature + 1) of fits that share their features; and their dispersion,
    log-likelihood, aic, bic and samples, (5, fit).

    Args:
      coefficients: (fit, feature + 1) for raw features, the bias last.
      y: (fit, sample), NaN = missing.
      weight: (fit, sample).
      seen: (fit, feature) which features a fit has.
    """
    there = ~np.isnan(y)
    weight, y = np.where(there, weight, 0), np.where(there, y, 0)
    found = scatter(loss, design, coefficients, y, weight, seen, sandwich, dispersion)
    covariance, seen = found.covariance, found.seen
    samples, size = weight.sum(axis=1), seen.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        back = np.append(-design.mean / design.scale, 1) * seen  # the bias, of standard ones
        variance = np.diagonal(covariance, axis1=1, axis2=2).copy()
        variance[:, -1] = np.einsum("ni,nij,nj->n", back, covariance, back)
        errors = np.sqrt(np.maximum(variance, 0)) / np.append(design.scale, 1)
        scale = found.dispersion if dispersion is None else np.full(len(y), dispersion)
        likelihood = _log_likelihood(loss, y, found.mean, found.value, weight, scale)
        bic = np.log(samples) * size - 2 * likelihood
    others = np.stack([found.dispersion, likelihood, 2 * size - 2 * likelihood, bic, samples])
    return np.where(seen, errors, np.nan), others


class Scatter(NamedTuple):
    """How the coefficients of features in standard units scatter; with the bias, the last column.

    Attributes:
      coefficients: (fit, column).
      covariance: (fit, column, column), 0 for features that a fit does not see; NaN where the
        information is singular.
      seen: (fit, column).
      dispersion: (fit,) Pearson's.
      mean, value: (fit, sample) what the fits expect, and their loss there.
    """

    coefficients: Floats
    covariance: Floats
    seen: NDArray[np.bool_]
    dispersion: Floats
    mean: Floats
    value: Floats


def scatter(
    loss: Loss,
    design: Design,
    coefficients: Floats,
    y: Floats,
    weight: Floats,
    seen: NDArray[np.bool_],
    sandwich: bool,
    dispersion: float | None,
) -> Scatter:
    """See `fit_errors`; no `y` is missing that has weight."""
    standard = coefficients * np.append(design.scale, 1)
    standard[:, -1] += coefficients[:, :-1] @ design.mean
    with jax.enable_x64(True):
        found = _moments(loss, standard @ design.x.T, y)
        mean, slope, curvature, score, bend, value = (np.asarray(a, np.float64) for a in found)
    varies = np.abs(design.x[:, :-1]).max(axis=0) > 0
    seen = np.concatenate([seen & varies, np.ones((len(y), 1), bool)], axis=1)
    samples, size = weight.sum(axis=1), seen.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = np.where(weight > 0, weight * (y - mean) ** 2 * curvature / slope**2, 0)
        spread = pearson.sum(axis=1) / np.where(samples > size, samples - size, np.nan)
        curved = bend if sandwich else curvature
        curved, squares = (np.where(weight > 0, weight * a, 0) for a in (curved, score**2))
        covariance = _inverse(_products(design.x, curved), seen)
        if sandwich:
            covariance = covariance @ _products(design.x, squares) @ covariance
        else:
            scale = spread if dispersion is None else np.full(len(y), dispersion)
            covariance = covariance * scale[:, None, None]
    return Scatter(standard, covariance, seen, spread, mean, value)


def _products(x: Floats, weight: Floats) -> Floats:
    """(fit, column, column) sums over samples of weight · x · x."""
    fits, columns = len(weight), x.shape[1]
    found, block = np.zeros((fits, columns, columns)), max(1, _NUMBERS // (fits * columns))
    for first in range(0, len(x), block):
        part, own = x[first : first + block], weight[:, first : first + block]
        weighted = own[:, None] * part.T
        found += (weighted.reshape(-1, len(part)) @ part).reshape(found.shape)
    return found


@partial(jax.jit, static_argnums=0)
def _moments(loss: Loss, prediction: Any, y: Any) -> tuple:
    """The mean, its slope in the prediction; curvature that is expected of the loss, its slope,
    its curvature at these `y`, and its value."""
    one = jnp.ones_like(prediction)
    mean, slope = jax.jvp(loss.response, (prediction,), (one,))
    curvature = loss.curvature(mean) if loss.curvature is not None else mean
    score, bend = jax.jvp(jax.grad(lambda p: loss(p, y).sum()), (prediction,), (one,))
    return mean, slope, curvature, score, bend, loss(prediction, y)


def _inverse(information: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Of the columns seen, in standard units, 0 for the others; NaN where it is singular."""
    both = seen[:, :, None] & seen[:, None]
    rest = np.eye(seen.shape[1]) * information[:, -1:, -1:]  # of a like size, to stay regular
    kept = np.where(both, information, rest)
    values, vectors = np.linalg.eigh(np.where(np.isfinite(kept), kept, 0))
    inverse = (vectors / values[:, None]) @ vectors.swapaxes(1, 2)
    sound = np.isfinite(kept).all(axis=(1, 2)) & (values[:, 0] > _SINGULAR * values[:, -1])
    return np.where(sound[:, None, None], np.where(both, inverse, 0), np.nan)


def _log_likelihood(loss: Loss, y, mean, value, weight, dispersion) -> Floats:
    """(fit,) with constants; NaN where they are not known. Gaussian ones are at the variance that
    is likeliest, those of other losses without a dispersion of their own at the one given."""
    samples = weight.sum(axis=1)
    if loss.normaliser is None:
        return np.full(samples.shape, np.nan)
    if loss.dispersion is not None:
        dispersion = np.full(samples.shape, loss.dispersion)
    elif loss.equivariant:
        dispersion = (weight * (y - mean) ** 2).sum(axis=1) / samples
    with jax.enable_x64(True):
        found = _normalisers(loss.normaliser, y, dispersion[:, None])
    each = value / dispersion[:, None] + np.asarray(found, np.float64)
    return -np.where(weight > 0, weight * each, 0).sum(axis=1)


@partial(jax.jit, static_argnums=0)
def _normalisers(normaliser: Callable, y: Any, dispersion: Any) -> Any:
    return normaliser(y, dispersion)
