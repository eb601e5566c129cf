"""Folds over places of the brain, in which nothing near a test place is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.splits.parts import check_folds, checked, index_within, weights
from jaxneuro.splits.types import Splits


def by_distance(
    distance: ArrayLike, radius: float, folds: int | None = None, within: ArrayLike | None = None
) -> Splits:
    """Each place, or each of some compact patches of them, is the test of one fold; what lies
    within `radius` of a test place is in neither part (Le Rest et al. 2014, Glob. Ecol. Biogeogr.
    23:811; Roberts et al. 2017, Ecography 40:913).

    For maps of the brain, which are smooth: a training place beside the tested one knows its value.
    Let `radius` be the distance at which places no longer resemble each other.

    Args:
      distance: (place, place) symmetric, in any unit: geodesic, or Euclidean.
      radius: in that unit, from 0.
      folds: patches about places as far apart as can be; each place goes to the nearest. None: each
        place alone.
      within: bool (place,), the places to split; None = all.

    Raises:
      ValueError: distances that are none, too few or too many folds, or a radius that leaves a fold
        nothing to train on.
    """
    far = np.asarray(distance, np.float64)
    if far.ndim != 2 or far.shape[0] != far.shape[1]:
        raise ValueError(f"distance {far.shape} must be (place, place)")
    index = index_within(within, len(far))
    own = far[np.ix_(index, index)]
    if not (own >= 0).all() or not np.allclose(own, own.T) or np.diag(own).any():
        raise ValueError("distance must be symmetric, from 0, and 0 on the diagonal, without NaN")
    if not radius >= 0:
        raise ValueError(f"radius is {radius!r}: it must be a distance from 0")
    count = len(index) if folds is None else folds
    check_folds(count, len(index), "places")
    patch = np.arange(count) if folds is None else own[:, _spread(own, folds)].argmin(axis=1)
    tests = [np.flatnonzero(patch == k) for k in range(count)]
    trained = [np.flatnonzero(own[:, test].min(axis=1) > radius) for test in tests]
    # A patch is never trained on itself, at a radius of 0 either: the distance to itself is 0.
    train, test = (weights([index[some] for some in part], len(far)) for part in (trained, tests))
    names = tuple(str(at) for at in index) if folds is None else tuple(map(str, range(count)))
    return checked(Splits(train, test, names), f"radius = {radius} is too wide")


def _spread(distance: NDArray[np.float64], count: int) -> list[int]:
    """Places that are each the furthest from all before it; the first from the middle of all."""
    chosen = [int(distance[int(distance.sum(axis=1).argmin())].argmax())]
    nearest = distance[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return chosen
