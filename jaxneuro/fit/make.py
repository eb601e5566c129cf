"""One fit as pure functions: init, step, status, result.

One step is exactly one value-and-gradient: no inner loop and no branch for each lane, so that
thousands of fits run in lockstep under `vmap`. A step on a fit that has ended changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxneuro.fit import precondition as preconditioning
from jaxneuro.fit import scaling
from jaxneuro.fit.minibatch import draw, in_blocks
from jaxneuro.losses import Loss, as_loss, weighted_mean
from jaxneuro.optimizers import Proximal
from jaxneuro.penalties import Penalty
from jaxneuro.types import Array, Inputs, Model, Moments, Params, Result, Status, Warned

_LOST_AFTER = 25  # evaluations in a row without a finite value: a line search may need some

Score = Callable[[Array, Array, Array], Array]


class Stop(NamedTuple):
    """When a fit ends. Whichever comes first.

    Attributes:
      max_steps: parameter updates at most.
      gradient: converged when the gradient's norm is at most this times its first value. 0: never
        (but for a gradient of exactly zero).
      plateau: ended when the objective has not fallen by `least_fall`, relatively, in so many
        steps. 0: never.
      least_fall: see `plateau`; about the resolution of float32.
      patience: early stopping when the validation loss has no new minimum in so many steps; the
        parameters at the minimum are kept, the last iterate counted. 0: off.
    """

    max_steps: int = 1000
    gradient: float = 1e-5
    plateau: int = 20
    least_fall: float = 1e-7
    patience: int = 0


class FitState(NamedTuple):
    """A fit under way. `params` is the point to be evaluated next, in the coordinates of `basis`
    where there is one; `best_*` is what is kept, the model's own parameters."""

    params: Params
    optimizer: Any
    scaling: scaling.Scaling | None
    basis: preconditioning.Basis | None
    best_params: Params
    best_rank: Array  # validation loss with patience, else the objective
    best_loss: Array
    best_gradient: Array
    first_loss: Array
    first_gradient: Array
    reference: Array  # of the plateau
    since_reference: Array
    since_best: Array
    nonfinite: Array
    steps: Array
    status: Array
    warning: Array
    mass: Array | None  # cumulative weight, for minibatches


class Fit(NamedTuple):
    """`init(inputs) -> state`, `step(inputs, state) -> state`, `status(state)`,
    `result(inputs, state) -> Result`, `predict(params, x)` on the scale of `y`; plus what the
    engine must know: `prepare(inputs) -> inputs`, what fits that share `x` share besides, the
    model, the loss, the step limit and whether fits can end before it."""

    prepare: Callable[[Inputs], Inputs]
    init: Callable[[Inputs], FitState]
    step: Callable[[Inputs, FitState], FitState]
    status: Callable[[FitState], Array]
    result: Callable[[Inputs, FitState], Result]
    predict: Callable[[Params, Array], Array]
    model: Model
    loss: Loss
    stop: Stop


def clean(inputs: Inputs) -> Inputs:
    """Missing samples (NaN in `y`) get a value and lose their weight. Idempotent."""
    if not jnp.issubdtype(inputs.y.dtype, jnp.floating):
        return inputs
    missing = jnp.isnan(inputs.y)
    gone = missing.reshape(missing.shape[0], -1).any(axis=1)
    return inputs._replace(
        y=jnp.where(missing, 0, inputs.y),
        weight=jnp.where(gone, 0, inputs.weight),
        held_out=jnp.where(gone, 0, inputs.held_out),
        validation=jnp.where(gone, 0, inputs.validation),
    )


