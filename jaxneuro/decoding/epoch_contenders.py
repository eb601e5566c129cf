"""Decoders of epochs (trial, channel, time) or (trial, time, channel), for `decode` to compare.

Each is a function of a `Recording` of categories alone. Which axis is time is taken from the
shape: the longer one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxneuro import axes, compat, models
from jaxneuro.classify.classifiers import lda
from jaxneuro.classify.fits import network, softmax_regression
from jaxneuro.compare.contender import Competitor, Contender, View, commonest
from jaxneuro.compare.contenders import searched
from jaxneuro.compare.linear import inner_choice, out_of_fold
from jaxneuro.compare.recording import Recording
from jaxneuro.decoding.spatial import Csp, covariances, csp
from jaxneuro.decoding.tangent import Tangent, tangent_space
from jaxneuro.fit.scaling import measure
from jaxneuro.precision import in_full
from jaxneuro.types import Array, Closed, Model, Params

_STEPS = 500  # of a network
_WINDOWS = 8  # of an epoch


def are_epochs(recording: Recording) -> bool:
    """Whether samples are epochs: categories of (trial, *two axes*), in no order of time."""
    shape = recording.x.shape
    return bool(recording.classes) and not recording.series and len(shape) == 3 and min(shape) > 1


def by_channels(recording: Recording) -> View:
    """The view (trial, channel, time)."""
    return View(turned=recording.x.shape[1] > recording.x.shape[2])


class SpatialClassifier(NamedTuple):
    """Discriminants of features of the channels' covariance.

    Attributes:
      space: `Csp` or `Tangent`, each array with a first axis of outer folds.
      kernel: (outer, feature, class).
      bias: (outer, class).
    """

    space: Any
    kernel: NDArray[Any]
    bias: NDArray[Any]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(trial, class) probabilities of epochs (trial, channel, time): the mean over folds."""
        made = [self.of_fold(x, fold) for fold in range(len(self.bias))]
        return np.stack(made).mean(axis=0)

    def of_fold(self, x: np.ndarray, fold: int) -> np.ndarray:
        """Likewise, by one outer fold."""
        own, kernel, bias = jax.tree.map(lambda a: jnp.asarray(a[fold]), tuple(self))
        with compat.own_settings():
            scores = own.features(covariances(jnp.asarray(x, jnp.float32))) @ kernel + bias
            return np.asarray(jax.nn.softmax(scores, axis=-1))


def common_patterns(components: Sequence[int] = (2, 4, 8)) -> Competitor:
    """Log-variances of common spatial patterns (`decoding.csp`) and shrunken LDA; how many patterns
    of each pair of classes is chosen."""
    return partial(_spatial, "components", tuple(components))


def tangent(shrinkages: Sequence[float] = (0.01, 0.1)) -> Competitor:
    """The Riemannian tangent space (`decoding.tangent_space`) and shrunken LDA; how far covariances
    are shrunk is chosen."""
    return partial(_spatial, "shrinkage", tuple(shrinkages))


def windows(count: int = _WINDOWS, strengths: Sequence[float] = (1e-2, 1.0, 100.0)) -> Competitor:
    """Softmax regression of one window of the epoch, half of it shared with the next; which window,
    and "l2", are chosen: what a sliding decoder finds best, without its held-out part."""

    def competitor(recording: Recording) -> Contender:
        view = by_channels(recording)
        channels, times = view(recording.x[:1]).shape[1:]
        edges = np.linspace(0, times, min(count, times) + 1).round().astype(int)
        ends = np.append(edges[2:], times)[: len(edges) - 1]
        kept = np.zeros((len(ends), channels, times))
        for i, (start, end) in enumerate(zip(edges[:-1], ends, strict=True)):
            kept[i, :, start:end] = 1
        labels = [f"{start}-{end - 1}" for start, end in zip(edges[:-1], ends, strict=True)]
        grid = (axes.ablations(kept.reshape(len(ends), -1), labels, name="window"),
                *axes.grid(l2=strengths))  # fmt: skip
        fit = softmax_regression(len(recording.classes))
        return searched(recording, fit, view, grid, recording.metric)

    return competitor


