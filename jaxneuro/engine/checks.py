"""What can be known of bad input before the work starts, and the identity of a fit's program."""

import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import origin, several
from jaxneuro.engine.lane import select_row, selects_of
from jaxneuro.engine.programs import program_key
from jaxneuro.engine.recent import Recent
from jaxneuro.engine.store import fingerprint
from jaxneuro.fit import Fit
from jaxneuro.losses import Loss
from jaxneuro.sizes import grown
from jaxneuro.types import Axis, Inputs

_MOST = 2**22  # values of y that are looked at together
_passed = Recent(256)  # what goes together, by its functions and shapes


def check_axes(inputs: Inputs, axes: Sequence[Axis], one_x: bool = False) -> Inputs:
    """The inputs of one fit; outer axes are applied to the arrays, the others to shapes only.

    Args:
      inputs: of all fits.
      axes: in the order in which they apply.
      one_x: no axis but an outer one may change `x`.

    Raises:
      ValueError: names the axis that does not go with the inputs.
    """
    index = jax.ShapeDtypeStruct((), np.int32)
    for axis in axes:
        kept: list[bool] = []

        def select(inputs, index, axis=axis, kept=kept):
            made = axis.select(inputs, index)
            kept.append(getattr(made, "x", None) is inputs.x)
            return made

        try:
            made = select(inputs, 0) if axis.outer else jax.eval_shape(select, inputs, index)
        except Exception as error:
            raise ValueError(f"axis {axis.name!r}: {error}") from error
        if not isinstance(made, Inputs):
            raise ValueError(f"axis {axis.name!r}: select returns {type(made)}, must be Inputs")
        if one_x and not axis.outer and not kept[-1]:
            raise ValueError(
                f"axis {axis.name!r} changes x, and this fit has precondition=True, which takes "
                "one covariance of x for all fits: use a fit with precondition=False, or "
                "outer=True for the axis"
            )
        inputs = made
    return inputs


def check_fit(fit: Fit, inputs: Inputs, axes: Sequence[Axis]) -> None:
    """Looks for values of `y` that the loss cannot take, on the host.

    Where every target has some, or there is only one, this is an error. Where others are sound,
    those fits will end as BAD_DATA, a warning says which, and the others run.

    Raises:
      ValueError: names the field, the place and the value.
    """
    first = check_axes(inputs, [axis for axis in axes if axis.outer])
    inner = [axis for axis in axes if not axis.outer]
    key = program_key(fit, first, selects_of(inner))
    if key not in _passed:
        check_axes(first, inner, one_x=fit.precondition)
        _passed[key] = None
    _check_origins(fit, inputs)
    y = np.asarray(inputs.y)
    loss = fit.loss
    valid = _valid(loss, y)
    if y.dtype.kind == "f" and not valid.all():
        valid = valid | np.isnan(y)
    samples = 1 + y.ndim - first.y.ndim  # subjects come in front of samples
    weights = (inputs.weight, inputs.held_out, inputs.validation)
    used = np.any([np.asarray(weight) > 0 for weight in weights], axis=0)
    if used.ndim == samples:
        valid = valid | ~used.reshape(*used.shape, *[1] * (y.ndim - samples))
    by_target = valid.all(axis=tuple(range(samples)))
    if not by_target.all():
        at = tuple(int(i) for i in np.argwhere(~valid)[0])
        bad = int((~by_target).sum())
        told = (
            f"y{list(at)} is {y[at]}, and the loss takes {loss.expects}. "
            "Set such samples to NaN to leave them out"
        )
        if bad == by_target.size:
            raise ValueError(told)
        told = f"{told}; {bad} of {by_target.size} targets will end as bad_data"
        warnings.warn(told, stacklevel=3)
    if loss.labels:
        _check_labels(fit, inputs, first.x, y, samples)


def _valid(loss: Loss, y: np.ndarray) -> np.ndarray:
    """Which values of `y` the loss can take, by programs of few sizes."""
    flat, found = y.ravel(), []
    size = min(_MOST, 1 << (y.size - 1).bit_length())
    for first in range(0, y.size, size):
        part = flat[first : first + size]
        found.append(np.asarray(_take(loss.valid, grown(part, size)))[: len(part)])
    return np.concatenate(found).reshape(y.shape)


@partial(jax.jit, static_argnums=0)
def _take(valid: Callable, y: jax.Array) -> jax.Array:
    return valid(y)


def as_they_are(fit: Fit, inputs: Inputs) -> Inputs:
    """`y` in its own units again, for losses that depend on them: counts, probabilities."""
    if inputs.y_origin is None or fit.loss.equivariant:
        return inputs
    y = jnp.asarray(origin.cast("y", origin.undo(inputs.y, inputs.y_origin)))
    return inputs._replace(y=y, y_origin=None)


def _check_origins(fit: Fit, inputs: Inputs) -> None:
    """What float32 could not hold was shifted or scaled: can the loss and the model have it so?"""
    if inputs.y_origin is not None and np.any(np.asarray(inputs.y_origin.exponent)):
        warnings.warn(
            "y holds values beyond float32 and is fitted in units of a power of two: scores and "
            "losses that have a unit are in it; parameters and predictions are not",
            stacklevel=6,
        )
    if inputs.x_origin is not None and fit.model.first_layer is None:
        warnings.warn(
            "x was shifted or scaled, since float32 cannot hold it, and this model has no dense "
            "first layer to fold that back into: its parameters are for the changed x; predict by "
            "fits.predict(x), which takes x as it was given",
            stacklevel=6,
        )


def _check_labels(fit: Fit, inputs: Inputs, x: Any, y: np.ndarray, samples: int) -> None:
    if y.ndim != samples and y.ndim != samples + 1:
        raise ValueError(f"y has shape {y.shape}: class labels are (sample,)")
    fitted = np.asarray(inputs.weight) > 0
    found = y[fitted] if fitted.ndim == samples else y
    found = np.unique(found[np.isfinite(found)])
    if len(found) < 2:
        raise ValueError(f"y has one class only ({found}) among the samples to fit")
    one = several.taken(x, slice(1))
    params = jax.eval_shape(fit.model.init, inputs.key, one)
    classes = jax.eval_shape(fit.model.apply, params, one).shape[-1]
    if found[-1] >= classes:
        raise ValueError(
            f"y has label {int(found[-1])}, and the model predicts {classes} classes: "
            "labels run from 0 to classes - 1"
        )


def fit_text(fit: Fit, inputs: Inputs, axes: Sequence[Axis]) -> str:
    """sha256 of the program of one step: model, loss, penalties, optimizer and stopping rules."""
    for axis in axes:
        if axis.outer:
            inputs = axis.select(inputs, 0)
    inputs = jax.eval_shape(fit.prepare, inputs)
    selects = selects_of([axis for axis in axes if not axis.outer])

    def one(inputs, selects, row):
        chosen = select_row(inputs, selects, row)
        state = fit.step(chosen, fit.init(chosen))
        return fit.result(chosen, state)

    row = np.zeros(len(axes), np.int32)
    program = jax.make_jaxpr(one)(inputs, selects, row)
    text = re.sub(r"0x[0-9a-f]+", "", str(program)) + fingerprint(program.consts)
    return hashlib.sha256(text.encode()).hexdigest()
