"""Sessions with units of their own, decoded together: a readin for each, one recurrent core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import axes
from jaxneuro.data.given import finite, numbers_of
from jaxneuro.decoding import fits, series
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.defaults import told_folds
from jaxneuro.selection.lags import Past
from jaxneuro.selection.result import Search
from jaxneuro.selection.search import search
from jaxneuro.splits import NestedSplits

_RATE = 3e-3
_MOST_NUMBERS = 400_000_000  # in the joint design: 1.6 GB


@dataclass(frozen=True)
class Joint:
    """How sessions are laid out side by side: their pasts, and where the units of each begin."""

    pasts: tuple[Past, ...]
    first: tuple[int, ...]

    def lay(self, session: int, x: ArrayLike, trials: ArrayLike | None = None) -> NDArray[Any]:
        """(time, lag, unit of all sessions), in order of time; 0, the mean, for other sessions'."""
        past, begin, end = self.pasts[session], *self.first[session : session + 2]
        own = past.lay(x, trials)[:, ::-1]
        if own.shape[2] != end - begin:
            raise ValueError(f"x has {own.shape[2]} units, and the session {end - begin}")
        made = np.zeros((*own.shape[:2], self.first[-1]), np.float32)
        made[:, :, begin:end] = own
        return made


@dataclass(frozen=True, repr=False)
class DecodedSessions:
    """Of `decode_sessions`.

    Attributes:
      search: of all sessions in a row, each with its own columns of `x`.
      names: (session,).
      predictions: by session, (time, output) in the units of `y`; NaN where not held out.
      r2: (session, output) 1 - SSE / SST of the held-out samples.
      notes: what was decided, and why.
      joint: how sessions lie side by side.
    """

    search: Search
    names: tuple[str, ...]
    predictions: Mapping[str, NDArray[Any]]
    r2: NDArray[np.float64]
    notes: tuple[str, ...]
    joint: Joint

    def __repr__(self) -> str:
        scores = zip(self.names, self.r2.mean(axis=1), strict=True)
        told = ", ".join(f"{name} {score:.3f}" for name, score in scores)
        return f"<{len(self.names)} sessions, held-out R² {told}; {self.search.total} fits>"

    def predict(self, x: ArrayLike, session: str, trials: ArrayLike | None = None) -> NDArray[Any]:
        """(time, output) of more of a session, `x` (time, unit), its units as they were."""
        return self.search.predict(self.joint.lay(self.names.index(session), x, trials))


def decode_sessions(
    sessions: Sequence[tuple[ArrayLike, ArrayLike]] | Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    lags: int = 9,
    trials: Mapping[str, ArrayLike] | None = None,
    test: Mapping[str, ArrayLike] | None = None,
    readin: int = 16,
    hidden: int = 64,
    cell: Literal["gru", "lstm"] = "gru",
    dropout: float = 0.2,
    steps: int = 1500,
    batch: int | None = 256,
    strengths: Sequence[float] = (1e-3, 1e-2),
    folds: int = 3,
    seeds: int = 1,
    seed: int = 0,
    progress: bool | None = None,
) -> DecodedSessions:
    """Decodes sessions with other units, such as days or animals, by one network: a linear readin
    of each session's units into a few signals that all share, and a recurrent core and a readout of
    these (Pandarinath et al. 2018, Nat. Methods 15:805, "stitching"). A short session is decoded by
    dynamics that the others taught.

    All sessions lie in one `x`, units side by side, each about its mean in what is fitted and 0 in
    the other sessions: of S alike ones it takes S times the memory that theirs take together. A
    sample counts the same in whichever session. "l2" is chosen on inner folds of all sessions, and
    held-out samples are scored once.

    Args:
      sessions: (x, y) of each, or such by name: `x` (time, unit) finite, units of its own; `y`
        (time, output), the same outputs in the same units in all, NaN = missing.
      lags: samples of the past that are seen beside the present.
      trials: by session, (time,) labels: no lag reaches over an edge, no fold divides one.
      test: by session, (time,) bool, what is held out; None, or not named: its last fifth.
      readin: signals that all sessions share.
      hidden, cell, dropout: of `models.recurrent`.
      steps, batch: of Adam.
      strengths: "l2" to choose among, relative to the data.
      folds: inner ones.
      seeds: fits whose predictions are averaged.
      seed: of all that is random.
      progress: see `fit_many`.

    Raises:
      ValueError: names the session, and what of it does not fit.
    """
    if not isinstance(sessions, Mapping):
        sessions = {f"session {i}": session for i, session in enumerate(sessions)}
    if not sessions:
        raise ValueError("decode_sessions: no session")
    names, trials, test = tuple(sessions), trials or {}, test or {}
    for what, known in (("trials", trials), ("test", test)):
        if unknown := [name for name in known if name not in sessions]:
            raise ValueError(f"{what}: there is no session {unknown[0]!r}")
    found = {name: _checked(name, *sessions[name]) for name in names}
    if len(wide := {y.shape[1] for _, y in found.values()}) > 1:
        raise ValueError(f"sessions have {sorted(wide)} outputs: all must have the same")
    parts, notes = [], []
    for name, (x, _) in found.items():
        part, told = told_folds(
            len(x), reach=lags, test=test.get(name), groups=_labels(trials, name), labels=None,
            edges=_labels(trials, name), series=True, folds=folds, seed=seed, whole="whole trials",
            chosen="the strength",
        )  # fmt: skip
        parts.append(part)
        notes += [f"{name}: {note}" for note in told]
    joint, x = _side_by_side(found, parts, lags, trials)
    y = np.concatenate([y for _, y in found.values()])
    fit = fits.recurrent(
        y.shape[1], hidden, steps, batch, cell=cell, dropout=dropout, readin=readin
    )
    more: dict[str, Any] = {} if progress is None else {"progress": progress}
    more |= {"refit_axes": [axes.seeds(seeds)]} if seeds > 1 else {}
    inputs = make_inputs(x, y, key=seed)._replace(features=_of_own(parts, joint))
    made = search(
        fit,
        inputs,
        (),
        _in_a_row(parts),
        axes.grid(l2=strengths, learning_rate=[_RATE]),
        score="mean_squared_error",
        **more,
    )
    ends = np.cumsum([len(x) for x, _ in found.values()])[:-1]
    predictions = dict(zip(names, np.split(made.predictions, ends), strict=True))
    r2 = [
        series.r2(y[held], predictions[name][held])
        for (name, (_, y)), part in zip(found.items(), parts, strict=True)
        for held in [part.test[0, -1] > 0]
    ]
    return DecodedSessions(made, names, predictions, np.stack(r2), tuple(notes), joint)