def compact_network(steps: int = _STEPS, seeds: int = 1, **options: Any) -> Competitor:
    """`models.eeg_network`, each channel in units of what is fitted; "weight_decay" is chosen, and
    the predictions of so many `seeds` are averaged. `options` are the model's."""

    def competitor(recording: Recording) -> Contender:
        own = models.eeg_network(len(recording.classes), **options)
        fit = network(models.by_channel(_time_first(own)), steps, standardise=True)
        view = by_channels(recording)
        grid = axes.grid(weight_decay=[0.01, 0.1], learning_rate=[3e-3])
        return searched(recording, fit, View(turned=not view.turned), grid, recording.metric, seeds)

    return competitor


def _time_first(model: Model) -> Model:
    """The same network of (trial, time, channel)."""
    train = None if model.train is None else Closed(_train, (model,))
    return Model(Closed(_init, (model,)), Closed(_apply, (model,)), None, model.readout, train)


def _init(model: Model, key: Array, x: Array) -> Params:
    return model.init(key, x.swapaxes(1, 2))


def _apply(model: Model, params: Params, x: Array) -> Array:
    return model.apply(params, x.swapaxes(1, 2))


def _train(model: Model, params: Params, x: Array, key: Array) -> Array:
    assert model.train is not None
    return model.train(params, x.swapaxes(1, 2), key)


def _spatial(chosen: str, values: tuple, recording: Recording) -> Contender:
    begun = time.perf_counter()
    view = by_channels(recording)
    laid = np.asarray(view(recording.x), np.float32)
    classes, channels = len(recording.classes), laid.shape[1]
    if chosen == "components":
        values = tuple(sorted({min(value, channels) for value in values}))
    outer, inner, trials = recording.splits.train.shape
    rows = jnp.asarray(recording.splits.train.reshape(-1, trials))
    made, told = [], []
    with compat.own_settings():
        covariance, y = covariances(jnp.asarray(laid)), jnp.asarray(recording.y)
        for value in values:
            fitted, codes = _trained(covariance, y, rows, chosen, value, classes)
            made.append(jax.tree.map(np.asarray, fitted))
            told.append(np.asarray(codes).reshape(outer, inner, trials))
    best, by_fold = inner_choice(recording, np.stack(told, axis=2))
    refit = np.arange(outer) * inner + inner - 1
    parts = [jax.tree.map(lambda a, r=r: a[r], made[v]) for r, v in zip(refit, best, strict=True)]
    if chosen == "components":  # so that folds of other numbers share an array
        parts = [_wide(part, max(part.kernel.shape[0] for part in parts)) for part in parts]
    found = SpatialClassifier(*jax.tree.map(lambda *a: np.stack(a), *map(tuple, parts)))
    predictions = out_of_fold(lambda fold, held: found.of_fold(laid[held], fold), recording)
    options = {chosen: commonest(np.array(values)[best])}
    return Contender(found, view, predictions, float(by_fold.mean()), options,
                     outer * inner * len(values), 0.0, time.perf_counter() - begun,
                     tuple(by_fold.tolist()) if outer > 1 else ())  # fmt: skip


def _wide(part: SpatialClassifier, features: int) -> SpatialClassifier:
    """With components that repeat the last and have no weight."""
    more = features - len(part.kernel)
    space = jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[-1:], more, axis=0)]), part.space)
    zeros = np.zeros((more, part.kernel.shape[1]), part.kernel.dtype)
    return SpatialClassifier(space, np.concatenate([part.kernel, zeros]), part.bias)


@partial(jax.jit, static_argnames=("chosen", "value", "classes"))
def _trained(
    covariance: Array, y: Array, rows: Array, chosen: str, value: Any, classes: int
) -> tuple[SpatialClassifier, Array]:
    """Of each row of weights a classifier, and what it takes each trial for (row, trial)."""

    @in_full
    def one(weight: Array) -> tuple[Any, Array]:
        space: Csp | Tangent
        if chosen == "components":
            space = csp(covariance, y, weight, classes, value)
        else:
            space = tangent_space(covariance, weight, value)
        features = space.features(covariance)
        scale = measure(features, weight)
        made = lda((features - scale.mean) * scale.gain, y, weight, classes)
        kernel = made.kernel * scale.gain[:, None]
        bias = made.bias - scale.mean @ kernel
        scores = features @ kernel + bias
        return SpatialClassifier(space, kernel, bias), scores.argmax(axis=-1)  # pyright: ignore

    return jax.lax.map(one, rows)
