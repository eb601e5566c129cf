"""The most exciting input: gradient ascent on the stimulus of a trained model.

For all fits, outputs and starts at once it is one more use of the engine. A fit's parameters are an
input z; its model is the trained one, seen from there,

    prediction(z) = f(clip(centre + norm · z / |z|, low, high)),

its loss is minus the prediction, and its "samples" are the trained networks, of which each fit
takes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import optimizers
from jaxneuro.axes import seeds
from jaxneuro.engine.lanes import fit_many
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_key
from jaxneuro.types import Array, Axis, Closed, Inputs, Model, Params

_ALIKE = 0.9  # correlation with the best, from which another start has found the same
_BEGIN = 0.01  # length of the free coordinates at the start
_LARGEST = float(np.finfo(np.float32).max)


class MostExciting(NamedTuple):
    """What drives each output of each trained fit most, (*axes, ...), with an axis of outputs
    behind `axes` where a fit has several.

    Attributes:
      input: (*axes, *feature) of the best start, in the unit of `x`.
      response: (*axes) what the model predicts there, in the unit of `y`.
      agreeing: (*axes) the share of starts whose input correlates with the best one (about
        `centre`) by .9 or more. Low: there are several maxima, as of a neuron of any phase.
      inputs, responses: of all starts, (*axes, start, *feature) and (*axes, start).
      fits: the ascents, (fit, output, start); their loss is minus the output.
    """

    input: np.ndarray
    response: np.ndarray
    agreeing: np.ndarray
    inputs: np.ndarray
    responses: np.ndarray
    fits: Fits


def most_exciting(
    fits: Fits,
    shape: tuple[int, ...],
    norm: float,
    *,
    centre: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    starts: int = 8,
    steps: int = 300,
    seed: int = 0,
    **options: Any,
) -> MostExciting:
    """The input of a given norm that each fit predicts the largest response to (Walker et al. 2019,
    Nat. Neurosci. 22:2060; Bashivan, Kar & DiCarlo 2019, Science 364:eaav9436), by L-BFGS from
    random starts on the sphere.

    It is what excites the *model*: where the model is wrong, or the input unlike any that was
    fitted, the neuron may not care. Of a linear model it is the weights themselves, at that norm.
    Nothing makes it smooth: of a model fitted to few or natural stimuli it looks as noisy as the
    weights. A rectified model that no start excites has no gradient: more starts may help.

    Args:
      fits: of `fit_many` (of a search, `found.fits`), with parameters; the response must rise with
        the model's output, as of all losses here but those of class labels.
      shape: (*feature) of one sample of `x`, one array.
      norm: Euclidean distance from `centre`, in the unit of `x`: such as the median over the
        stimuli shown.
      centre: of every feature: the grey of images.
      low, high: limits of every feature: those of a screen. Where an input is clipped its norm is
        less. None: without.
      starts: random ones of each output.
      steps: at most, of each ascent.
      seed: of the starts.
      options: handed to `fit_many` (lanes, devices, progress).

    Raises:
      ValueError: fits without parameters or code, of class labels, or of an `x` that float32 could
        not hold; a shape that the model does not take; limits that leave nothing.
    """
    trained, stacked = _trained(fits)
    limits = _limits(norm, centre, low, high)
    count = len(fits)
    outputs = _outputs(trained, stacked, shape)
    ascent = make_fit(
        Model(Closed(_init, (tuple(shape),)), Closed(_apply, (trained.model.apply,))),
        _minus,
        optimizers.lbfgs(),
        stop=Stop(max_steps=steps, plateau=10, least_fall=1e-5),  # at a kink no gradient is 0
    )
    x: Any = {
        "params": jax.tree.map(jnp.asarray, stacked),
        "limits": jnp.tile(limits, (count, 1)),
        "output": jnp.zeros(count, jnp.int32),
    }
    ones, zeros = jnp.ones(count), jnp.zeros(count)
    inputs = Inputs(x, zeros, ones, zeros, zeros, {}, make_key(seed))
    axes = [
        Axis("fit", count, _take_fit),
        Axis("output", outputs or 1, _take_output),
        seeds(starts, "start"),
    ]
    found = fit_many(ascent, inputs, axes, **options)
    return _best(found, trained, fits.shape + ((outputs,) if outputs else ()), limits)


def _init(shape: tuple[int, ...], key: Array, x: Any) -> Params:
    """On a small sphere: the smaller it is, the further a gradient turns its direction, so that
    even the flat parts of a response are left in a few steps."""
    del x
    drawn = jax.random.normal(key, shape)
    return {"input": _BEGIN * drawn / jnp.linalg.norm(drawn)}


def _apply(model: Callable, params: Params, x: Any) -> Array:
    network = jax.tree.map(lambda a: a[0], x["params"])
    made = model(network, _shown(params["input"], x["limits"][0])[None])
    return made.reshape(1, -1)[:, x["output"][0]]


def _shown(free: Any, limits: Any, xp: Any = jnp, depth: int = 0) -> Any:
    """The input (*depth, *feature) of free coordinates: on the sphere, within the limits."""
    norm, centre, low, high = limits
    over = tuple(range(depth, free.ndim))
    length = xp.sqrt(xp.square(free).sum(axis=over, keepdims=True))
    return xp.clip(centre + norm * free / length, low, high)


def _minus(prediction: Array, y: Array) -> Array:
    del y
    return -prediction


def _take_fit(inputs: Inputs, index: Array) -> Inputs:
    """One network: the only sample."""

    def one(a: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(a, index, 1)

    names = ("x", "y", "weight", "held_out", "validation")
    return inputs._replace(**{n: jax.tree.map(one, getattr(inputs, n)) for n in names})


def _take_output(inputs: Inputs, index: Array) -> Inputs:
    x: Any = inputs.x
    return inputs._replace(x={**x, "output": jnp.full_like(x["output"], index)})


def _trained(fits: Fits) -> tuple[Fit, Params]:
    """What was fitted, and its parameters (fit, ...) in float32."""
    fit = fits.fit
    if not isinstance(fit, Fit):
        raise ValueError("most_exciting: these fits were loaded, without the model's code")
    if fits.params is None:
        raise ValueError('most_exciting: the parameters were not kept; fit with keep="all"')
    if fit.loss.labels:
        raise ValueError("most_exciting: these are classifiers: it takes models of responses")
    if fits.x_origin is not None or fits.y_origin is not None:
        raise ValueError(
            "most_exciting: float32 cannot hold x or y as they were given: shift and scale them "
            "first, to values near 1"
        )
    depth = len(fits.shape)

    def flat(a: np.ndarray) -> np.ndarray:
        return np.asarray(a, np.float32).reshape(len(fits), *a.shape[depth:])

    return fit, jax.tree.map(flat, fits.params)


def _limits(norm: float, centre: float, low: float | None, high: float | None) -> np.ndarray:
    """(4,) norm, centre, low and high."""
    found = np.array([norm, centre, -_LARGEST if low is None else low,
                      _LARGEST if high is None else high], np.float32)  # fmt: skip
    if not np.isfinite(found).all() or norm <= 0:
        raise ValueError(f"norm is {norm} and centre {centre}: numbers, and norm above 0")
    if not found[2] <= centre <= found[3] or found[2] == found[3]:
        raise ValueError(f"low is {low} and high {high}: centre {centre} must lie between")
    return found


def _outputs(fit: Fit, stacked: Params, shape: tuple[int, ...]) -> int:
    """How many outputs each fit has; 0: one, without an axis.

    Raises:
      ValueError: the model does not take inputs of that shape.
    """
    one = jax.tree.map(lambda a: a[0], stacked)
    try:
        made = jax.eval_shape(
            fit.model.apply, one, jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        )  # fmt: skip
    except Exception as error:
        raise ValueError(f"shape is {shape}: the model does not take it: {error}") from error
    return made.shape[1] if made.ndim > 1 else 0


def _best(found: Fits, fit: Fit, shape: tuple[int, ...], limits: np.ndarray) -> MostExciting:
    inputs = _shown(found.params["input"], limits, np, 3)
    starts = inputs.shape[2]
    inputs = inputs.reshape(*shape, starts, *inputs.shape[3:])
    output = -found.loss.reshape(*shape, starts)
    responses = np.asarray(fit.loss.response(jnp.asarray(output)))
    depth = len(shape)
    known = np.where(np.isfinite(output), output, -np.inf).argmax(axis=-1)[..., None]
    wide = known.reshape(*shape, 1, *[1] * (inputs.ndim - depth - 1))
    best = np.take_along_axis(inputs, wide, axis=depth)
    apart = tuple(range(depth + 1, inputs.ndim))
    a, b = best - limits[1], inputs - limits[1]
    lengths = np.sqrt(np.square(a).sum(axis=apart) * np.square(b).sum(axis=apart))
    alike = (a * b).sum(axis=apart) >= _ALIKE * lengths
    return MostExciting(
        np.squeeze(best, depth),
        np.take_along_axis(responses, known, axis=-1)[..., 0],
        alike.mean(axis=-1),
        inputs,
        responses,
        found,
    )
