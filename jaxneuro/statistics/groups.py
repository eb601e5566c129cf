"""Whether a group of features has any effect: the Wald test of several coefficients at once."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jax.scipy.special import gammaincc
from numpy.typing import ArrayLike, NDArray

from jaxneuro.fits import Fits
from jaxneuro.statistics.arrays import Floats
from jaxneuro.statistics.glm import linear_fits, parts
from jaxneuro.statistics.information import Scatter, scatter
from jaxneuro.types import Inputs


class WaldGroups(NamedTuple):
    """Of each fit and group; NaN where the fit sees none of its features, or the information is
    singular.

    Attributes:
      labels: (group,), sorted.
      statistic: (*axes, group), or (*axes, group, output) of several outputs: W.
      freedom: as many features as the fit sees of the group.
      p: the share of χ² above W.
    """

    labels: NDArray
    statistic: Floats
    freedom: Floats
    p: Floats


def wald_groups(
    fits: Fits,
    inputs: Inputs,
    groups: ArrayLike,
    *,
    sandwich: bool = False,
    dispersion: float | None = None,
) -> WaldGroups:
    """Tests that all coefficients of a group are 0: a coupling filter, a tuning curve, a band.

    W = βᵀ C⁻¹ β of the group's coefficients β and their part C of the covariance is χ² with as many
    degrees of freedom as coefficients (Wald 1943, Trans. Am. Math. Soc. 54:426). For `fdr` over
    pairs of neurons pass `p` of all of them together.

    A penalty is not counted: fit with one so small that it decides nothing. Fits of few spikes for
    their features, and coefficients that run off to -∞ (a cell that never fired at some lag), are
    called less significant than a likelihood ratio would.

    Args:
      fits, inputs, sandwich, dispersion: as for `wald`.
      groups: (feature,) label of each of the flattened features, such as `basis.groups`; of filters
        of several channels `np.repeat(channels, functions)`.

    Raises:
      ValueError: as for `wald`, or labels for another number of features.
    """
    loss, kernel, bias = linear_fits(fits, "wald_groups")
    dispersion = loss.dispersion if dispersion is None else dispersion
    labels, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != (kernel.shape[2],):
        raise ValueError(f"wald_groups: groups has shape {np.shape(groups)}; it must be (feature,)"
                         f" = ({kernel.shape[2]},)")  # fmt: skip
    coefficients = np.concatenate([kernel, bias[..., None]], axis=2)
    found = np.full((2, len(fits), len(labels), bias.shape[1]), np.nan)
    tail: tuple[int, ...] = bias.shape[1:]
    for design, rows, part in parts(fits, inputs):
        if part.y.ndim == 2:
            tail, part = (), part._replace(y=part.y[..., None])
        for output in range(part.y.shape[2]):
            there = ~np.isnan(part.y[..., output])
            y, weight = np.where(there, part.y[..., output], 0), np.where(there, part.weight, 0)
            each = scatter(loss, design, coefficients[rows, output], y, weight, part.features > 0,
                           sandwich, dispersion)  # fmt: skip
            for k in range(len(labels)):
                found[:, rows, k, output] = _tested(each, each.seen[:, :-1] & (member == k))
    statistic, freedom = found.reshape(2, *fits.shape, len(labels), *tail)
    return WaldGroups(labels, statistic, freedom, _chi2_above(statistic, freedom))


def _tested(found: Scatter, chosen: NDArray[np.bool_]) -> Floats:
    """W and its degrees of freedom, (2, fit)."""
    columns = np.flatnonzero(chosen.any(axis=0))
    here = np.take(chosen, columns, axis=1)
    both = here[:, :, None] & here[:, None]
    own = np.where(both, found.covariance[:, columns[:, None], columns], np.eye(len(columns)))
    beta = np.where(here, found.coefficients[:, columns], 0)
    sound = np.isfinite(own).all(axis=(1, 2)) & np.isfinite(beta).all(axis=1)
    sound = sound & (here.sum(axis=1) > 0)
    own = np.where(sound[:, None, None], own, np.eye(len(columns)))
    value = np.einsum("fi,fi->f", beta, np.linalg.solve(own, beta[..., None])[..., 0])
    return np.where(sound, np.stack([value, here.sum(axis=1)]), np.nan)


def _chi2_above(value: Floats, freedom: Floats) -> Floats:
    with jax.enable_x64(True):
        return np.asarray(gammaincc(freedom / 2, value / 2), np.float64)
