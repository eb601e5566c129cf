"""A model, a loss and an optimizer put together into one fit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxneuro.fit import step
from jaxneuro.fit.recipe import make_recipe
from jaxneuro.fit.step import FitState
from jaxneuro.fit.verdict import Stop
from jaxneuro.losses import Loss
from jaxneuro.metrics import Score
from jaxneuro.penalties import Penalty
from jaxneuro.types import Array, Closed, Inputs, Model, Params, Result


class Fit(NamedTuple):
    """`init(inputs) -> state`, `step(inputs, state) -> state`, `status(state)`,
    `result(inputs, state) -> Result`, `predict(params, x)` on the scale of `y`; plus what the
    engine must know: `prepare(inputs) -> inputs`, what fits that share `x` share besides, the
    model, the loss, the stopping rules and which way each score is better. A value: equal
    arguments of `make_fit` make equal fits, which share their compiled programs."""

    prepare: Callable[[Inputs], Inputs]
    init: Callable[[Inputs], FitState]
    step: Callable[[Inputs, FitState], FitState]
    status: Callable[[FitState], Array]
    result: Callable[[Inputs, FitState], Result]
    predict: Callable[[Params, Array], Array]
    model: Model
    loss: Loss
    stop: Stop
    better: tuple[tuple[str, bool], ...]
    precondition: bool


def make_fit(
    model: Model,
    loss: Loss | Callable[[Array, Array], Array],
    optimizer: Any,
    penalty: Penalty | Sequence[Penalty] = (),
    stop: Stop = Stop(),  # noqa: B008 (immutable)
    *,
    scores: Mapping[str, Score | Callable] | None = None,
    standardise: bool | str = False,
    precondition: bool = False,
    relative: bool = False,
    batch: int | None = None,
) -> Fit:
    """Puts a model, a loss and an optimizer together into one fit.

    The objective is the weighted mean of the loss plus the penalties. NaN in `y` marks a missing
    value: of (sample, output) that output does without that sample. Where the model has a readout
    and the loss a best constant prediction, the readout's bias starts there.

    Args:
      model: from `jaxneuro.models`.
      loss: from `jaxneuro.losses`, or any elementwise `(prediction, y) -> (sample, ...)`.
      optimizer: an optax transform or one of `jaxneuro.optimizers`, or better a function that
        builds it from `inputs.hyper`: `lambda hyper: optax.sgd(hyper["learning_rate"])`.
      penalty: one or several of `jaxneuro.penalties`.
      stop: when a fit ends.
      scores: held-out scores by name, each `(y, response, weight) -> scalar or (output,)` as in
        `jaxneuro.metrics`; a `Score` says which way is better, a plain function's values are
        better when higher. None: `{"loss": ...}`, the mean held-out loss, better when lower.
      standardise: scale each feature by mean and standard deviation over the samples that *this*
        fit is fitted on (each fold its own), folded into the first layer: `x` is never copied.
        Under squared error, each output of `y` likewise, folded into the readout. Penalties then
        act on standardised weights, and `loss` is in these units; the parameters returned take
        the raw `x` and predict the raw `y`. A name is that of a hyper-parameter: the power of its
        deviation that each feature is divided by, from 1 (standardised) by 1/2 (Pareto scaling) to
        0 (all by one common deviation); a penalty then weighs more on features that vary little.
      precondition: descend in coordinates in which the objective is round at the start, from the
        covariance of `x` and the penalties' curvature (`jaxneuro.fit.precondition`). The optimum,
        the stopping rules and the parameters returned are the same; linear models of correlated
        features need far fewer steps. Costs one eigendecomposition for each `x`.
      relative: multiply penalties by the curvature of the loss in a constant prediction, at the
        best one (of Poisson counts their mean, of squared error 1, over the outputs), so that with
        `standardise` a strength means the same for a neuron of 0.1 and of 100 spikes a second.
      batch: samples a step, drawn anew from those with weight, spread evenly over the recording;
        None for all. With it only the step limit ends a fit, and the last parameters are kept,
        likewise with a model that is random in training (`Model.train`); or early stopping
        (`Stop(patience=...)`), which judges each step by all samples of `inputs.validation` or, of
        more than `batch`, by so many, always the same and spread evenly.

    Raises:
      ValueError: for stopping rules or models that cannot go together.
      TypeError: an argument of another kind; or at tracing, where a non-smooth penalty meets an
        optimizer without proximal step.

    >>> import jaxneuro as jn
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> fit = make_fit(jn.models.linear(), jn.losses.squared_error, jn.optimizers.lbfgs())
    >>> inputs = jn.make_inputs(x, 2 * x + [1, 3])  # y is (time, neuron)
    >>> fits = jn.fit_many(fit, inputs, [jn.axes.targets(2)])
    >>> fits.params["readout"]["bias"].ravel().round(3).tolist()
    [1.0, 3.0]
    """
    recipe = make_recipe(
        model, loss, optimizer, penalty, stop, scores, standardise, precondition, relative, batch
    )
    better = tuple((name, score.higher_is_better) for name, score in recipe.scores)
    own = (recipe,)
    return Fit(
        prepare=Closed(step.prepare, own),
        init=Closed(step.start, own),
        step=Closed(step.step, own),
        status=step.status,
        result=Closed(step.result, own),
        predict=Closed(step.predict, own),
        model=recipe.model,
        loss=recipe.loss,
        stop=recipe.stop,
        better=better or (("loss", False),),
        precondition=precondition,
    )
