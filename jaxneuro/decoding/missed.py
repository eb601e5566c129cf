"""Which signals a decoder that was compared would miss, and how its page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro import axes, metrics, origin
from jaxneuro.choice import label_values
from jaxneuro.decoding.importance import Importance, importance
from jaxneuro.selection.result import Search

if TYPE_CHECKING:
    from jaxneuro.decoding.decoded import Decoded
    from jaxneuro.report import Figure, Table


def importance_of(
    found: Decoded, groups: ArrayLike | None, decoder: str | None, resamples: int
) -> Importance:
    """See `Decoded.importance`."""
    name = found.chosen if decoder is None else decoder
    if name not in found.decoders:
        raise ValueError(f"importance: no decoder {name!r}; there are {list(found.decoders)}")
    one = found.decoders[name]
    search: Search = one.found
    if not isinstance(search, Search):
        able = [n for n, other in found.decoders.items() if isinstance(other.found, Search)]
        raise ValueError(f"importance: {name} is not fitted step by step; decoder may be one of "
                         f"{able}")  # fmt: skip
    if search.inputs is None:
        raise ValueError("importance: a loaded result is without its x: call it before saving")
    x = origin.undo(np.asarray(search.inputs.x), search.inputs.x_origin)
    if one.view.past is not None and "lags" in one.chosen:  # the latest come first
        x = x[:, : one.view.past.ahead + int(one.chosen["lags"]) + 1]
    score: Any = metrics.r2
    if found.classes:
        score = metrics.balanced_accuracy if found.balanced else metrics.accuracy
    return importance(
        search.fits.fit,  # pyright: ignore[reportArgumentType]
        x,
        search.observed,
        found.splits,
        axes.grid(**_grid(name, search)),
        np.arange(x.shape[-1]) if groups is None else groups,
        score=score,
        series=found.dt is not None,
        trials=found.groups,
        choice=search.score,
        resamples=resamples,
    )


def _grid(name: str, search: Search) -> dict[str, list[float]]:
    """What was chosen, which leaves no search; of several outer folds all that there was to choose
    from, for each to choose its own."""
    fits, grid = search.fits, {}
    known = {axis.name for axis in fits.axes} | {"fold", "lags"}
    for position, axis in enumerate(fits.row_axes):
        if axis.name in known:
            continue
        labels = list(label_values(axis))
        if isinstance(labels[0], str):
            raise ValueError(f"importance: {name} has chosen a {axis.name}, and its features are "
                             "left out already: give another decoder")  # fmt: skip
        alone = len(search.splits.names) == 1
        grid[axis.name] = [labels[fits.rows[0, position]]] if alone else labels
    return grid


def shown(found: Importance, score: str) -> tuple[list[Table], list[Figure]]:
    """The table of all groups, those missed most first, and the picture of these."""
    from jaxneuro.report import Figure, Table, figures

    order = np.argsort(-found.mean, kind="stable")
    rows = [(str(found.names[i]), found.mean[i], found.mean_low[i], found.mean_high[i])
            for i in order]  # fmt: skip
    lost = f"{score} lost"
    note = (
        f"Held-out {score} with all signals, of {np.nanmean(found.score):.3f}, minus that of a fit "
        "without them, with 95 % intervals over held-out samples. A signal that others tell of, "
        "too, is not missed, and none the less says something."
    )
    table = Table("Signals left out", ("without", lost, "from", "to"), rows, note)
    picture = figures.importance(found.mean, found.mean_low, found.mean_high,
                                 [str(name) for name in found.names], lost)  # fmt: skip
    caption = f"{lost} by a decoder fitted without these signals, with 95 % intervals."
    return [table], [Figure("importance", caption, picture)]
