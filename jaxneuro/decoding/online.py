"""Decoding as the bins come: what a fitted causal decoder says of each, in a step of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.decoding import online_series, online_windows
from jaxneuro.decoding.contender import Classifier, Contender
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.decoding.epoch_contenders import SpatialClassifier
from jaxneuro.decoding.epoch_decoding import EpochDecoding
from jaxneuro.decoding.kalman import Kalman
from jaxneuro.decoding.naive_bayes import NaiveBayes
from jaxneuro.decoding.units import Units
from jaxneuro.selection import archive
from jaxneuro.selection.result import Search
from jaxneuro.selection.saved import facts_of, manifest_of
from jaxneuro.types import Closed

_KIND = "jaxneuro stream"
_PROGRAM, _MANIFEST = "step.stablehlo", "manifest.json"
_EPOCHS = ("stream: {} tells of whole epochs and says nothing before the last bin of one: cut them "
           "at their events, and hand each to predict(x)")  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Stream:
    """Of `stream` and `load_stream`.

    Attributes:
      program: `(weights, state, bin) -> (prediction, state)`, pure, for bins and predictions in
        units of their own.
      weights: what it knows of the fits.
      start: the state before the first bin of a recording, or of a trial.
      shape: (*feature) of a bin.
      x_units, y_units: which these are; None: those of the recording.
    """

    program: Callable[[Any, Any, Any], tuple[Any, Any]]
    weights: Any
    start: Any
    shape: tuple[int, ...]
    x_units: Units | None = None
    y_units: Units | None = None
    _jitted: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_jitted", jax.jit(self.program))
        object.__setattr__(self, "weights", jax.device_put(self.weights))
        object.__setattr__(self, "start", jax.device_put(self.start))

    def __repr__(self) -> str:
        size = sum(a.nbytes for a in jax.tree.leaves(self.start))
        return f"<stream of bins {self.shape}: {size} bytes of state>"

    def init(self) -> Any:
        """The state before the first bin; where a trial starts, begin with it again."""
        return self.start

    def step(self, state: Any, bin: ArrayLike) -> tuple[NDArray[Any], Any]:
        """What is decoded as a bin has come, and the state to hand over with the next.

        Args:
          state: of the bin before, or `init()`; it is not changed.
          bin: (*feature) in the units of the recording. Where a value is not finite, filters take
            it for a bin without neurons, and networks say NaN as long as they see it.

        Returns:
          (*output) in the units of `y`, and the state.

        Raises:
          ValueError: a bin of another shape.
        """
        given = np.asarray(bin)
        if given.shape != self.shape:
            raise ValueError(f"bin is {given.shape}: it must be {self.shape}")
        seen = given if self.x_units is None else self.x_units.taken_off(given)
        found, state = self._jitted(self.weights, state, seen.astype(np.float32))
        found = np.asarray(found)
        return found if self.y_units is None else self.y_units.put_on(found), state

    def save(self, path: str | os.PathLike) -> None:
        """Writes the step as StableHLO and all it takes into one checksummed file, for
        `load_stream`, which needs none of the model's code.

        Raises:
          ImportError: flatbuffers is missing, which JAX writes it with.
          OSError: it cannot be written.
        """
        leaves, structure = jax.tree.flatten((self.weights, self.start))
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in leaves]
        program, count = self.program, len(jax.tree.leaves(self.weights))

        def step(leaves: list[Any], bins: Any) -> tuple[Any, list[Any]]:
            weights, state = jax.tree.unflatten(structure, leaves)
            found, state = program(weights, state, bins[0])
            return found, jax.tree.leaves(state)

        bin = jax.ShapeDtypeStruct(self.shape, np.float32)
        try:
            made = compat.export(step, shapes, bin)
        except ImportError as error:
            raise ImportError(
                'saving a stream needs flatbuffers: pip install "jaxneuro[save]"'
            ) from error
        arrays = {f"leaves/{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        units = {"x": self.x_units, "y": self.y_units}
        kept = {name: own._asdict() for name, own in units.items() if own is not None}
        arrays |= {f"{name}/{part}": a for name, own in kept.items() for part, a in own.items()}
        facts = {"shape": list(self.shape), "weights": count, "leaves": len(leaves)}
        manifest = manifest_of(_KIND, {**facts, "units": list(kept)})
        archive.write(Path(path), arrays, {_MANIFEST: manifest, _PROGRAM: made})


def stream(
    found: Decoded | Search | Kalman | NaiveBayes,
    *,
    decoder: str | None = None,
    bins: int | None = None,
    newest: str | None = None,
    centre: ArrayLike | None = None,
) -> Stream:
    """A fitted causal decoder, bin by bin: the numbers of `found.predict` of the whole recording,
    the mean over outer folds and seeds included, to 1e-6 of their deviation. A step is computed as
    64 samples of a recording are, so that sums round alike; a filter's, which is recursive, is not.

    The state of a search is the bins that its `x` holds side by side, so lags, and the windows of
    networks over sequences, whose recurrence begins anew with each window as it does offline. Where
    windows hold bins behind the sample they tell of, predictions come as many bins late. The state
    of a `Kalman` or `NaiveBayes` is its belief.

    Args:
      found: of `decoding.decode`, `decoding.kalman`, `decoding.naive_bayes` or any search.
      decoder: of those compared, its name; None: the one chosen.
      bins: of a search: how many bins lie side by side in its `x`. None: of `x` (sample, bin,
        *feature) all, of `x` (sample, feature) 1.
      newest: of a search: whether the newest of them comes "first" (`features.lags`, `lag_choice`)
        or "last" (windows of sequences). None: as `x` has it; of a loaded one, as the model asks.
      centre: of a search: (*feature) what was taken off each bin before lags were laid out, as
        `lag_choice` does (`x[0] - design[0, 0]`). None: nothing.

    Raises:
      ValueError: a smoother, or lags that look ahead; a decoder of whole epochs; an `x` that holds
        no past in order; an argument that is of another kind of result.
      TypeError: another kind of result.
    """
    layout = {"bins": bins, "newest": newest, "centre": centre}
    given = layout | {"decoder": decoder}
    theirs = {"decoder"} if isinstance(found, Decoded) else set()
    theirs = set(layout) if isinstance(found, Search) else theirs
    for name, value in given.items():
        if value is not None and name not in theirs:
            raise ValueError(f"stream: {name} is no matter of {type(found).__name__}")
    if isinstance(found, Decoded):
        name = found.chosen if decoder is None else decoder
        if name not in found.decoders:
            raise ValueError(f"stream: no decoder {name!r}; there are {list(found.decoders)}")
        _refuse_epochs(found, name)
        own = _of_contender(found.decoders[name])
        units = None if found.classes else Units(found.centre, found.spread)
        own["y_units"] = own["y_units"] if units is None else units.after(own["y_units"])
        return Stream(**own)
    if isinstance(found, Kalman):
        return Stream(**online_series.of_kalman(found))
    if isinstance(found, NaiveBayes):
        return Stream(**online_series.of_naive_bayes(found))
    if isinstance(found, Search):
        return Stream(**online_windows.of_search(found, bins, newest, centre))
    if isinstance(found, EpochDecoding):
        raise TypeError(_EPOCHS.format(f"{found.features} and {found.decoder}"))
    raise TypeError(f"stream: {found!r:.80} is no result of decode, kalman, naive_bayes or search")


def _refuse_epochs(found: Decoded, name: str) -> None:
    own = found.decoders[name].found
    unordered = bool(found.classes) and found.dt is None
    epochs = unordered and isinstance(own, Search) and len(online_windows.tail_of(own)) == 2
    if epochs or isinstance(own, SpatialClassifier):
        raise ValueError(_EPOCHS.format(name))


def _of_contender(one: Contender) -> dict[str, Any]:
    """What `Stream` takes of a decoder that was compared, whose past is known."""
    if isinstance(one.found, Kalman):
        return online_series.of_kalman(one.found)
    past, newest = one.view.past, "last" if one.view.ordered else "first"
    if past is not None and past.ahead:
        raise ValueError(f"stream: the decoder sees {past.ahead} samples that are still to come")
    bins = 1 if past is None else past.last + 1
    if isinstance(one.found, Classifier):
        middle = None if past is None else past.middle
        return online_windows.of_classifier(one.found, bins, newest, middle)
    tail = online_windows.tail_of(one.found)
    centre = None if past is None else np.reshape(past.middle, tail[1:] if len(tail) > 1 else -1)
    return online_windows.of_search(one.found, bins, newest, centre)


def load_stream(path: str | os.PathLike) -> Stream:
    """What `Stream.save` wrote: the same numbers, without the code of the model.

    Raises:
      FileNotFoundError: there is no such file.
      LoadError: it is damaged, no stream, or of a later version.
      ImportError: flatbuffers is missing.
    """
    arrays, texts = archive.read(Path(path))
    facts = facts_of(path, texts, [_KIND])
    leaves = [arrays[f"leaves/{i}"] for i in range(facts["leaves"])]
    units: dict[str, Any] = {
        f"{name}_units": Units(*(arrays[f"{name}/{part}"] for part in Units._fields))
        for name in facts["units"]
    }
    count = facts["weights"]
    program = Closed(_loaded, (texts[_PROGRAM],))
    return Stream(program, leaves[:count], leaves[count:], tuple(facts["shape"]), **units)


def _loaded(program: bytes, weights: list, state: list, bin: Any) -> tuple[Any, Any]:
    return _opened(program)([*weights, *state], bin[None])


@lru_cache(maxsize=8)
def _opened(program: bytes) -> Any:
    try:
        return compat.exported(program)
    except ImportError as error:
        raise ImportError(
            'a stream that was saved needs flatbuffers: pip install "jaxneuro[save]"'
        ) from error
