"""What an area is connected to, never itself among it: the fingerprints that areas are known by.

The connection of an area to itself is 1, and that to its own cluster is high: among the features,
either says which area it is, and a classifier is right for nothing. To leave out each unit's own
entry is no remedy, since the gap then says it. So units and seeds are two sets here, which no
place and no cluster belongs to both of; every unit is described by the same seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
_SAME = 1 - 1e-6  # a correlation from which on two series are one
_KINDS = ("correlation", "regression")


def fingerprints(
    series: Sequence[ArrayLike] | NDArray[Any],
    units: ArrayLike,
    seeds: Sequence[Any] | ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    kind: str = "correlation",
    strength: float = 0.1,
) -> Floats:
    """How each unit goes with each seed over time, in each subject.

    Args:
      series: of each subject (time, place), of any length.
      units: (unit,) places that are to be identified: column numbers, or bool (place,).
      seeds: likewise, the places that they are described by; or a list of lists of places: a seed
        is then the mean of its members' z-scored series.
      clusters: (place,) labels, such as those that are to be identified: no seed may lie in the
        cluster of a unit.
      kind: "correlation", Fisher's z of it (Passingham et al. 2002, Nat. Rev. Neurosci. 3:606); or
        "regression", the weights by which all seeds together predict the unit, scaled to unit
        length: what a unit shares with one seed counts less where it shares it with all.
      strength: of the ridge of "regression", in units of a seed's variance.

    Returns:
      (subject, unit, seed).

    Raises:
      ValueError: a unit among the seeds, by place or by cluster or by a series that is the same;
        other shapes, values that are not finite, or a series that does not vary, by subject.
    """
    if kind not in _KINDS or not strength > 0:
        raise ValueError(f"kind is {kind!r}, strength {strength!r}: one of {_KINDS}, above 0")
    subjects = [np.asarray(one) for one in series]
    if not subjects or any(x.ndim != 2 for x in subjects):
        shapes = [x.shape for x in subjects]
        raise ValueError(f"series are {shapes}: they must be (time, place) of each subject")
    places = subjects[0].shape[1]
    apart = _apart(units, seeds, clusters, places)
    return np.stack([_of_series(i, x, *apart, kind, strength) for i, x in enumerate(subjects)])


def connectome_fingerprints(
    connectomes: ArrayLike, units: ArrayLike, seeds: ArrayLike, *, clusters: ArrayLike | None = None
) -> Floats:
    """The connections of units to seeds, as `fingerprints` keeps them apart.

    Args:
      connectomes: (subject, place, place), finite; of counts of fibres, take `np.log1p` before.
      units, seeds, clusters: as of `fingerprints`; seeds are single places.

    Returns:
      (subject, unit, seed) what leads from the unit to the seed.

    Raises:
      ValueError: a unit among the seeds, by place or by cluster, or other shapes.
    """
    x = np.asarray(connectomes)
    if x.ndim != 3 or x.shape[1] != x.shape[2] or not np.isfinite(x).all():
        raise ValueError(f"connectomes {x.shape} must be finite (subject, place, place)")
    unit, members = _apart(units, seeds, clusters, x.shape[1])
    if any(len(some) > 1 for some in members):
        raise ValueError("seeds must be single places of connectomes")
    return x[:, unit[:, None], np.concatenate(members)].astype(np.float32)


def _apart(
    units: ArrayLike, seeds: Sequence[Any] | ArrayLike, clusters: ArrayLike | None, places: int
) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Units and the members of each seed, if they have nothing in common."""
    unit = _columns("units", units, places)
    given = list(seeds) if isinstance(seeds, Sequence) else np.asarray(seeds)
    if isinstance(given, list) and any(np.ndim(some) for some in given):
        members = [_columns(f"seed {k}", some, places) for k, some in enumerate(given)]
    else:
        members = [np.array([at]) for at in _columns("seeds", np.asarray(given), places)]
    seed = np.concatenate(members)
    if (both := np.intersect1d(unit, seed)).size:
        raise ValueError(
            f"place {both[0]} is a unit and among the seeds: its connection to itself would say "
            "which it is"
        )
    if clusters is not None:
        label = np.asarray(clusters)
        if label.shape != (places,):
            raise ValueError(f"clusters {label.shape} must be (place,) = ({places},)")
        if (both := np.intersect1d(label[unit], label[seed])).size:
            raise ValueError(
                f"cluster {both[0]} has units and seeds: their connection would say which it is"
            )
    return unit, members


def _of_series(
    subject: int,
    x: NDArray[Any],
    unit: NDArray[np.intp],
    members: list[NDArray[np.intp]],
    kind: str,
    strength: float,
) -> Floats:
    used = np.concatenate([unit, *members])
    if x.shape[1] <= used.max() or len(x) < 3 or not np.isfinite(x[:, used]).all():
        raise ValueError(
            f"series of subject {subject} {x.shape} must be finite (time, place), with place "
            f"{used.max()} and 3 samples at least"
        )
    own = _scored(subject, x[:, unit])
    seeds = np.stack([_scored(subject, x[:, some]).mean(axis=1) for some in members], axis=1)
    seeds = _scored(subject, seeds)
    r = own.T @ seeds / len(x)
    if (np.abs(r) >= _SAME).any():
        at, seed = np.argwhere(np.abs(r) >= _SAME)[0]
        raise ValueError(
            f"subject {subject}: unit at place {unit[at]} and seed {seed} have the same series"
        )
    if kind == "correlation":
        return np.arctanh(r).astype(np.float32)
    between = seeds.T @ seeds / len(x) + strength * np.eye(len(members))
    weights = np.linalg.solve(between, r.T).T
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def _scored(subject: int, x: NDArray[Any]) -> NDArray[np.float64]:
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    deviation = x.std(axis=0)
    if (still := np.flatnonzero(deviation == 0)).size:
        raise ValueError(f"series of subject {subject}: one of {len(still)} that do not vary")
    return x / deviation


def _columns(name: str, given: ArrayLike, places: int) -> NDArray[np.intp]:
    index = np.asarray(given)
    if index.dtype == bool and index.shape == (places,):
        index = np.flatnonzero(index)
    index = np.atleast_1d(index)
    known = index.ndim == 1 and index.size and index.dtype.kind in "iu"
    if not known or index.min() < 0 or index.max() >= places or len(np.unique(index)) < len(index):
        raise ValueError(f"{name} must be some of {places} places, each once, or bool (place,)")
    return index.astype(np.intp)
