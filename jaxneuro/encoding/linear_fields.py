"""Receptive fields of models that see the stimulus through one projection, with bootstrap bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxneuro import axes, several
from jaxneuro.features.basis import Basis
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import layer_of
from jaxneuro.inputs import make_inputs
from jaxneuro.models.values import hashable, held
from jaxneuro.precision import in_full
from jaxneuro.statistics.bootstrap import bootstrap_fits
from jaxneuro.types import Array, Axis, Closed, Inputs, Params


class LinearFields(NamedTuple):
    """What each neuron weighs the stimulus by; arrays, or of a basis of several parts one array for
    each by its label.

    Attributes:
      field: (neuron, *shape) what one unit of `x` adds to the model's output: to the response under
        squared error, to the logarithm of the rate of a Poisson GLM. Above 0 it excites.
      standard_error, low, high: (neuron, *shape) each point by itself.
      at: the grid of a basis: (*point) of each of its variables; None without a basis.
    """

    field: Any
    standard_error: Any
    low: Any
    high: Any
    at: Any


def linear_fields(
    fit: Fit,
    x: ArrayLike,
    y: ArrayLike,
    hyper: Mapping[str, ArrayLike] | None = None,
    *,
    shape: tuple[int, ...] | None = None,
    basis: Basis | None = None,
    features: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    length: float | None = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> LinearFields:
    """The receptive field of every neuron, fitted to all samples and again to each bootstrap
    resample of them, all in one `fit_many`.

    A band says how much the *estimate* scatters. Of a penalised one that is not where the truth
    lies: a ridge draws the field toward 0 and a lasso weights to 0, that bias is not in the band,
    and the stronger the penalty, the narrower the band around the wrong place. Bands hold the truth
    only where the strength is small for the data. That a strength was chosen on the same data is
    not in them either.

    Args:
      fit: of a model with a dense first layer of one unit: `encoding.linear`, `lasso`,
        `poisson_glm`; of `linear_nonlinear` it is the field of its projection.
      x: (sample, *feature), or its features as of `basis.evaluate` or `features.lags`.
      y: (sample, neuron); NaN = missing.
      hyper: name -> strength, one for all neurons or (neuron,) each its own, as chosen before.
      shape: of the field, as in (lag, row, column), where `x` was laid out from more axes. None:
        that of `x`.
      basis: in place of `shape`: weights go back to its curves (`basis.curves`), over lags of
        filters or values of a variable.
      features: (neuron, feature) bool, which each neuron's fit sees; the others have weight 0.
        None: all.
      trials: (sample,) labels; whole trials are drawn. None: samples.
      length: of blocks of a time series, in samples, in place of trials: `statistics.block_length`.
      resamples: each a fit of every neuron.
      level: of the bands, percentile intervals (Efron 1979).
      seed: of the draws.
      options: handed to `fit_many` (lanes, devices, progress).

    Raises:
      ValueError: a model without such a layer; a shape or basis of another number of features; a
        strength that is not one for each neuron.
    """
    inputs = make_inputs(several.single(x, "linear_fields"), y)
    if inputs.y.ndim != 2:
        raise ValueError(f"y has shape {inputs.y.shape}: it must be (sample, neuron)")
    layer = fit.model.first_layer
    if layer is None:
        raise ValueError("fit: its model has no dense first layer (model.first_layer)")
    size = int(np.prod(inputs.x.shape[1:]))
    shape = _shape(shape or inputs.x.shape[1:], basis, size)
    start = jax.eval_shape(fit.model.init, inputs.key, inputs.x[:1])
    units = layer_of(start, layer)["kernel"].shape[-1]
    if units != 1:
        raise ValueError(
            f"fit: its first layer has {units} units, and none is the neuron's field: "
            "encoding.most_exciting says what such a model responds to"
        )
    found = bootstrap_fits(
        fit, inputs, [_neurons(inputs.y.shape[1], hyper or {}, features)],
        Closed(_field, (layer, shape, hashable(basis))), groups=trials, length=length,
        resamples=resamples, method="percentile", level=level, seed=seed, **options,
    )  # fmt: skip
    at = None if basis is None else _grids(basis.curves(np.zeros(size)))
    return LinearFields(*found, at)


def _field(layer: tuple[str, ...], shape: tuple[int, ...], basis: Any, params: Params) -> Any:
    """Of one fit: (*shape), or the curves of the basis."""
    weights = layer_of(params, layer)["kernel"][:, 0]
    basis = held(basis)
    if basis is None:
        return weights.reshape(shape)

    @in_full
    def drawn(curve: Any) -> Array:
        return jnp.tensordot(weights, jnp.asarray(curve.values, weights.dtype), axes=1)

    curves = basis.curves(np.eye(len(weights)))  # they are linear in the weights
    return {n: drawn(c) for n, c in curves.items()} if isinstance(curves, dict) else drawn(curves)


def _grids(curves: Any) -> Any:
    return {n: c.at for n, c in curves.items()} if isinstance(curves, dict) else curves.at


def _shape(shape: tuple[int, ...], basis: Basis | None, features: int) -> tuple[int, ...]:
    size, named = (int(np.prod(shape)), "shape") if basis is None else (basis.size, "basis")
    if size != features:
        raise ValueError(f"{named} is of {size} features, and x has {features}")
    return tuple(shape)


def _neurons(count: int, hyper: Mapping[str, ArrayLike], features: ArrayLike | None) -> Axis:
    """`axes.targets`, each with its own strengths."""
    own = axes.targets(count, name="neuron", features=features)
    values = {}
    for name, value in hyper.items():
        array = np.asarray(value, np.float32)
        if array.shape not in ((), (count,)) or not np.isfinite(array).all():
            raise ValueError(
                f"hyper: {name} has shape {array.shape}: a finite number, or (neuron,) = ({count},)"
            )
        values[name] = jnp.asarray(np.broadcast_to(array, (count,)))
    return own._replace(select=Partial(_take_neuron, own.select, values), pad=None)


def _take_neuron(
    select: Partial, values: Mapping[str, Array], inputs: Inputs, index: Array
) -> Inputs:
    chosen = {name: value[index] for name, value in values.items()}
    made = select(inputs, index)
    return made._replace(hyper={**made.hyper, **chosen})
