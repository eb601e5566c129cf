"""Several sessions as one recording: all samples in a row, and of each neuron only its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Sessions(NamedTuple):
    """What `join_sessions` gives.

    Attributes:
      x: (sample, *feature) of all sessions, one after the other.
      y: (sample, neuron) float, NaN where the neuron is of another session.
      sample: (sample,) the number of each sample's session, such as for `groups` of splits.
      neuron: (neuron,) the number of each neuron's session, by which scores and parameters come
        apart again: `fits.scores["correlation"][..., sessions.neuron == 0]`.
      names: of the sessions.
    """

    x: np.ndarray
    y: np.ndarray
    sample: np.ndarray
    neuron: np.ndarray
    names: tuple[str, ...]


def join_sessions(
    sessions: Sequence[tuple[ArrayLike, ArrayLike]] | Mapping[str, tuple[ArrayLike, ArrayLike]],
) -> Sessions:
    """Sessions with neurons of their own, for one fit of them all (`core_readout`): NaN in `y` says
    that a neuron does without that sample, so each learns from its own session, and the core from
    all.

    `y` becomes (all samples, all neurons): of S alike sessions it takes S times the memory that
    theirs take together, and a step computes as many predictions, of which one in S counts. Images
    that sessions share are there once for each.

    Args:
      sessions: (x, y) of each, or such by name: `x` (sample, *feature), the same features in all;
        `y` (sample, neuron), NaN where a value is missing.

    Raises:
      ValueError: names the session, and what of it does not fit.
    """
    if not isinstance(sessions, Mapping):
        sessions = {f"session {i}": session for i, session in enumerate(sessions)}
    if not sessions:
        raise ValueError("join_sessions: no session")
    names = tuple(sessions)
    given = [_checked(name, *sessions[name]) for name in names]
    first = given[0][0].shape[1:]
    for name, (x, _) in zip(names, given, strict=True):
        if x.shape[1:] != first:
            raise ValueError(
                f"join_sessions: x of {name!r} is (sample, *{x.shape[1:]}), and of {names[0]!r} "
                f"(sample, *{first}): all sessions must have the same features"
            )
    samples, neurons = zip(*(y.shape for _, y in given), strict=True)
    y = np.full((sum(samples), sum(neurons)), np.nan, np.result_type(*(y for _, y in given)))
    row = column = 0
    for _, own in given:
        y[row : row + len(own), column : column + own.shape[1]] = own
        row, column = row + len(own), column + own.shape[1]
    numbers = np.arange(len(names))
    x = np.concatenate([x for x, _ in given])
    return Sessions(x, y, np.repeat(numbers, samples), np.repeat(numbers, neurons), names)


def _checked(name: str, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x), np.asarray(y)
    if y.ndim != 2 or not y.size or y.dtype.kind not in "biuf":
        raise ValueError(
            f"join_sessions: y of {name!r} has dtype {y.dtype} and shape {y.shape}, must be "
            "numbers (sample, neuron)"
        )
    if x.ndim < 2 or len(x) != len(y):
        raise ValueError(
            f"join_sessions: x of {name!r} has shape {x.shape}, must be (sample, *feature) with "
            f"{len(y)} samples, as its y"
        )
    return x, y if y.dtype.kind == "f" else y.astype(np.float32)
