"""The objective of one fit: parameters -> prediction -> loss and penalties.

A fit's parameters are seen in four forms: the *coordinates* that the optimizer moves (with a
`Basis`, others than the model's own); the *natural* ones, which penalties act on (of standardised
features and outputs, with `standardise`); those for the *raw* `x`, which the model is applied
with; and those *returned*, for raw `x` and raw `y`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.fit import precondition, scaling, units
from jaxneuro.fit.recipe import Recipe
from jaxneuro.losses import Loss, mean_loss
from jaxneuro.types import Array, Inputs, Moments, Params

_TRAINING = 2**31 - 1  # apart from the numbers of steps, by which minibatches are drawn


class Frame(NamedTuple):
    """What a fit has measured of its own samples before it starts; constant from then on.

    Attributes:
      scaling: of the features; None: raw.
      basis: coordinates of the descent; None: the natural parameters.
      units: of `y`; None: as it is.
      stiffness: () what penalties are multiplied by.
    """

    scaling: scaling.Scaling | None
    basis: precondition.Basis | None
    units: units.Units | None
    stiffness: Array | None


def output(recipe: Recipe, params: Params, x: Array) -> Array:
    """The model's prediction."""
    return recipe.model.apply(params, x)


def _drawn(recipe: Recipe, params: Params, inputs: Inputs, step: Array) -> Array:
    """`output` of a model that is random while it is fitted."""
    assert recipe.model.train is not None
    key = jax.random.fold_in(jax.random.fold_in(inputs.key, _TRAINING), step)
    return recipe.model.train(params, inputs.x, key)


def align(prediction: Array, y: Array, loss: Loss) -> Array:
    """A column more or less is no matter; any other difference in shape would broadcast."""
    if loss.labels:
        if prediction.ndim == 2 and y.ndim == 1:
            return prediction
        wanted = "(sample, class) for y (sample,)"
    else:
        if prediction.shape == (*y.shape, 1):
            return prediction[..., 0]
        if (*prediction.shape, 1) == y.shape:
            return prediction[..., None]
        if prediction.shape == y.shape:
            return prediction
        wanted = "y's own shape; an axis such as axes.targets may be missing"
    raise ValueError(f"the model predicts {prediction.shape} and y is {y.shape}: expected {wanted}")


def known(inputs: Inputs) -> Moments:
    if inputs.moments is None:
        raise ValueError("fit: preconditioned fits take fit.prepare(inputs)")
    return inputs.moments


def natural(recipe: Recipe, params: Params, frame: Frame, inputs: Inputs) -> Params:
    """Coordinates of the descent -> natural parameters."""
    if frame.basis is None:
        return params
    return precondition.natural(params, recipe.layer, known(inputs), frame.basis)


def raw(recipe: Recipe, params: Params, scale: scaling.Scaling | None) -> Params:
    """Natural parameters -> those for the raw `x`."""
    if scale is None:
        return params
    if recipe.model.first_layer is None:
        raise ValueError("inputs.features needs a model with a dense first layer")
    return scaling.fold(params, recipe.layer, scale)


def returned(recipe: Recipe, params: Params, frame: Frame, inputs: Inputs) -> Params:
    """Natural parameters -> those for raw `x` and raw `y`."""
    params = raw(recipe, params, scaling.ablate(frame.scaling, inputs.features))
    return units.fold(params, recipe.model.readout or (), frame.units)


def penalty(recipe: Recipe, params: Params, frame: Frame, hyper: Mapping[str, Array]) -> Array:
    """Of the smooth penalties, at natural parameters."""
    total = sum((p.value(params, hyper) for p in recipe.smooth), jnp.asarray(0.0))  # weakly typed
    return total if frame.stiffness is None else frame.stiffness * total


def roughness(recipe: Recipe, params: Params, frame: Frame, hyper: Mapping[str, Array]) -> Array:
    """Of the penalty that is not smooth, at natural parameters."""
    total = sum((p.value(params, hyper) for p in recipe.rough), jnp.asarray(0.0))  # weakly typed
    return total if frame.stiffness is None else frame.stiffness * total


def prox(
    recipe: Recipe, params: Params, step: Array, frame: Frame, hyper: Mapping[str, Array]
) -> Params:
    """The proximal step of the penalty that is not smooth."""
    step = step if frame.stiffness is None else step * frame.stiffness
    for p in recipe.rough:
        params = p.prox(params, step, hyper)  # pyright: ignore[reportOptionalCall]
    return params


