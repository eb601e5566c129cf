"""Weights of bands to choose from: random on the simplex, or a grid of it."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def dirichlet(
    bands: int, count: int, concentration: float | Sequence[float] = (0.1, 1.0), seed: int = 0
) -> np.ndarray:
    """Random weights of sum 1 (Dupré la Tour et al. 2022, §2.4); the first are equal ones.

    The same, bit by bit, as himalaya's solvers by random search draw with `random_state=seed`.

    Args:
      bands: how many a candidate weighs.
      count: of candidates.
      concentration: of the Dirichlet distribution, above 0; of several, candidates take them in
        turn. 1 is uniform; below it most of the weight is on few bands; infinite: equal weights.
      seed: from 0.

    Returns:
      (candidate, band).

    Raises:
      ValueError: fewer than one band or candidate, or a concentration that is not above 0.
    """
    strengths = np.atleast_1d(np.asarray(concentration, np.float64))
    if bands < 1 or count < 1:
        raise ValueError(f"dirichlet: bands ({bands}) and count ({count}) must be at least 1")
    if strengths.ndim != 1 or not strengths.size or not (strengths > 0).all():
        raise ValueError(f"dirichlet: concentration ({concentration}) must be above 0")
    each = -(-count // len(strengths))
    random = np.random.RandomState(seed)  # the generator, and the order, of himalaya
    drawn = [
        random.dirichlet([strength] * bands, each)
        if np.isfinite(strength)
        else np.full((each, bands), 1 / bands)
        for strength in strengths
    ]
    weights = np.stack(drawn, axis=1).reshape(-1, bands)[:count]
    weights[0] = 1 / bands
    return weights


def simplex(bands: int, parts: int) -> np.ndarray:
    """All weights of sum 1 that are multiples of 1 / parts.

    Args:
      bands: how many a candidate weighs.
      parts: into which the weight is divided; 1: each band alone.

    Returns:
      (candidate, band): (parts + bands - 1)! / parts! / (bands - 1)! candidates.

    Raises:
      ValueError: fewer than one band or part.
    """
    if bands < 1 or parts < 1:
        raise ValueError(f"simplex: bands ({bands}) and parts ({parts}) must be at least 1")
    places = parts + bands - 1  # of parts in a row, with bars between the bands
    bars = np.array(list(combinations(range(places), bands - 1)), int)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, places)))
    return (np.diff(edges, axis=1) - 1) / parts
