"""Standard errors, intervals and information criteria of generalised linear models, many at once.

At the maximum of the likelihood, estimates scatter about the truth by the inverse of the Fisher
information, I = Σ w c(μ) x xᵀ over samples, where c is the curvature of the loss in the prediction
that is expected at that mean.
All of it is in float64 on the host: the products of many features leave float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import losses, origin
from jaxneuro.engine import buckets
from jaxneuro.engine.lane import select_row, selects_of
from jaxneuro.engine.rows import groups_of, outer_inputs
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import layer_of
from jaxneuro.fits import Fits
from jaxneuro.losses import Loss
from jaxneuro.several import single
from jaxneuro.statistics.arrays import Floats, fraction
from jaxneuro.statistics.distributions import normal_cdf, normal_quantile
from jaxneuro.statistics.information import Design, fit_errors, make_design
from jaxneuro.types import Inputs

_NUMBERS = 1_000_000  # of `y` worked on at a time


class Coefficients(NamedTuple):
    """Estimates and how sure they are: errors, Wald intervals, and p of the estimate being 0 (two-
    sided, normal). NaN of features left out, and where the information is singular."""

    estimate: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    p: Floats


class Wald(NamedTuple):
    """What the Fisher information says of each fit.

    Attributes:
      kernel: (*axes, feature), or (*axes, feature, output) of several outputs.
      bias: (*axes) or (*axes, output), as all that follow.
      dispersion: Pearson's χ² over its degrees of freedom: above 1 for counts that vary more than
        the loss supposes; of squared errors the variance of the noise, of `losses.gamma` φ.
      log_likelihood: with all constants, of squared errors at the likeliest variance, of
        `losses.gamma` at the dispersion; NaN for losses whose constants are not known
        (`Loss.normaliser`).
      aic, bic: of Akaike and Schwarz, without a parameter for the dispersion, as statsmodels.
      samples: the sum of weights.
    """

    kernel: Coefficients
    bias: Coefficients
    dispersion: Floats
    log_likelihood: Floats
    aic: Floats
    bic: Floats
    samples: Floats


def wald(
    fits: Fits,
    inputs: Inputs,
    *,
    sandwich: bool = False,
    dispersion: float | None = None,
    level: float = 0.95,
) -> Wald:
    """Standard errors and more of fits of `models.linear()`, whatever their axes, by the Fisher
    information (McCullagh & Nelder 1989, §2.5).

    A penalty is not counted: shrunken estimates scatter less than this says, about a value that is
    not the truth. Fits of few samples for their features say nothing reliable here.

    Args:
      fits: of a linear model and a loss with a known curvature: Poisson, negative binomial,
        Bernoulli, gamma, squared errors.
      inputs: those that were fitted.
      sandwich: errors that hold although the variance is not as the loss supposes (White 1980,
        Econometrica 48:817, HC0), for independent samples; by the observed information, which
        where the link is not canonical is not the expected one.
      dispersion: of the plain errors. None: that of the loss, 1 for counts and outcomes of 0 and
        1, else estimated.
      level: of the intervals.

    Raises:
      ValueError: another model or loss, `fits` without parameters, or an axis that changes `x` and
        is not an outer one.
    """
    level, (loss, kernel, bias) = fraction("level", level), linear_fits(fits, "wald")
    if dispersion is None:
        dispersion = loss.dispersion
    coefficients = np.concatenate([kernel, bias[..., None]], axis=2)
    errors, others = np.full(coefficients.shape, np.nan), np.full((5, *bias.shape), np.nan)
    tail: tuple[int, ...] = bias.shape[1:]
    for design, rows, part in parts(fits, inputs):
        if part.y.ndim == 2:
            tail, part = (), part._replace(y=part.y[..., None])
        for output in range(part.y.shape[2]):
            errors[rows, output], others[:, rows, output] = fit_errors(
                loss, design, coefficients[rows, output], part.y[..., output],
                part.weight, part.features > 0, sandwich, dispersion,
            )  # fmt: skip
    edge, shape = float(normal_quantile((1 + level) / 2)), fits.shape
    errors, kernel = errors.swapaxes(1, 2), kernel.swapaxes(1, 2)
    return Wald(
        _coefficients(kernel, errors[:, :-1], edge, (*shape, kernel.shape[1], *tail)),
        _coefficients(bias, errors[:, -1], edge, (*shape, *tail)),
        *(values.reshape((*shape, *tail)) for values in others),
    )


def linear_fits(fits: Fits, asks: str) -> tuple[Loss, Floats, Floats]:
    """The loss, as the information takes it, kernel (fit, output, feature) and bias (fit, output).

    Raises:
      ValueError: another model or loss; `asks` says what takes these.
    """
    fit = fits.fit
    if not isinstance(fit, Fit):
        raise ValueError(
            f"{asks}: these fits were loaded, without their loss: it takes those of a run"
        )
    layer = fit.model.readout
    if layer is None or layer != fit.model.first_layer:
        raise ValueError(f"{asks}: the model is not linear: it takes fits of models.linear()")
    if fits.params is None:
        raise ValueError(f'{asks}: the parameters were not kept; fit with keep="all"')
    loss = fit.loss
    if loss.curvature is None or loss.labels:
        raise ValueError(
            f"{asks}: the curvature of this loss is not known, or it is of class labels"
        )
    if loss.equivariant:  # of any factor, so that the dispersion is the variance
        loss = losses.half_squared_error
    dense = layer_of(fits.params, layer)
    kernel, bias = (np.asarray(dense[name], np.float64) for name in ("kernel", "bias"))
    kernel = kernel.reshape(len(fits), *kernel.shape[-2:]).swapaxes(1, 2)
    return loss, kernel, bias.reshape(len(fits), -1)


def _coefficients(value: Floats, error: Floats, edge: float, shape: tuple) -> Coefficients:
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * normal_cdf(-np.abs(value / error))
    made = (value, error, value - edge * error, value + edge * error, p)
    return Coefficients(*(a.reshape(shape) for a in made))


class Part(NamedTuple):
    """What some fits do not share: y (fit, sample, *output) as recorded, weight (fit, sample), and
    which features they see, (fit, feature)."""

    y: Any
    weight: Any
    features: Any


def parts(fits: Fits, inputs: Inputs) -> Iterator[tuple[Design, np.ndarray, Part]]:
    """Blocks of fits that share their features, and their places among all."""
    rows = fits.rows
    inputs, axes = buckets.fill(inputs, list(fits.row_axes))  # draws are of as many samples as then
    outer = [axis for axis in axes if axis.outer]
    selects = selects_of([axis for axis in axes if not axis.outer])
    order = np.lexsort(rows[:, : len(outer)].T[::-1]) if outer else np.arange(len(rows))
    for indices, members in groups_of(rows[order][:, : len(outer)], order):
        own = outer_inputs(inputs, outer, indices)
        own = jax.tree.map(jnp.asarray, own._replace(x_origin=None))
        design = make_design(np.asarray(single(own.x, "wald")), inputs.x_origin)
        size = max(1, min(len(members), _NUMBERS // len(design.x)))
        for first in range(0, len(members), size):
            part = members[first : first + size]
            places = np.resize(part, size)  # one program
            y, weight, features, y_origin = _chosen(own, selects, rows[places])
            y = origin.undo(y, jax.tree.map(lambda a: np.asarray(a)[:, None], y_origin))
            features = np.ones((size, design.x.shape[1] - 1)) if features is None else features
            found = (np.asarray(a, np.float64)[: len(part)] for a in (y, weight, features))
            yield design, part, Part(*found)


@jax.jit
def _chosen(inputs: Inputs, selects: Any, rows: Any) -> tuple:
    def one(row):
        made = select_row(inputs, selects, row)
        if made.x is not inputs.x:
            raise ValueError("wald: an axis changes x: it must be an outer one (Axis(outer=True))")
        return made.y, made.weight, made.features, made.y_origin

    return jax.vmap(one)(rows)
