"""Results of all rows as `Fits`: axes in front, parameters in the units of the raw data."""

import math
import time
import warnings
from dataclasses import replace

import jax
import numpy as np

from jaxneuro.axes import unchanged
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.prediction import to_raw
from jaxneuro.types import Axis, Inputs, Warned


def assemble(fit, results, axes, rows, product, site, begun) -> Fits:
    shape = tuple(axis.size for axis in axes) if product else (len(rows),)
    leaves = [leaf.reshape((*shape, *leaf.shape[1:])) for leaf in results.leaves]
    found = jax.tree.unflatten(results.structure, leaves)
    here = results.done & ~results.resumed
    moved = float(np.sum(found.steps.ravel(), where=here) + here.sum())
    return Fits(
        axes=tuple(axes) if product else (Axis("row", len(rows), unchanged),),
        params=found.params,
        status=found.status,
        warning=found.warning,
        steps=found.steps,
        loss=found.loss,
        gradient_norm=found.gradient_norm,
        scores=found.scores,
        rows=rows,
        row_axes=tuple(axes),
        lanes=site.width,
        compile_seconds=site.compile_seconds,
        run_seconds=time.perf_counter() - begun - site.compile_seconds,
        useful=min(1.0, moved / results.lane_steps) if results.lane_steps else math.nan,
        fit=fit,
        y_origin=found.y_origin,
    )


def in_raw_units(found: Fits, fit: Fit, inputs: Inputs) -> Fits:
    """Parameters for the raw `x` and `y`, where these were shifted or scaled for float32."""
    if inputs.x_origin is None and found.y_origin is None:
        return found
    x_origin = jax.tree.map(np.asarray, inputs.x_origin)
    params = found.params and to_raw(fit, found.params, x_origin, found.y_origin)
    return replace(found, params=params, x_origin=x_origin)


def tell_unscored(found: Fits) -> None:
    """Scores that are NaN because nothing was there to score, where other fits have theirs."""
    unscored = found.warning == Warned.NOT_SCORED
    if unscored.any() and (found.warning == Warned.NOTHING).any():
        row = found.rows[np.flatnonzero(unscored.ravel())[0]]
        first = ", ".join(f"{a.name} {i}" for a, i in zip(found.row_axes, row, strict=True))
        warnings.warn(
            f"{int(unscored.sum())} of {len(found)} fits have no held-out value, the first is "
            f"{first}: their scores are NaN (folds that reach into padding or missing values)",
            stacklevel=5,
        )