def _side_by_side(
    found: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    parts: Sequence[NestedSplits],
    lags: int,
    trials: Mapping[str, ArrayLike],
) -> tuple[Joint, NDArray[np.float32]]:
    every = [x for x, _ in found.values()]
    first = np.cumsum([0, *(x.shape[1] for x in every)]).tolist()
    numbers = sum(map(len, every)) * (lags + 1) * first[-1]
    if numbers > _MOST_NUMBERS:
        raise ValueError(f"{len(every)} sessions side by side are {4e-9 * numbers:.1f} GB: give "
                         "fewer lags, or fewer sessions")  # fmt: skip
    fitted = [part.train[0, -1] > 0 for part in parts]
    middles = [x[own].mean(axis=0) for x, own in zip(every, fitted, strict=True)]
    joint = Joint(tuple(Past(lags, middle) for middle in middles), tuple(first))
    given = enumerate(zip(found, every, strict=True))
    laid = [joint.lay(i, x, trials.get(name)) for i, (name, x) in given]
    return joint, np.concatenate(laid)


def _of_own(parts: Sequence[NestedSplits], joint: Joint) -> NDArray[np.float32]:
    """(unit,) that bring each to variance 1 in its own session. A fit's scaling brings it to 1 over
    all samples, in most of which it is 0: the units of a short session would then be so loud that
    the core, which is new to them, did not learn from them."""
    fitted = np.array([(part.train[0, -1] > 0).sum() for part in parts])
    share = np.sqrt(fitted / fitted.sum())
    return np.repeat(share, np.diff(joint.first)).astype(np.float32)


def _labels(trials: Mapping[str, ArrayLike], name: str) -> NDArray[Any] | None:
    return np.asarray(trials[name]) if name in trials else None


def _checked(name: str, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        own = numbers_of("x", x)
        finite("x", own)
        told = numbers_of("y", y)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    told = told[:, None] if told.ndim == 1 else told
    if own.ndim != 2 or told.ndim != 2 or len(own) != len(told):
        raise ValueError(f"{name}: x is {own.shape} and y {told.shape}: they must be (time, unit) "
                         "and (time, output)")  # fmt: skip
    return own, told


def _in_a_row(parts: Sequence[NestedSplits]) -> NestedSplits:
    """One held-out part of all sessions. Where one of them has fewer inner folds, it is fitted
    whole in those that it lacks, and not scored."""
    most = max(part.train.shape[1] for part in parts) - 1

    def grown(of: NDArray[Any], rest: NDArray[Any]) -> NDArray[Any]:
        lacking = most - (of.shape[1] - 1)
        return np.concatenate([of[:, :-1], np.repeat(rest, lacking, axis=1), of[:, -1:]], axis=1)

    train = [grown(part.train, part.train[:, -1:]) for part in parts]
    test = [grown(part.test, np.zeros_like(part.test[:, -1:])) for part in parts]
    return NestedSplits(np.concatenate(train, axis=2), np.concatenate(test, axis=2), parts[0].names)
