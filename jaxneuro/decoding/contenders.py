"""The decoders that `decode` compares where nobody says.

Each makes a function of a `Recording` alone; one of your own is given likewise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from jaxneuro import axes
from jaxneuro.compare.contender import Competitor as Decoder
from jaxneuro.compare.contender import Contender, View
from jaxneuro.compare.contenders import (
    STEPS,
    all_lags,
    classifying_network,
    closed_form,
    searched,
    softmax,
)
from jaxneuro.compare.recording import Recording
from jaxneuro.decoding import epoch_contenders as epochs
from jaxneuro.decoding import fits
from jaxneuro.decoding import moments as every_moment
from jaxneuro.decoding.cascade import wiener_cascade
from jaxneuro.decoding.kalman import kalman
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.types import Axis

__all__ = [
    "cascade",
    "classifying_network",
    "closed_form",
    "kalman_filter",
    "mlp",
    "recurrent",
    "softmax",
    "suited",
    "temporal_convolution",
    "wiener",
]

_DEEP = (1e-3, 1e-2, 1e-1)
_BATCH = 256  # of networks
_MOST_WORK = 6e12  # operations of a network's fits: about a minute on two cores
_MOST_CHANNELS = 128  # of a covariance
_LEAST_TIMES = 32  # of an epoch that `models.eeg_network` takes
_KALMAN_LAGS = (0, 1, 2, 4)


def suited(recording: Recording, notes: list[str]) -> dict[str, Decoder]:
    """What is compared of this recording, by name; what is left out, and why, is noted."""
    if epochs.are_epochs(recording):
        return _of_epochs(recording, notes)
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
        if 6 * STEPS * _BATCH * 10 * weights[name] > _MOST_WORK:
            del made[name]
            notes.append(f"{name} was left out: of so many features it would take long. Give it "
                         "by `decoders`, from `decoding.contenders`.")  # fmt: skip
    if "Kalman filter" in made and (why := _no_dynamics(recording, signals)):
        del made["Kalman filter"]
        notes.append(f"Kalman filter was left out: {why}.")
    return made


def _of_epochs(recording: Recording, notes: list[str]) -> dict[str, Decoder]:
    view, trials = epochs.by_channels(recording), int(recording.fitted.sum())
    channels, times = view(recording.x[:1]).shape[1:]
    notes.append(f"Samples are epochs of {channels} channels and {times} times: time is the longer "
                 "axis.")  # fmt: skip
    made = {
        "CSP and LDA": epochs.common_patterns(),
        "tangent space and LDA": epochs.tangent(),
        "one window": epochs.windows(),
        "EEG network": epochs.compact_network(),
    }
    work = {
        "one window": 72 * 4 * 100 * trials * channels * times * len(recording.classes),
        "EEG network": 10 * 6 * 500 * 64 * channels * times * 8 * 64,
    }
    if channels > _MOST_CHANNELS:
        for name in ("CSP and LDA", "tangent space and LDA"):
            del made[name]
        notes.append(f"CSP and tangent space were left out: a covariance of {channels} channels is "
                     "large.")  # fmt: skip
    if times < _LEAST_TIMES:
        del made["EEG network"]
        notes.append(f"EEG network was left out: it needs {_LEAST_TIMES} times.")
    for name, operations in work.items():
        if name in made and operations > _MOST_WORK:
            del made[name]
            notes.append(f"{name} was left out: of so long epochs it would take long. Give it by "
                         "`decoders`, from `decoding.epoch_contenders`.")  # fmt: skip
    return made or {"softmax regression": softmax(), "LDA": closed_form("lda")}


def _no_dynamics(recording: Recording, signals: int) -> str:
    """Why a Kalman filter cannot be fitted; empty if it can."""
    if recording.fitted.sum() < 2 * (signals + 2):
        return f"samples are too few for the covariance of {signals} signals"
    edges = recording.edges
    if edges is not None and (edges[1:] != edges[:-1]).sum() >= len(np.unique(edges)):
        return "a trial or group is in pieces, and time goes on within one"
    return ""


def wiener(
    strengths: Sequence[float] = STRENGTHS, powers: Sequence[float] | None = None
) -> Decoder:
    """`decoding.linear_decoder` over the lags of a time series: the Wiener filter; how many of them
    it sees, and "l2", are chosen, and with `powers`, such as (0.5, 1.0), what power of its
    deviation each feature is divided by."""
    if powers is None:
        return partial(_over_lags, fits.linear_decoder, {"l2": strengths})
    make = partial(fits.linear_decoder, standardise="power")
    return partial(_over_lags, make, {"l2": strengths, "power": powers})


def cascade(strengths: Sequence[float] = STRENGTHS[1:]) -> Decoder:
    """`decoding.wiener_cascade`, likewise."""
    return partial(_over_lags, wiener_cascade, {"l2": strengths})


def mlp(hidden: Sequence[int] = (64,), steps: int = STEPS) -> Decoder:
    """`decoding.mlp` of all lags; "l2" is chosen."""
    return partial(_network, partial(fits.mlp, hidden=tuple(hidden), steps=steps), False, 3e-3)


def recurrent(
    hidden: int = 64,
    steps: int = STEPS,
    *,
    cell: Literal["gru", "lstm"] = "gru",
    dropout: float = 0.2,
    readin: int | None = None,
    strengths: Sequence[float] = (1e-3, 1e-2),
    seeds: int = 1,
    batch: int = _BATCH,
    moments: int | None = None,
) -> Decoder:
    """`decoding.recurrent` over the lags in their order; "l2" is chosen, by one seed, and the
    predictions of so many `seeds` are averaged. With `moments` it learns from so many of the last
    moments of each window, not from its last alone: smaller batches then do."""
    made = partial(fits.recurrent, hidden=hidden, steps=steps, batch=batch, cell=cell,
                   dropout=dropout, readin=readin)  # fmt: skip
    return partial(_network, made, True, 3e-3, strengths=tuple(strengths), seeds=seeds,
                   moments=moments)  # fmt: skip


def temporal_convolution(steps: int = STEPS, **options: Any) -> Decoder:
    """`decoding.temporal_convolution`, likewise; `options` are its own."""
    return partial(_network, partial(fits.temporal_convolution, steps=steps, **options), True, 3e-3)


def kalman_filter(**options: Any) -> Decoder:
    """`decoding.kalman`, which chooses its noise and lag; `options` are its own."""
    return partial(_kalman, options)


def _over_lags(make: Any, choices: dict[str, Sequence[float]], recording: Recording) -> Contender:
    """A linear filter, whose lags are part of the choice."""
    grid: tuple[Axis, ...] = tuple(axes.grid(**choices))
    view = all_lags(recording)
    if len(recording.lags) > 1:
        ahead = recording.past.ahead
        kept = [np.arange(ahead + recording.past.last + 1) <= ahead + lag for lag in recording.lags]
        width = int(np.prod(recording.x.shape[1:]))
        masks = np.repeat(np.stack(kept), width, axis=1)
        grid = (axes.ablations(masks, recording.lags, name="lags"), *grid)
    return searched(recording, make(recording.y.shape[1]), view, grid, "mean_squared_error")


def _network(
    make: Any,
    ordered: bool,
    rate: float,
    recording: Recording,
    strengths: Sequence[float] = _DEEP,
    seeds: int = 1,
    moments: int | None = None,
) -> Contender:
    grid = axes.grid(l2=strengths, learning_rate=[rate])
    view = all_lags(recording)._replace(ordered=ordered)
    if ordered and view.past is None:
        raise ValueError("a network over sequences needs a time series: give dt")
    outputs, score = recording.y.shape[1], "mean_squared_error"
    fit = make(outputs)
    if moments is None:
        return searched(recording, fit, view, grid, score, seeds)
    times = recording.past.last + 1 + recording.past.ahead
    if not 1 <= moments <= times:
        raise ValueError(f"moments is {moments}: windows are of {times} moments")
    wide = make(outputs, moments=moments)
    found = searched(every_moment.laid(recording, moments), wide, view, grid, score, seeds)
    return every_moment.at_last(found, fit, recording)


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
    return Contender(found, View(trials=True), predictions, inner, chosen, count, 0.0,
                     time.perf_counter() - begun)  # fmt: skip