def value(
    recipe: Recipe,
    params: Params,
    frame: Frame,
    inputs: Inputs,
    step: Array,
    judges: Inputs | None = None,
) -> tuple[Array, Array]:
    """The smooth objective at natural parameters, and what early stopping judges by.

    Args:
      recipe, params, frame, inputs: of the fit.
      step: () its number, by which a random model draws.
      judges: the samples that early stopping judges by, where `inputs` is a minibatch.
    """
    scale = scaling.ablate(frame.scaling, inputs.features)
    y = units.standard(inputs.y, frame.units)
    whole = raw(recipe, params, scale)
    exact = recipe.model.train is None
    made = output(recipe, whole, inputs.x) if exact else _drawn(recipe, whole, inputs, step)
    prediction = align(made, y, recipe.loss)
    found = mean_loss(recipe.loss, prediction, y, inputs.weight)
    found = found + penalty(recipe, params, frame, inputs.hyper)
    if not recipe.stop.patience:
        return found, found
    if judges is not None:
        inputs, y = judges, units.standard(judges.y, frame.units)
    if judges is not None or not exact:
        whole = jax.lax.stop_gradient(whole)
        prediction = align(output(recipe, whole, inputs.x), y, recipe.loss)
    judged = jax.lax.stop_gradient(prediction)
    return found, mean_loss(recipe.loss, judged, y, inputs.validation)


def measure_frame(recipe: Recipe, params: Params, inputs: Inputs) -> tuple[Frame, Params]:
    """The frame of a fit that starts at the natural `params`; and these, begun at the best
    constant prediction."""
    loss, readout = recipe.loss, recipe.model.readout
    shape = jax.eval_shape(
        lambda p, x, y: align(output(recipe, p, x), y, loss), params, inputs.x, inputs.y
    ).shape  # before anything broadcasts
    scale = None
    if recipe.standardise:
        rows = scaling.layer_of(params, recipe.layer)["kernel"].shape[0]
        scale = scaling.measure(inputs.x, inputs.weight, rows)
        if isinstance(recipe.standardise, str):
            power = _named(recipe.standardise, inputs.hyper)
            scale = scaling.tempered(scale, power, inputs.features)
    scaled = bool(recipe.standardise)
    own = units.measure(inputs.y, inputs.weight, scaled) if recipe.in_units else None
    frame = Frame(scale, None, own, None)
    curvature = None
    if loss.constant is not None and (recipe.relative or readout is not None):
        y = units.standard(inputs.y, own)
        mean = units.average(loss, y, inputs.weight, shape[-1])
        if readout is not None and own is None:
            params = units.start(params, readout, loss.constant(mean))
        if loss.curvature is not None:
            bends = loss.curvature(mean)
            if loss.labels:
                curvature = bends.mean()
            else:  # a loss is a mean over the outputs that have a value
                has = jnp.broadcast_to(units.present(inputs.y, inputs.weight), bends.shape)
                count = jnp.maximum(has.sum(), 1)
                curvature = jnp.where(has, bends, 0).sum() / jnp.square(count)
    if recipe.relative:
        frame = frame._replace(stiffness=curvature)
    if recipe.precondition:
        if curvature is None:
            curvature = _curvature(recipe, params, frame, inputs)
        frame = frame._replace(basis=_basis(recipe, params, frame, inputs, curvature))
    return frame, params


def _named(name: str, hyper: Mapping[str, Array]) -> Array:
    if name not in hyper:
        raise KeyError(f"standardise: hyper-parameter {name!r} is not in inputs.hyper, which has "
                       f"{sorted(hyper)}: add axes.grid({name}=[...])")  # fmt: skip
    return hyper[name]


def _curvature(recipe: Recipe, params: Params, frame: Frame, inputs: Inputs) -> Array:
    """Second derivative of the mean loss in one output, where the fit starts."""
    scale = scaling.ablate(frame.scaling, inputs.features)
    y = units.standard(inputs.y, frame.units)
    prediction = align(output(recipe, raw(recipe, params, scale), inputs.x), y, recipe.loss)
    first = (jnp.arange(prediction[0].size) == 0).reshape(prediction.shape[1:])

    def shifted(by: Array) -> Array:
        return mean_loss(recipe.loss, prediction + by * first, y, inputs.weight)

    return jax.grad(jax.grad(shifted))(jnp.zeros((), prediction.dtype))


def _basis(
    recipe: Recipe, params: Params, frame: Frame, inputs: Inputs, curvature: Array
) -> precondition.Basis:
    """By the curvature of the loss, and of the penalties in one unit's weights."""
    layer, moments = recipe.layer, known(inputs)
    if scaling.layer_of(params, layer)["kernel"].shape[0] != len(moments.mean):
        raise ValueError("precondition=True needs a first layer that meets all features at once")
    scale = scaling.ablate(frame.scaling, inputs.features)

    def penalised(unit: Array) -> Array:
        def change(dense):
            return {**dense, "kernel": dense["kernel"].at[:, 0].set(unit)}

        return penalty(recipe, scaling.at_layer(params, layer, change), frame, inputs.hyper)

    unit = scaling.layer_of(params, layer)["kernel"][:, 0]

    def stiff(axis: Array) -> Array:
        return axis @ jax.jvp(jax.grad(penalised), (unit,), (axis,))[1]

    stiffness = jax.vmap(stiff)(moments.vectors.T)
    return precondition.measure(moments, scale, curvature, stiffness)