def make_fit(
    model: Model,
    loss: Loss | Callable[[Array, Array], Array],
    optimizer: Any,
    penalty: Penalty | Sequence[Penalty] = (),
    stop: Stop = Stop(),  # noqa: B008 (immutable)
    *,
    scores: Mapping[str, Score] | None = None,
    standardise: bool = False,
    precondition: bool = False,
    batch: int | None = None,
) -> Fit:
    """Puts a model, a loss and an optimizer together into one fit.

    The objective is the weighted mean of the loss plus the penalties.

    Args:
      model: from `jaxneuro.models`.
      loss: from `jaxneuro.losses`, or any elementwise `(prediction, y) -> (sample, ...)`.
      optimizer: an optax transform or one of `jaxneuro.optimizers`, or better a function that
        builds it from `inputs.hyper`: `lambda hyper: optax.sgd(hyper["learning_rate"])`.
      penalty: one or several of `jaxneuro.penalties`.
      stop: when a fit ends.
      scores: held-out scores by name, each `(y, response, weight) -> scalar or (output,)` as in
        `jaxneuro.metrics`. None: `{"loss": ...}`, the mean held-out loss.
      standardise: scale each feature by mean and standard deviation over the samples that *this*
        fit is fitted on (each fold its own), folded into the first layer: `x` is never copied,
        penalties act on standardised weights, and the parameters returned take the raw `x`.
      precondition: descend in coordinates in which the objective is round at the start, from the
        covariance of `x` and the penalties' curvature (`jaxneuro.precondition`). The optimum, the
        stopping rules and the parameters returned are the same; linear models of correlated
        features need far fewer steps. Costs one eigendecomposition for each `x`.
      batch: samples a step, drawn anew from those with weight, spread evenly over the recording;
        None for all. With it only the step limit ends a fit, and the last parameters are kept.

    Raises:
      ValueError: for stopping rules or models that cannot go together.
      TypeError: at tracing, where a non-smooth penalty meets an optimizer without proximal step.
    """
    loss = as_loss(loss)
    penalties = (penalty,) if isinstance(penalty, Penalty) else tuple(penalty)
    layer = model.first_layer or ()
    smooth = [p for p in penalties if p.prox is None]
    rough = [p for p in penalties if p.prox is not None]
    if len(rough) > 1:
        raise ValueError("make_fit: at most one penalty may have a proximal step")
    if stop.max_steps < 1:
        raise ValueError(f"stop.max_steps is {stop.max_steps}, must be at least 1")
    if batch is not None and (batch < 1 or stop.patience):
        raise ValueError("make_fit: batch must be at least 1, and goes without stop.patience")
    asked = "standardise" if standardise else "precondition"
    if (standardise or precondition) and model.first_layer is None:
        raise ValueError(
            f"make_fit: {asked}=True needs a model with a dense first layer (model.first_layer)"
            "; scale x yourself by means of the fitted samples"
        )
    if precondition and rough:
        raise ValueError(
            "make_fit: precondition=True goes with smooth penalties: a proximal step is taken in "
            "the model's own parameters"
        )

    def build(hyper: Mapping[str, Array]):
        built = optimizer if hasattr(optimizer, "update") else optimizer(hyper)
        if rough and not isinstance(built, Proximal):
            raise TypeError(
                "this penalty is not smooth and needs optimizer=optimizers.proximal(); "
                "penalties.smooth_lasso goes with any optimizer"
            )
        return built if isinstance(built, Proximal) else optax.with_extra_args_support(built)

    def prox(params: Params, step: Array, hyper: Mapping[str, Array]) -> Params:
        for p in rough:
            params = p.prox(params, step, hyper)  # pyright: ignore[reportOptionalCall]
        return params

    def roughness(params: Params, hyper: Mapping[str, Array]) -> Array:
        return sum((p.value(params, hyper) for p in rough), jnp.asarray(0.0))  # weakly typed

    def raw(params: Params, scale: scaling.Scaling | None) -> Params:
        if scale is None:
            return params
        if model.first_layer is None:
            raise ValueError("inputs.features needs a model with a dense first layer")
        return scaling.fold(params, model.first_layer, scale)

    def natural(params: Params, basis: preconditioning.Basis | None, inputs: Inputs) -> Params:
        if basis is None:
            return params
        return preconditioning.natural(params, layer, known(inputs), basis)

    def known(inputs: Inputs) -> Moments:
        if inputs.moments is None:
            raise ValueError("fit: preconditioned fits take fit.prepare(inputs)")
        return inputs.moments

    def output(params: Params, x: Array) -> Array:
        with jax.default_matmul_precision("highest"):  # else TF32 on recent GPUs
            return model.apply(params, x)

    def objective(params: Params, scale: scaling.Scaling | None, inputs: Inputs):
        prediction = _align(output(raw(params, scale), inputs.x), inputs.y, loss)
        value = _mean_loss(loss, prediction, inputs.y, inputs.weight)
        value = sum((p.value(params, inputs.hyper) for p in smooth), value)
        if not stop.patience:
            return value, value
        judged = jax.lax.stop_gradient(prediction)
        return value, _mean_loss(loss, judged, inputs.y, inputs.validation)

    def prepare(inputs: Inputs) -> Inputs:
        if not precondition:
            return inputs
        return inputs._replace(
            moments=preconditioning.moments(inputs.x, inputs.weight, standardise)
        )

    def measure_basis(params: Params, scale: scaling.Scaling | None, inputs: Inputs):
        """The curvature of the loss in one output, and of the penalties in one unit's weights."""
        prediction = _align(output(raw(params, scale), inputs.x), inputs.y, loss)
        first = (jnp.arange(prediction[0].size) == 0).reshape(prediction.shape[1:])

        def shifted(by: Array) -> Array:
            return _mean_loss(loss, prediction + by * first, inputs.y, inputs.weight)

        curvature = jax.grad(jax.grad(shifted))(jnp.zeros((), prediction.dtype))

        def penalised(unit: Array) -> Array:
            def change(dense):
                return {**dense, "kernel": dense["kernel"].at[:, 0].set(unit)}

            changed = scaling.at_layer(params, layer, change)
            return sum((p.value(changed, inputs.hyper) for p in smooth), jnp.zeros(()))

        unit, axes = scaling.layer_of(params, layer)["kernel"][:, 0], known(inputs).vectors

        def stiff(axis: Array) -> Array:
            return axis @ jax.jvp(jax.grad(penalised), (unit,), (axis,))[1]

        stiffness = jax.vmap(stiff)(axes.T)
        return preconditioning.measure(known(inputs), scale, curvature, stiffness)

    def init(inputs: Inputs) -> FitState:
        inputs = clean(inputs)
        params = model.init(jax.random.fold_in(inputs.key, 0), inputs.x[:1])
        scale, basis, coordinates = None, None, params
        if standardise:
            scale = scaling.measure(inputs.x, inputs.weight)
        if precondition:
            basis = measure_basis(params, scaling.ablate(scale, inputs.features), inputs)
            coordinates = preconditioning.inverse(params, layer, known(inputs), basis)
        used = inputs.weight > 0
        valid = loss.valid(inputs.y).reshape(inputs.y.shape[0], -1).all(axis=1)
        judged = used | (inputs.held_out > 0) | (inputs.validation > 0)
        bad = (judged & ~valid).any() | ~used.any()
        if stop.patience:
            bad = bad | ~(inputs.validation > 0).any()
        low = jnp.where(_spread(used, inputs.y), inputs.y, jnp.inf).min(axis=0)
        high = jnp.where(_spread(used, inputs.y), inputs.y, -jnp.inf).max(axis=0)
        constant = jnp.any(low >= high)
        real, whole = inputs.x.dtype, jnp.int32
        infinite, zero = jnp.asarray(jnp.inf, real), jnp.zeros((), whole)
        return FitState(
            params=coordinates,
            optimizer=build(inputs.hyper).init(coordinates),
            scaling=scale,
            basis=basis,
            best_params=params,
            best_rank=infinite,
            best_loss=jnp.asarray(jnp.nan, real),
            best_gradient=jnp.asarray(jnp.nan, real),
            first_loss=infinite,
            first_gradient=infinite,
            reference=infinite,
            since_reference=zero,
            since_best=zero,
            nonfinite=zero,
            steps=zero,
            status=jnp.where(bad, Status.BAD_DATA, Status.RUNNING).astype(whole),
            warning=jnp.where(constant, Warned.CONSTANT_TARGET, Warned.NOTHING).astype(whole),
            mass=jnp.cumsum(inputs.weight) if batch else None,
        )

    def step(inputs: Inputs, state: FitState) -> FitState:
        inputs = clean(inputs)
        if batch:
            inputs = draw(inputs, state.mass, state.steps, batch)  # pyright: ignore
        hyper, params = inputs.hyper, natural(state.params, state.basis, inputs)
        scale = scaling.ablate(state.scaling, inputs.features)
        both, gradient = jax.value_and_grad(objective, has_aux=True)(params, scale, inputs)
        smooth_value, judged = both
        value = smooth_value + roughness(params, hyper)
        if rough:
            ahead = jax.tree.map(jnp.subtract, params, gradient)
            ahead = prox(ahead, jnp.asarray(1.0), hyper)
            norm = jnp.linalg.norm(ravel_pytree(params)[0] - ravel_pytree(ahead)[0])
        else:
            norm = _norm(gradient)
        finite = jnp.isfinite(value) & jnp.isfinite(norm)
        rank = judged if stop.patience else value

        starts = finite & jnp.isinf(state.first_loss)
        first_loss = jnp.where(starts, value, state.first_loss)
        first_gradient = jnp.where(starts, norm, state.first_gradient)
        converged = finite & (norm <= stop.gradient * first_gradient)
        better = finite & (rank < state.best_rank)
        if batch:
            converged, better = jnp.zeros((), bool), finite  # a batch's loss judges nothing
        kept = better if stop.patience else better | converged
        new_reference = finite & (
            value < state.reference - stop.least_fall * jnp.abs(state.reference)
        )
        new_reference |= finite & jnp.isinf(state.reference)
        since_reference = jnp.where(new_reference, 0, state.since_reference + 1)
        since_best = jnp.where(better, 0, state.since_best + 1)
        nonfinite = jnp.where(finite, 0, state.nonfinite + 1)

        plateau = finite & (since_reference >= stop.plateau) & bool(stop.plateau and not batch)
        early = finite & (since_best >= stop.patience) & bool(stop.patience)
        limit = state.steps >= stop.max_steps
        # Never below the start and now above it is no fit at all, whatever rule ended it.
        rose = (value > first_loss + 1e-3 * jnp.abs(first_loss)) & (not batch)
        rose &= finite & (jnp.minimum(state.reference, value) >= first_loss)
        status = jnp.select(
            [converged, nonfinite >= _LOST_AFTER, early, (plateau | limit) & rose, plateau, limit],
            [Status.CONVERGED, Status.DIVERGED, Status.EARLY_STOPPED, Status.DIVERGED,
             Status.PLATEAU, Status.STEP_LIMIT],
            Status.RUNNING,
        ).astype(jnp.int32)  # fmt: skip
        status = jnp.where(limit & ~finite, Status.DIVERGED, status).astype(jnp.int32)

        if rough:
            extra = {"prox": lambda p, t: prox(p, t, hyper), "rough": lambda p: roughness(p, hyper)}
        else:  # `value_fn` is for optax's own line searches: they work, but not in lockstep
            if state.basis is not None:  # linear: the chain rule is its transpose
                turn = jax.linear_transpose(lambda q: natural(q, state.basis, inputs), state.params)
                (gradient,) = turn(gradient)
            extra = {
                "value_fn": lambda q: objective(natural(q, state.basis, inputs), scale, inputs)[0],
                "grad": gradient,
            }
        updates, optimizer_state = build(hyper).update(
            gradient, state.optimizer, state.params, value=smooth_value, **extra
        )
        goes_on = status == Status.RUNNING
        moved = optax.apply_updates(state.params, updates)
        new = FitState(
            params=_choose(goes_on, moved, state.params),
            optimizer=optimizer_state,
            scaling=state.scaling,
            basis=state.basis,
            best_params=_choose(kept, params, state.best_params),
            best_rank=jnp.where(kept, rank, state.best_rank),
            best_loss=jnp.where(kept, value, state.best_loss),
            best_gradient=jnp.where(kept, norm, state.best_gradient),
            first_loss=first_loss,
            first_gradient=first_gradient,
            reference=jnp.where(new_reference, value, state.reference),
            since_reference=since_reference,
            since_best=since_best,
            nonfinite=nonfinite,
            steps=state.steps + goes_on,
            status=status,
            warning=state.warning,
            mass=state.mass,
        )
        return _choose(state.status == Status.RUNNING, new, state)

    def result(inputs: Inputs, state: FitState) -> Result:
        inputs = clean(inputs)
        params = raw(state.best_params, scaling.ablate(state.scaling, inputs.features))
        prediction = in_blocks(lambda x: output(params, x), inputs.x, batch)
        prediction = _align(prediction, inputs.y, loss)
        if scores is None:
            found = {"loss": _mean_loss(loss, prediction, inputs.y, inputs.held_out)}
            found["loss"] = jnp.where((inputs.held_out > 0).any(), found["loss"], jnp.nan)
        else:
            prediction, y = _only(inputs.held_out > 0, prediction, inputs.y)
            response = loss.response(prediction)
            found = {name: s(y, response, inputs.held_out) for name, s in scores.items()}
        return Result(
            params=params,
            status=state.status,
            warning=state.warning,
            steps=state.steps,
            loss=state.best_loss,
            gradient_norm=state.best_gradient,
            scores=found,
        )

    def predict(params: Params, x: Array) -> Array:
        return loss.response(in_blocks(lambda part: output(params, part), x, batch))

    return Fit(prepare, init, step, lambda state: state.status, result, predict, model, loss, stop)


def _norm(tree: Any) -> Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def _choose(which: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(which, a, b), new, old)


def _spread(mask: Array, y: Array) -> Array:
    return jnp.broadcast_to(mask.reshape(-1, *[1] * (y.ndim - 1)), y.shape)


def _only(mask: Array, prediction: Array, y: Array) -> tuple[Array, Array]:
    """Zeros where `mask` (sample,) is false: 0 · inf is NaN, so what a sample left out predicts
    or holds (an overflow, an impossible value) would else reach the others."""
    return jnp.where(_spread(mask, prediction), prediction, 0), jnp.where(_spread(mask, y), y, 0)


def _mean_loss(loss: Loss, prediction: Array, y: Array, weight: Array) -> Array:
    return weighted_mean(loss(*_only(weight > 0, prediction, y)), weight)


def _align(prediction: Array, y: Array, loss: Loss) -> Array:
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
