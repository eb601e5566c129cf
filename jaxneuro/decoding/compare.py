"""One call: movement, position or category out of neural signals, by several decoders."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, overload

from numpy.typing import ArrayLike

from jaxneuro.compare.comparison import compare
from jaxneuro.compare.recording import make_recording
from jaxneuro.decoding import fits
from jaxneuro.decoding.contender import Decoder
from jaxneuro.decoding.contenders import suited
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.fit import Fit
from jaxneuro.selection import leakage
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis


@overload
def decode(
    x: ArrayLike,
    y: ArrayLike,
    /,
    *,
    dt: float | None = None,
    trials: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    test: ArrayLike | None = None,
    decoders: Mapping[str, Decoder] | None = None,
    lags: Sequence[int] | None = None,
    future: int = 0,
    folds: int = 3,
    resamples: int = 999,
    seed: int = 0,
    progress: bool | None = None,
) -> Decoded: ...


@overload
def decode(
    fit: Fit,
    x: ArrayLike,
    y: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    /,
    *,
    score: str | None = None,
    seed: int = 0,
    **options: Any,
) -> Search: ...


def decode(*given: Any, **options: Any) -> Any:
    """What neural signals say of movement, position or state: by which decoder, and how surely.

    `decode(x, y, dt=0.05)` compares decoders on identical folds. Of each, its strength and how much
    of the past of a time series it sees are chosen on inner folds; then the decoder by the same
    inner scores. Held-out samples are scored once. Results say in `notes` what was decided, and
    why.

    `decode(fit, x, y, splits, grid)` fits one decoder, a `Fit` of this module or any other, over
    folds of one's own: `decoding.search_one`, which says what it takes.

    Args:
      x: (sample, *feature) neural signals; finite. With categories and without `dt`, (trial,
        channel, time) or (trial, time, channel) are epochs: spatial patterns, the tangent space, a
        sliding window and a network of epochs are compared.
      y: (sample, output) numbers, NaN = missing; or categories (sample,): strings, booleans, or
        whole numbers of which there are at most 20, some more than once.
      dt: seconds between samples, which are then one time series: lags of `x` are chosen, and the
        Kalman filter and networks over sequences compared. None: samples in no order.
      trials: (sample,) labels: no lag reaches over an edge, and no fold divides one.
      groups: (sample,) what no fold divides, if that is more than `trials`: runs, sessions.
      test: (sample,) bool, the held-out part as the data's authors chose it; None: a fifth.
      decoders: by name, functions of a `Recording`, such as `decoding.contenders.wiener()`; None:
        what suits the data, without networks where they would take long.
      lags: last samples of the past to choose among; None: 0, 5 and 10.
      future: samples after the one decoded that may be seen: 0 is what a decoder online can know.
        (The Kalman filter never sees them.)
      folds: inner ones.
      resamples: of the intervals and p-values, fewer of large recordings.
      seed: of all that is random.
      progress: see `fit_many`.

    Returns:
      `Decoded`; of a single `Fit` a `Search`.

    Raises:
      ValueError: a field of another shape or kind, by name.
    """
    if (given and isinstance(given[0], Fit)) or "fit" in options:
        return fits.search_one(*given, **options)
    return _compare(*given, **options)


def _compare(
    x: ArrayLike,
    y: ArrayLike,
    *,
    dt: float | None = None,
    trials: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    test: ArrayLike | None = None,
    decoders: Mapping[str, Decoder] | None = None,
    lags: Sequence[int] | None = None,
    future: int = 0,
    folds: int = 3,
    resamples: int = 999,
    seed: int = 0,
    progress: bool | None = None,
) -> Decoded:
    notes: list[str] = []
    recording = make_recording(x, y, dt=dt, trials=trials, groups=groups, test=test, lags=lags,
                               ahead=future, folds=folds, seed=seed, progress=progress,
                               notes=notes)  # fmt: skip
    if not recording.classes:
        notes += leakage.target_features(recording.x, recording.observed)
    known = dict(decoders) if decoders is not None else suited(recording, notes)
    return compare(Decoded, recording, known, resamples=resamples, notes=notes, dt=dt)


decode.__signature__ = inspect.signature(_compare)  # pyright: ignore  # what `help` shows
