"""The decoders that `decode` compares where nobody says.

Each makes a function of a `Recording` alone; one of your own is given likewise.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import axes, compat, models
from jaxneuro.classify.classifiers import Linear, lda, max_correlation
from jaxneuro.classify.fits import network, softmax_regression
from jaxneuro.decoding import fits
from jaxneuro.decoding.cascade import wiener_cascade
from jaxneuro.decoding.contender import Classifier, Contender, Decoder, View, of_search
from jaxneuro.decoding.kalman import kalman
from jaxneuro.decoding.recording import Recording
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import measure
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.selection.search import EdgeOfGrid, search
from jaxneuro.types import Array, Axis

_DEEP = (1e-3, 1e-2, 1e-1)
_STEPS, _BATCH = 1500, 256  # of networks
_MOST_WORK = 6e12  # operations of a network's fits: about a minute on two cores
_KALMAN_LAGS = (0, 1, 2, 4)


def suited(recording: Recording, notes: list[str]) -> dict[str, Decoder]:
    """What is compared of this recording, by name; what is left out, and why, is noted."""
    if recording.classes:
        made: dict[str, Decoder] = {
            "softmax regression": softmax(),
            "LDA": closed_form("lda"),
            "maximum correlation": closed_form("max_correlation"),
            "MLP": classifying_network(),
        }
    elif recording.series:
        made = {
            "Wiener filter": wiener(),
            "Wiener cascade": cascade(),
            "Kalman filter": kalman_filter(),
            "MLP": mlp(),
            "GRU": recurrent(),
        }
    else:
        made = {"linear decoder": wiener(), "linear and polynomial": cascade(), "MLP": mlp()}
    signals, moments = int(np.prod(recording.x.shape[1:])), recording.past.last + 1
    weights = {"MLP": 64 * signals * moments, "GRU": 192 * (signals + 64) * moments}
    for name in [name for name in weights if name in made]:
        if 6 * _STEPS * _BATCH * 10 * weights[name] > _MOST_WORK:
            del made[name]
            notes.append(f"{name} was left out: of so many features it would take long. Give it "
                         "by `decoders`, from `decoding.contenders`.")  # fmt: skip
    if "Kalman filter" in made and (why := _no_dynamics(recording, signals)):
        del made["Kalman filter"]
        notes.append(f"Kalman filter was left out: {why}.")
    return made


def _no_dynamics(recording: Recording, signals: int) -> str:
    """Why a Kalman filter cannot be fitted; empty if it can."""
    if recording.fitted.sum() < 2 * (signals + 2):
        return f"samples are too few for the covariance of {signals} signals"
    edges = recording.edges
    if edges is not None and (edges[1:] != edges[:-1]).sum() >= len(np.unique(edges)):
        return "a trial or group is in pieces, and time goes on within one"
    return ""


def wiener(strengths: Sequence[float] = STRENGTHS) -> Decoder:
    """`decoding.linear_decoder` over the lags of a time series: the Wiener filter; how many of them
    it sees, and "l2", are chosen."""
    return partial(_over_lags, fits.linear_decoder, strengths)


def cascade(strengths: Sequence[float] = STRENGTHS[1:]) -> Decoder:
    """`decoding.wiener_cascade`, likewise."""
    return partial(_over_lags, wiener_cascade, strengths)


def mlp(hidden: Sequence[int] = (64,), steps: int = _STEPS) -> Decoder:
    """`decoding.mlp` of all lags; "l2" is chosen."""
    return partial(_network, partial(fits.mlp, hidden=tuple(hidden), steps=steps), False, 3e-3)


def recurrent(
    hidden: int = 64,
    steps: int = _STEPS,
    *,
    cell: Literal["gru", "lstm"] = "gru",
    dropout: float = 0.2,
    strengths: Sequence[float] = (1e-3, 1e-2),
    seeds: int = 1,
) -> Decoder:
    """`decoding.recurrent` over the lags in their order; "l2" is chosen, by one seed, and the
    predictions of so many `seeds` are averaged."""
    made = partial(fits.recurrent, hidden=hidden, steps=steps, cell=cell, dropout=dropout)
    return partial(_network, made, True, 3e-3, strengths=tuple(strengths), seeds=seeds)


def temporal_convolution(steps: int = _STEPS, **options: Any) -> Decoder:
    """`decoding.temporal_convolution`, likewise; `options` are its own."""
    return partial(_network, partial(fits.temporal_convolution, steps=steps, **options), True, 3e-3)


def kalman_filter(**options: Any) -> Decoder:
    """`decoding.kalman`, which chooses its noise and lag; `options` are its own."""
    return partial(_kalman, options)


def softmax(strengths: Sequence[float] = STRENGTHS) -> Decoder:
    """`areas.softmax_regression` of all lags; "l2" is chosen."""

    def decoder(recording: Recording) -> Contender:
        fit = softmax_regression(len(recording.classes))
        view = _all_lags(recording)
        return _searched(recording, fit, view, axes.grid(l2=strengths), "accuracy")

    return decoder


def classifying_network(hidden: Sequence[int] = (64,), steps: int = _STEPS) -> Decoder:
    """`areas.network` with a perceptron of standardised features; "weight_decay" is chosen."""

    def decoder(recording: Recording) -> Contender:
        model = models.mlp(tuple(hidden), len(recording.classes))
        fit = network(model, steps, standardise=True)
        grid = axes.grid(weight_decay=[0.1, 0.5], learning_rate=[2e-3])
        view = _all_lags(recording)
        return _searched(recording, fit, view, grid, "accuracy")

    return decoder


def closed_form(name: Literal["lda", "max_correlation"]) -> Decoder:
    """`decoding.lda` or `decoding.max_correlation` of all lags, of standardised features."""
    return partial(_closed_form, {"lda": lda, "max_correlation": max_correlation}[name])


def _over_lags(make: Any, strengths: Sequence[float], recording: Recording) -> Contender:
    """A linear filter, whose lags are part of the choice."""
    grid: tuple[Axis, ...] = tuple(axes.grid(l2=strengths))
    view = _all_lags(recording)
    if len(recording.lags) > 1:
        ahead = recording.past.ahead
        kept = [np.arange(ahead + recording.past.last + 1) <= ahead + lag for lag in recording.lags]
        width = int(np.prod(recording.x.shape[1:]))
        masks = np.repeat(np.stack(kept), width, axis=1)
        grid = (axes.ablations(masks, recording.lags, name="lags"), *grid)
    return _searched(recording, make(recording.y.shape[1]), view, grid, "mean_squared_error")


def _network(
    make: Any,
    ordered: bool,
    rate: float,
    recording: Recording,
    strengths: Sequence[float] = _DEEP,
    seeds: int = 1,
) -> Contender:
    grid = axes.grid(l2=strengths, learning_rate=[rate])
    view = _all_lags(recording)._replace(ordered=ordered)
    if ordered and view.past is None:
        raise ValueError("a network over sequences needs a time series: give dt")
    fit = make(recording.y.shape[1])
    return _searched(recording, fit, view, grid, "mean_squared_error", seeds)


def _searched(
    recording: Recording,
    fit: Fit,
    view: View,
    grid: Sequence[Axis],
    score: str,
    seeds: int = 1,
) -> Contender:
    more: dict[str, Any] = {} if recording.progress is None else {"progress": recording.progress}
    more |= {"refit_axes": [axes.seeds(seeds)]} if seeds > 1 else {}
    laid = view(recording.x, recording.edges)
    inputs = make_inputs(laid, recording.y, key=recording.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeOfGrid)  # a note, with the decoder's name
        found = search(fit, inputs, (), recording.splits, grid, score=score, **more)
    return of_search(found, view)


def _kalman(options: dict[str, Any], recording: Recording) -> Contender:
    begun = time.perf_counter()
    lags = tuple(lag for lag in _KALMAN_LAGS if lag <= max(recording.past.last, 1))
    flat = recording.x.reshape(len(recording.x), -1)
    given = {"lag": lags, "trials": recording.edges} | options
    found = kalman(flat, recording.y, recording.splits, **given)
    held = recording.held
    predictions = np.where(held[:, None], found.predictions, np.nan)
    inner, count = float("nan"), 1
    if found.errors is not None:
        inner = -float(found.errors.min())
        count += found.errors.size * (recording.splits.train.shape[1] - 1)
    chosen = {"noise": float(found.noise[0]), "lags": int(found.lag[0])}
    return Contender(found, View(), predictions, inner, chosen, count, 0.0,
                     time.perf_counter() - begun)  # fmt: skip


def _closed_form(classify: Any, recording: Recording) -> Contender:
    begun = time.perf_counter()
    view = _all_lags(recording)
    laid = view(recording.x, recording.edges)
    inputs = make_inputs(laid.reshape(len(laid), -1), recording.y)
    train, test = recording.splits.train[0], recording.splits.test[0] > 0
    with compat.own_settings():
        made, scores = _trained(inputs.x, inputs.y, jnp.asarray(train), classify,
                                len(recording.classes))  # fmt: skip
    told = np.asarray(scores).argmax(axis=-1) == np.asarray(inputs.y)
    inner = [told[i, test[i]].mean() for i in range(len(test) - 1)]
    kernel, bias = (np.asarray(a[-1], np.float64) for a in made)
    if inputs.x_origin is not None:  # for x as it was given
        bias = bias - np.ravel(inputs.x_origin.offset) @ kernel
        kernel = kernel * np.ldexp(1.0, -np.ravel(inputs.x_origin.exponent))[:, None]
    found = Classifier(kernel, bias)
    predictions = np.where(test[-1][:, None], found.predict(laid), np.nan).astype(np.float32)
    return Contender(found, view, predictions, float(np.mean(inner)), {}, len(test), 0.0,
                     time.perf_counter() - begun)  # fmt: skip


@partial(jax.jit, static_argnames=("classify", "classes"))
def _trained(
    x: Array, y: Array, weights: Array, classify: Any, classes: int
) -> tuple[Linear, Array]:
    """Of each row of `weights` (row, sample) a classifier of raw features (row, ...), and its
    scores (row, sample, class)."""

    def one(weight: Array) -> tuple[Linear, Array]:
        scale = measure(x, weight)
        z = (x - scale.mean) * scale.gain
        made = classify(z, y, weight, classes)
        kernel = made.kernel * scale.gain[:, None]
        with jax.default_matmul_precision("highest"):
            return Linear(kernel, made.bias - scale.mean @ kernel), made.scores(z)

    return jax.lax.map(one, weights)


def _all_lags(recording: Recording) -> View:
    past = recording.past
    return View(past if past.last or past.ahead else None)
