"""Contrasts: what one condition does beyond another, over all runs, with its t and p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.fmri.betas import checked, fitted
from jaxneuro.fmri.design import Design
from jaxneuro.fmri.estimators import Estimator, together
from jaxneuro.fmri.spaces import Space


class Contrast(NamedTuple):
    """Each (voxel,) float32; NaN where a run has NaN.

    Attributes:
      effect: the weighted sum of betas, averaged over runs.
      error: its standard error.
      t: effect over error; 0 of a voxel that is constant in all runs.
      p: of t in either direction, to three digits.
      freedom: degrees of freedom of all runs together.
    """

    effect: NDArray[np.float32]
    error: NDArray[np.float32]
    t: NDArray[np.float32]
    p: NDArray[np.float32]
    freedom: int


def contrast(
    y: ArrayLike,
    designs: Design | Sequence[Design],
    weights: Mapping[str, float],
    *,
    noise: Literal["white", "ar1"] = "ar1",
) -> Contrast:
    """A weighted sum of columns' coefficients in every voxel, runs as fixed effects: the average of
    their effects, with the variance of an average, as nilearn adds its contrasts.

    Args:
      y, designs, noise: as of `betas`.
      weights: by name of a column, such as {"face": 1, "house": -1}.

    Raises:
      ValueError: a name that a design lacks, or a contrast that it cannot tell; names the run. As
        `betas`.
    """
    values, each = checked(y, designs, noise)
    if not weights:
        raise ValueError("weights: there is none")

    def make(design: Design, at: Space, rho: float) -> Estimator:
        if unknown := [name for name in weights if name not in design.names]:
            raise ValueError(f"no column {unknown[0]!r} among {list(design.names)}")
        row = np.array([weights.get(name, 0.0) for name in design.names])
        if np.abs(row @ at.inverse @ at.columns - row).max() > 1e-6 * np.abs(row).max():
            raise ValueError(f"its design cannot tell {dict(weights)}: columns depend on others")
        return together((row @ at.inverse)[None], at, rho)

    found, error, freedom, _ = zip(*fitted(values, each, make, noise == "ar1"), strict=True)
    effect = np.concatenate(found).mean(axis=0)
    wide = np.sqrt(np.square(np.concatenate(error)).sum(axis=0)) / np.float32(len(each))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(effect == 0, np.float32(0), effect / wide)
    total = int(np.concatenate(freedom).sum())
    return Contrast(effect, wide, t, np.asarray(_two_sided(t, float(total)), np.float32), total)


@jax.jit
def _two_sided(t: jax.Array, freedom: float) -> jax.Array:
    """Of Student's t, by the incomplete beta function."""
    half = jnp.full(t.shape, freedom / 2, t.dtype)
    square = t**2
    return jax.scipy.special.betainc(half, jnp.full_like(half, 0.5), freedom / (freedom + square))
