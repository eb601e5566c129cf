"""One fit as pure functions: begin, step, status, result.

One step is exactly one value-and-gradient: no inner loop and no branch for each lane, so that
thousands of fits run in lockstep under `vmap`. A step on a fit that has ended changes nothing.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxneuro import several
from jaxneuro.fit import objective, precondition
from jaxneuro.fit.minibatch import Draws, draw, draws, in_blocks, watched
from jaxneuro.fit.objective import Frame
from jaxneuro.fit.recipe import Recipe, build_optimizer
from jaxneuro.fit.verdict import Progress, begin, judge
from jaxneuro.flags import any_of
from jaxneuro.losses import mean_loss
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Inputs, Origin, Params, Result, Status, Warned


class FitState(NamedTuple):
    """A fit under way.

    Attributes:
      params: the point to be evaluated next, in the coordinates of the frame's basis.
      optimizer: its state.
      frame: what was measured before the start.
      kept: the parameters to keep, natural ones.
      progress: what the end is judged by.
      warning: a `Warned`.
      draws: what minibatches are taken from; None: all samples are seen in each step.
    """

    params: Params
    optimizer: Any
    frame: Frame
    kept: Params
    progress: Progress
    warning: Array
    draws: Draws | None


def clean(inputs: Inputs) -> Inputs:
    """Samples of which nothing is there (NaN in `y`) lose their weight, and where `y` is (sample,)
    get a value. Idempotent."""
    if not jnp.issubdtype(inputs.y.dtype, jnp.floating):
        return inputs
    missing = jnp.isnan(inputs.y)
    gone = missing.reshape(missing.shape[0], -1).all(axis=1)
    return inputs._replace(
        y=jnp.where(missing, 0, inputs.y) if inputs.y.ndim == 1 else inputs.y,
        weight=jnp.where(gone, 0, inputs.weight),
        held_out=jnp.where(gone, 0, inputs.held_out),
        validation=jnp.where(gone, 0, inputs.validation),
    )


@in_full
def prepare(recipe: Recipe, inputs: Inputs) -> Inputs:
    if not recipe.precondition:
        return inputs
    found = precondition.moments(inputs.x, inputs.weight, bool(recipe.standardise))
    return inputs._replace(moments=found)


@in_full
def start(recipe: Recipe, inputs: Inputs) -> FitState:
    inputs = clean(inputs)
    params = recipe.model.init(jax.random.fold_in(inputs.key, 0), several.taken(inputs.x, slice(1)))
    frame, params = objective.measure_frame(recipe, params, inputs)
    coordinates = params
    if frame.basis is not None:
        moments = objective.known(inputs)
        coordinates = precondition.inverse(params, recipe.layer, moments, frame.basis)
    bad, warning = _inspect(recipe, inputs)
    return FitState(
        params=coordinates,
        optimizer=build_optimizer(recipe, inputs.hyper).init(coordinates),
        frame=frame,
        kept=params,
        progress=begin(bad, several.precision(inputs.x)),
        warning=warning,
        draws=draws(inputs, recipe.batch, recipe.stop.patience > 0) if recipe.batch else None,
    )


def _inspect(recipe: Recipe, inputs: Inputs) -> tuple[Array, Array]:
    """Whether the fit must not be started, and what is odd about it."""
    y, used, scored = inputs.y, inputs.weight > 0, inputs.held_out > 0
    judged = used | scored | (inputs.validation > 0)
    valid, fitted = recipe.loss.valid(y), _tall(used, y)
    if y.ndim > 1 and jnp.issubdtype(y.dtype, jnp.floating):
        valid, fitted = valid | jnp.isnan(y), fitted & ~jnp.isnan(y)
    bad = any_of(_tall(judged, y) & ~valid) | ~any_of(used)
    if recipe.stop.patience:
        bad = bad | ~any_of(inputs.validation > 0)
    low = jnp.where(fitted, y, jnp.inf).min(axis=0)
    high = jnp.where(fitted, y, -jnp.inf).max(axis=0)
    warning = jnp.select(
        [(low > high).any(), (low == high).any(), ~any_of(scored) & bool(recipe.scores)],
        [Warned.NO_TARGET, Warned.CONSTANT_TARGET, Warned.NOT_SCORED],
        Warned.NOTHING,
    )
    return bad, warning.astype(jnp.int32)


@in_full
def step(recipe: Recipe, inputs: Inputs, state: FitState) -> FitState:
    inputs, judges = clean(inputs), None
    if recipe.batch and state.draws is not None:
        judges = watched(inputs, state.draws)
        inputs = draw(inputs, state.draws.mass, state.progress.steps, recipe.batch)
    frame, hyper = state.frame, inputs.hyper
    params = objective.natural(recipe, state.params, frame, inputs)

    def smooth(params):
        return objective.value(recipe, params, frame, inputs, state.progress.steps, judges)

    (smooth_value, judged), gradient = jax.value_and_grad(smooth, has_aux=True)(params)
    if recipe.rough:
        norm = _prox_gradient(recipe, params, gradient, frame, hyper)
        value = smooth_value + objective.roughness(recipe, params, frame, hyper)
        extra = {
            "prox": lambda p, t: objective.prox(recipe, p, t, frame, hyper),
            "rough": lambda p: objective.roughness(recipe, p, frame, hyper),
        }
    else:
        norm, value = _norm(gradient), smooth_value
        if frame.basis is not None:  # linear: the chain rule is its transpose
            (gradient,) = jax.linear_transpose(
                lambda q: objective.natural(recipe, q, frame, inputs), state.params
            )(gradient)
        extra = {  # for optax's own line searches: they work, but not in lockstep
            "value_fn": lambda q: smooth(objective.natural(recipe, q, frame, inputs))[0],
            "grad": gradient,
        }
    rank = judged if recipe.stop.patience else value
    progress, better = judge(recipe.stop, state.progress, value, norm, rank, recipe.random)
    updates, optimizer = build_optimizer(recipe, hyper).update(
        gradient, state.optimizer, state.params, value=smooth_value, **extra
    )
    goes_on = progress.status == Status.RUNNING
    new = state._replace(
        params=_choose(goes_on, optax.apply_updates(state.params, updates), state.params),
        optimizer=optimizer,
        kept=_choose(better, params, state.kept),
        progress=progress,
    )
    return _choose(state.progress.status == Status.RUNNING, new, state)


def status(state: FitState) -> Array:
    return state.progress.status


@in_full
def result(recipe: Recipe, inputs: Inputs, state: FitState) -> Result:
    inputs = clean(inputs)
    params = objective.returned(recipe, state.kept, state.frame, inputs)
    prediction = in_blocks(lambda x: objective.output(recipe, params, x), inputs.x, recipe.batch)
    prediction = objective.align(prediction, inputs.y, recipe.loss)
    scored = inputs.held_out > 0
    if recipe.scores:
        # What a sample left out predicts or holds (an overflow) must not reach a metric.
        response = recipe.loss.response(_only(scored, prediction))
        y = _only(scored, inputs.y)
        found = {name: score(y, response, inputs.held_out) for name, score in recipe.scores}
    else:
        loss = mean_loss(recipe.loss, prediction, inputs.y, inputs.held_out)
        found = {"loss": jnp.where(any_of(scored), loss, jnp.nan)}
    progress = state.progress
    return Result(
        params=params,
        status=progress.status.astype(jnp.int8),  # of a million fits each byte counts
        warning=state.warning.astype(jnp.int8),
        steps=progress.steps,
        loss=progress.best_loss,
        gradient_norm=progress.best_gradient,
        scores=found,
        y_origin=_own_origin(inputs),
    )


def _own_origin(inputs: Inputs) -> Origin | None:
    if inputs.y_origin is not None and inputs.y_origin.offset.shape != inputs.y.shape[1:]:
        raise ValueError(
            "y holds values that float32 cannot, and was shifted or scaled (inputs.y_origin): an "
            "axis of your own that picks columns of y must pick them of y_origin too"
        )
    return inputs.y_origin


@in_full
def predict(recipe: Recipe, params: Params, x: Array) -> Array:
    found = in_blocks(lambda part: objective.output(recipe, params, part), x, recipe.batch)
    return recipe.loss.response(found)


def _prox_gradient(recipe, params, gradient, frame, hyper) -> Array:
    """Norm of the prox-gradient map of unit step: 0 at an optimum."""
    ahead = jax.tree.map(jnp.subtract, params, gradient)
    ahead = objective.prox(recipe, ahead, jnp.asarray(1.0), frame, hyper)
    return jnp.linalg.norm(ravel_pytree(params)[0] - ravel_pytree(ahead)[0])


def _norm(tree: Any) -> Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def _choose(which: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(which, a, b), new, old)


def _only(mask: Array, values: Array) -> Array:
    """Zeros where `mask` (sample,) is false."""
    return jnp.where(_tall(mask, values), values, 0)


def _tall(mask: Array, like: Array) -> Array:
    """(sample,) seen against (sample, ...)."""
    return mask.reshape(-1, *[1] * (like.ndim - 1))
