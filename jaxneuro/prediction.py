"""What many fits predict, by one program for recordings of about the same size."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import origin, several
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import at_layer, layer_of
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Closed, Origin, Status

_BLOCK = 64  # fits whose predictions are made at a time


class Frozen(NamedTuple):
    """What predicting takes of a fit, without the model's code.

    Attributes:
      lanes: (params (lane, ...), x (sample, *feature)) -> (lane, sample, *output).
      first_layer, readout: as of the `Model`.
      better: scores by name, and whether higher ones are better.
      block: the lanes that `lanes` takes; None: any number.
    """

    lanes: Callable
    first_layer: tuple[str, ...] | None
    readout: tuple[str, ...] | None
    better: tuple[tuple[str, bool], ...]
    block: int | None = None


def frozen(fit: Fit | Frozen) -> Frozen:
    """A fit as what predicting takes of it."""
    if isinstance(fit, Frozen):
        return fit
    lanes = Closed(_lanes, (fit.predict,))
    return Frozen(lanes, fit.model.first_layer, fit.model.readout, fit.better)


def never_fitted(status: np.ndarray) -> np.ndarray:
    """Which fits have parameters that nothing was fitted by: their predictions are NaN."""
    return np.isin(status, (Status.BAD_DATA, Status.LOST))


def predict(
    fit: Fit | Frozen,
    params: Any,
    shape: tuple[int, ...],
    x: Any,
    y_origin: Origin | None,
    without: np.ndarray | None = None,
) -> np.ndarray:
    """What fits of that `shape` predict.

    Args:
      params: (*shape, ...), for values as fits see them.
      x: (sample, *feature), or several arrays by name; likewise.
      y_origin: (*shape, *output) what brings predictions back to the recording's values.
      without: (*shape) fits that predict NaN.

    Returns:
      (*shape, sample, *output).
    """
    own, depth, fits = frozen(fit), len(shape), int(np.prod(shape))
    samples, dtype = several.samples(x), several.precision(x)
    x = jax.tree.map(lambda a: grown(a, bucket(samples), 0), x)
    flat = jax.tree.map(lambda a: a.reshape(fits, *a.shape[depth:]), params)
    size, found = own.block or block_of(fits), []
    for first in range(0, fits, size):
        places = np.minimum(np.arange(first, first + size), fits - 1)
        part = jax.tree.map(lambda a, p=places: np.asarray(a[p], dtype), flat)
        found.append(np.asarray(own.lanes(part, x))[:, :samples])
    values = np.concatenate(found)[:fits]
    if without is not None and without.any():
        values[without.ravel()] = np.nan
    values = values.reshape(*shape, *found[0].shape[1:])
    if y_origin is None:
        return values
    back = jax.tree.map(lambda a: np.expand_dims(a, depth), y_origin)
    while back.offset.ndim < values.ndim:  # a column more
        back = jax.tree.map(lambda a: a[..., None], back)
    return origin.undo(values, back)


def block_of(fits: int) -> int:
    """How many of so many fits predict together."""
    return min(_BLOCK, bucket(fits, 1))


@partial(jax.jit, static_argnums=0)
def _lanes(predict: Any, params: Any, x: Any) -> Any:
    return jax.vmap(predict, in_axes=(0, None))(params, x)


def to_raw(
    fit: Fit | Frozen,
    params: Any,
    x_origin: Origin | None,
    y_origin: Origin | None,
    back: bool = False,
) -> Any:
    """Parameters (*axes, ...) for `x` and `y` relative to their origins -> for the raw ones, in
    float64; or back. Where the model has no layer to take it, they stay."""
    own = frozen(fit)
    steps = [(own.first_layer, origin.of_features, x_origin)]
    steps += [(own.readout, origin.of_outputs, y_origin)]
    for layer, of, shift in reversed(steps) if back else steps:
        if layer is not None and shift is not None and _meets(params, layer, of, shift):
            params = at_layer(params, layer, lambda dense, of=of, by=shift: of(dense, by, back))
    return params


def _meets(params: Any, layer: tuple[str, ...], of: Callable, shift: Origin) -> bool:
    """Whether a first layer has a weight for each feature that was shifted: one that is the same
    for several (times of a sequence) takes no shift of each."""
    rows = layer_of(params, layer)["kernel"].shape[-2]
    return of is not origin.of_features or rows == np.size(shift.offset)


def take(params: Any, index: tuple[int, ...]) -> Any:
    """The parameters of one fit, out of `Fits.params`."""
    return jax.tree.map(lambda leaf: leaf[index], params)
