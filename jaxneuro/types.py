"""The nouns: a fit is a pure function, an axis is an index to a change of its inputs.

Host-side facts (names, units, sampling rates) never enter these: they travel beside the arrays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import jax

Array = jax.Array
Device = Any  # a jax.Device, which type checkers take for a variable
Params = Any  # a pytree of arrays; with Flax linen, nested dicts keyed by layer name


@dataclass(frozen=True)
class Closed:
    """A closure that is a value: `function` with its first arguments given. Two of the same
    function and equal arguments are equal, so equal fits share their compiled programs; and it
    pickles where they do."""

    function: Callable
    arguments: tuple = ()

    def __call__(self, *rest, **named):
        return self.function(*self.arguments, *rest, **named)


class Model(NamedTuple):
    """Two pure functions. Neither knows of neurons, folds or any other axis of fits.

    Attributes:
      init: `(key, x) -> params`, with `x` of shape (sample, *feature).
      apply: `(params, x) -> prediction`, of shape (sample,) or (sample, output): what the loss
        takes, so logits or log-rates where it has a link. It may look at other samples only if they
        come before: after the last there may be padding.
      first_layer: path in `params` to a dense layer `{kernel, bias}` that `x` meets first, so that
        a fit can fold each fold's own feature scaling into it. None: the model has no such layer.
      readout: path in `params` to the last dense layer `{kernel, bias}`, whose output is the
        prediction, so that a fit can start its bias at the best constant and fold the units of
        `y` into it. None: the model has no such layer.
      train: `(params, x, key) -> prediction` while it is fitted, where that is random (dropout);
        `apply` is then what is scored. None: `apply` is what is fitted.
    """

    init: Callable[[Array, Array], Params]
    apply: Callable[[Params, Array], Array]
    first_layer: tuple[str, ...] | None = None
    readout: tuple[str, ...] | None = None
    train: Callable[[Params, Array, Array], Array] | None = None


class Moments(NamedTuple):
    """Principal axes of the flattened features of `x`, over all folds: they say how long a step is,
    never where the optimum lies.

    Attributes:
      mean, deviation: (feature,).
      values, vectors: (feature,), (feature, feature) of the covariance of x / deviation.
    """

    mean: Array
    deviation: Array
    values: Array
    vectors: Array


class Origin(NamedTuple):
    """z = value / 2^exponent - offset: a shift and a power of two, both exact in float32, between
    the values of a recording and those that fits see (`jaxneuro.origin`).

    Attributes:
      offset: (*feature) float32.
      exponent: (*feature) int32.
    """

    offset: Any
    exponent: Any


class Inputs(NamedTuple):
    """All that one fit sees. Folds and bootstraps are weights, so shapes never change.

    Attributes:
      x: (sample, *feature); or a dictionary of arrays, (sample, ...) each.
      y: (sample, *output); NaN marks a missing value, which no weight brings back.
      weight: (sample,) what is fitted: 0 = left out, 2 = drawn twice.
      held_out: (sample,) what is scored when the fit has ended; never seen before.
      validation: (sample,) what early stopping may look at; apart from both others.
      hyper: scalars by name, traced: new values never recompile.
      key: randomness of this fit, folded from its own place on the axes.
      features: (feature,) of the flattened features, 0 = left out; folded into the first layer,
        so that ablating features copies no `x`. None: all.
      moments: of `x`, where fits precondition their steps by them; `fit.prepare` fills them in.
      x_origin, y_origin: what `x` and `y` are relative to, where float32 could not hold them as
        they were given; `Fits` takes it back. None: nothing was changed.
    """

    x: Array
    y: Array
    weight: Array
    held_out: Array
    validation: Array
    hyper: Mapping[str, Array]
    key: Array
    features: Array | None = None
    moments: Moments | None = None
    x_origin: Origin | None = None
    y_origin: Origin | None = None


class Axis(NamedTuple):
    """One more thing to fit over: neurons, folds, penalties, seeds, subjects, ...

    Attributes:
      name: unique among the axes of a call.
      size: how many indices.
      select: `(inputs, index) -> inputs`, pure. Arrays that it needs go in as leaves of a
        `jax.tree_util.Partial`, not in a closure: XLA would fold them into the program.
      labels: what the indices stand for (fold names, penalty values); one for each, or None.
      outer: True where `select` changes `x`: fits are then run one index after the other, through
        the same compiled program, and `x` is never copied for each lane. `select` of an outer
        axis runs on the host, on the arrays as given.
      pad: `(axis, inputs, samples) -> (axis, inputs)`: the axis for inputs of that many samples, of
        which the last are padding of weight 0; so recordings of about the same size share their
        programs. None: it is not known how, and inputs stay as they are.
    """

    name: str
    size: int
    select: Callable[[Inputs, Any], Inputs]
    labels: tuple | None = None
    outer: bool = False
    pad: Callable[["Axis", Inputs, int], tuple["Axis", Inputs]] | None = None


class Status(IntEnum):
    """How a fit ended."""

    RUNNING = 0  # only ever seen inside the engine
    CONVERGED = 1  # gradient norm fell below tolerance × its first value
    PLATEAU = 2  # the objective stopped falling
    EARLY_STOPPED = 3  # the validation loss stopped falling; its best parameters are kept
    STEP_LIMIT = 4
    DIVERGED = 5  # objective or gradient no longer finite; the best parameters before are kept
    BAD_DATA = 6  # infinite or impossible values, or no sample with weight: never started
    LOST = 7  # its worker died or failed, three times; runs again where results are in a folder


class Warned(IntEnum):
    """What is odd about a fit that has run."""

    NOTHING = 0
    CONSTANT_TARGET = 1  # every fitted y is the same: a silent neuron, a single class
    NO_TARGET = 2  # an output without any fitted value: what is predicted of it means nothing
    NOT_SCORED = 3  # scores were asked for, and no held-out sample has a value: they are NaN


class Result(NamedTuple):
    """What one fit leaves behind.

    Attributes:
      params: parameters of the lowest objective seen (with early stopping, validation loss), in
        units of the raw `x`.
      status: a `Status`.
      warning: a `Warned`.
      steps: parameter updates taken.
      loss: objective (mean loss + penalties) at `params`; with `standardise`, of `y` in standard
        units where the loss allows it.
      gradient_norm: Euclidean norm of its gradient there (with a proximal penalty, of the
        prox-gradient map of unit step). NaN if never evaluated.
      scores: held-out scores by name, each scalar or (output,).
      y_origin: of this fit's own `y`; None: it was not changed.
    """

    params: Params
    status: Array
    warning: Array
    steps: Array
    loss: Array
    gradient_norm: Array
    scores: Mapping[str, Array]
    y_origin: Origin | None = None
