"""Classifiers in closed form over all folds: one program, exact."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro import compat
from jaxneuro.classify.classifiers import Linear
from jaxneuro.compare.contender import Classifier, Contender, View, commonest
from jaxneuro.compare.recording import Recording
from jaxneuro.fit.scaling import measure
from jaxneuro.inputs import make_inputs
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Inputs


def closed(
    recording: Recording,
    view: View,
    classify: Callable[..., Linear],
    chosen: str = "",
    values: Sequence[Any] = (None,),
) -> Contender:
    """A classifier in closed form, of features standardised by what each fold fits.

    Args:
      recording: of categories.
      view: what it sees.
      classify: `(x, y, weight, classes) -> Linear`; or where there is something to choose
        `(x, y, weight, classes, values)`, with a first axis of these values.
      chosen: what is chosen, by name.
      values: to choose from; of equals the first.
    """
    begun = time.perf_counter()
    laid = view(recording.x, recording.edges)
    inputs = make_inputs(laid.reshape(len(laid), -1), recording.y)
    train = recording.splits.train
    outer, inner, samples = train.shape
    rows = jnp.asarray(train.reshape(-1, samples))
    given = tuple(values) if chosen else ()
    with compat.own_settings():
        made, told = _trained(inputs.x, inputs.y, rows, classify, len(recording.classes), given)
    every = np.asarray(told).reshape(outer, inner, len(values), samples)
    best, by_fold = inner_choice(recording, every)
    refit = (np.arange(outer) * inner + inner - 1, best)
    found = Classifier(*_raw(np.asarray(made.kernel)[refit], np.asarray(made.bias)[refit], inputs))
    if outer == 1:
        found = Classifier(found.kernel[0], found.bias[0])
    options = {chosen: commonest(np.array(given)[best])} if chosen else {}
    kernels = found.kernel.reshape(outer, -1, found.bias.shape[-1])
    biases = found.bias.reshape(outer, -1)

    def of_fold(fold: int, held: NDArray[np.bool_]) -> np.ndarray:
        return Classifier(kernels[fold], biases[fold]).predict(laid[held])

    return Contender(found, view, out_of_fold(of_fold, recording), float(by_fold.mean()), options,
                     outer * inner * len(values), 0.0, time.perf_counter() - begun,
                     tuple(by_fold.tolist()) if outer > 1 else ())  # fmt: skip


def _raw(kernel: NDArray, bias: NDArray, inputs: Inputs) -> tuple[NDArray, NDArray]:
    """Kernel (outer, feature, class) and bias (outer, class) for `x` as it was given."""
    kernel, bias = kernel.astype(np.float64), bias.astype(np.float64)
    if inputs.x_origin is not None:
        bias = bias - np.ravel(inputs.x_origin.offset) @ kernel
        kernel = kernel * np.ldexp(1.0, -np.ravel(inputs.x_origin.exponent))[:, None]
    return kernel, bias


def inner_choice(
    recording: Recording, told: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The best value of each outer fold by its inner folds, and its score there, (outer,) each; of
    equals the first.

    Args:
      recording: of categories.
      told: (outer, inner + 1, value, sample) what each sample is taken for.
    """
    score, test = recording.share_right, recording.splits.test
    outer, inner, values, _ = told.shape
    scores = np.array([[[score(told[o, i, v], test[o, i]) for v in range(values)]
                        for i in range(inner - 1)] for o in range(outer)])  # fmt: skip
    scores = np.nan_to_num(scores, nan=-1.0).mean(axis=1)
    best = scores.argmax(axis=1)
    return best, scores[np.arange(outer), best]


def out_of_fold(
    of_fold: Callable[[int, NDArray[np.bool_]], np.ndarray], recording: Recording
) -> np.ndarray:
    """(sample, class) by the outer folds that hold each sample out, the mean of several; NaN where
    none does.

    Args:
      of_fold: (outer, mask of samples) -> (sample in the mask, class).
      recording: of categories.
    """
    test = recording.splits.test[:, -1] > 0
    total = np.zeros((test.shape[1], len(recording.classes)), np.float32)
    for fold, held in enumerate(test):
        total[held] += of_fold(fold, held)
    count = test.sum(axis=0)[:, None]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


@partial(jax.jit, static_argnames=("classify", "classes", "values"))
def _trained(
    x: Array, y: Array, weights: Array, classify: Any, classes: int, values: tuple
) -> tuple[Linear, Array]:
    """Of each row of `weights` (row, sample) classifiers of raw features (row, value, ...), and
    what they take each sample for (row, value, sample)."""

    @in_full
    def one(weight: Array) -> tuple[Linear, Array]:
        scale = measure(x, weight)
        z = (x - scale.mean) * scale.gain
        if values:
            made = classify(z, y, weight, classes, values)
        else:
            made = jax.tree.map(lambda a: a[None], classify(z, y, weight, classes))
        kernel = made.kernel * scale.gain[:, None]
        raw = Linear(kernel, made.bias - scale.mean @ kernel)
        scores = z @ made.kernel + made.bias[:, None]
        return raw, scores.argmax(axis=-1)

    return jax.lax.map(one, weights)
