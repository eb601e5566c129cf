"""From what was shown to the columns of a linear model: one run's design matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jaxneuro.data.events import Events
from jaxneuro.fmri.drifts import checked_repetition, confound_columns, cosines
from jaxneuro.fmri.hrf import Response, glover

_OVERSAMPLING = 50  # steps of a repetition, on which events begin and end
_BEFORE = 24.0  # seconds before the first frame from which events are looked at


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """Of one run.

    Attributes:
      matrix: (time, column) float64: first the responses, all kernels of an item (a condition, or
        an event) beside each other, then confounds, drifts and the constant.
      names: (column,)
      labels: (item,) the condition that an item is, or belongs to.
      kernels: columns of an item.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    kernels: int = 1

    def __repr__(self) -> str:
        rest = len(self.names) - self.responses
        return f"<{len(self.matrix)} frames, {self.responses} responses and {rest} other columns>"

    @property
    def responses(self) -> int:
        """How many of the columns are responses."""
        return len(self.labels) * self.kernels


def design(
    events: Events,
    frames: int,
    repetition: float,
    response: Response | None = None,
    *,
    per: Literal["condition", "event"] = "condition",
    high_pass: float | None = 0.01,
    confounds: object = None,
    first: float = 0.0,
) -> Design:
    """The design matrix of a run: each condition's, or each event's, boxes of time convolved with
    the response, as nilearn's `make_first_level_design_matrix` makes it.

    Onsets and ends are brought to fiftieths of a repetition; an event of duration 0 lasts one.
    Derivatives are made orthogonal to the columns of their item before them. An event that begins
    after the last frame has a column of zeros, and NaN as its beta.

    Args:
      events: of the run, in seconds from its beginning, as `data.read_events` gives them.
      frames: of the run.
      repetition: seconds from one frame to the next.
      response: `spm()`, `glover()` or `fir(delays)`. None: Glover's.
      per: a column for each condition, in the order of their names; or for each event, in the order
        of `events`: what betas for decoding need.
      high_pass: Hz; slower cosines are among the columns. None: only the constant.
      confounds: (time, column), or what `data.read_confounds` gives.
      first: seconds at which the first frame is taken: half a repetition if slice timing was
        corrected to its middle, as fMRIPrep does.

    Raises:
      ValueError: no event; an onset or duration that is no number from 0, or more than 24 s before
        the first frame; fewer than two frames; names that occur twice; as `cosines`.
    """
    repetition = checked_repetition(repetition)
    response = glover() if response is None else response
    onset, duration, label = _checked(events, frames, first)
    time = first + np.arange(frames) * repetition
    each = _convolved(onset, duration, time, repetition, response)
    if per == "condition":
        labels, which = np.unique(label, return_inverse=True)
        member = which.ravel() == np.arange(len(labels))[:, None]
        each = np.einsum("ce,etk->ctk", member.astype(float), each)
        items = labels.tolist()
    elif per == "event":
        labels = label
        items = [f"{name}__{int((label[:i] == name).sum()):03d}" for i, name in enumerate(label)]
    else:
        raise ValueError(f"per is {per!r}: it must be 'condition' or 'event'")
    if not response.ahead:
        each = _orthogonal(each)
    known, nuisance = confound_columns(confounds, frames)
    drift = np.empty((frames, 0)) if high_pass is None else cosines(frames, repetition, high_pass)
    matrix = [each.transpose(1, 0, 2).reshape(frames, -1), nuisance, drift, np.ones((frames, 1))]
    names = [item + mark for item in items for mark in response.marks]
    names += [*known, *(f"drift_{i + 1}" for i in range(drift.shape[1])), "constant"]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"columns: {twice} occur twice; rename conditions or confounds")
    return Design(
        np.concatenate(matrix, axis=1), tuple(names), tuple(map(str, labels)), len(response.marks)
    )


def _checked(events: Events, frames: int, first: float) -> tuple[NDArray, NDArray, NDArray]:
    onset, duration = (np.asarray(values, np.float64) for values in events[:2])
    label = np.asarray(events.label, np.str_)
    if frames < 2:
        raise ValueError(f"frames is {frames!r}: a run has two at least")
    if onset.ndim != 1 or not len(onset) or not len(onset) == len(duration) == len(label):
        raise ValueError(
            f"events: {onset.shape} onsets, {duration.shape} durations and {label.shape} labels "
            "must be as many, and one at least"
        )
    bad = ~np.isfinite(onset) | ~(duration >= 0) | ~np.isfinite(duration)
    if (bad := np.flatnonzero(bad)).size:
        at = bad[0]
        raise ValueError(f"events: event {at} has onset {onset[at]} and duration {duration[at]}")
    if (early := np.flatnonzero(onset < first - _BEFORE)).size:
        raise ValueError(
            f"events: event {early[0]} begins at {onset[early[0]]:g} s, more than {_BEFORE:g} s "
            "before the first frame: leave it out"
        )
    return onset, duration, label


def _convolved(
    onset: NDArray, duration: NDArray, time: NDArray, repetition: float, response: Response
) -> NDArray[np.float64]:
    """(event, time, kernel): a box from a to b convolved with a kernel is the kernel's running sum
    since a less that since b, and so is looked up where frames are."""
    start, end = time[0] - _BEFORE, time[-1] * (1 + 1 / (len(time) - 1))
    steps = round((end - start) / repetition * _OVERSAMPLING) + 1
    fine = np.linspace(start, end, steps)
    begin = np.minimum(np.searchsorted(fine, onset), steps - 1)
    stop = np.minimum(np.searchsorted(fine, onset + duration), steps - 1)
    stop = np.where((stop == begin) & (stop < steps - 1), stop + 1, stop)
    place = (time - start) / (fine[1] - start) + (_OVERSAMPLING - 1) * response.ahead
    low = np.floor(place).astype(int)
    share = (place - low)[None]
    found = []
    for kernel in response.sample(repetition, _OVERSAMPLING):
        running = np.concatenate([[0.0], np.cumsum(kernel)])

        def since(edge: NDArray, place: NDArray, running: NDArray = running) -> NDArray:
            return running[np.clip(place - edge[:, None] + 1, 0, len(running) - 1)]

        here, next_ = (since(begin, at) - since(stop, at) for at in (low, low + 1))
        found.append((1 - share) * here + share * next_)
    return np.stack(found, axis=-1)


def _orthogonal(items: NDArray[np.float64]) -> NDArray[np.float64]:
    """(item, time, kernel), each kernel's column orthogonal to those before it."""
    items = items.copy()
    for kernel in range(1, items.shape[2]):
        before = items[..., :kernel]
        own = items[..., kernel : kernel + 1]
        items[..., kernel : kernel + 1] = own - before @ (np.linalg.pinv(before) @ own)
    return items
