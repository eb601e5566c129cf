"""Couplings: which neurons of a population may drive which, as masks over one shared design."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.features import checks
from jaxneuro.features.basis import Basis
from jaxneuro.features.filters import Filters


def couplings(basis: Basis, allowed: ArrayLike, part: str | None = None) -> NDArray[np.bool_]:
    """Which features each target may use, where all share one design of coupling filters.

    Two hundred neurons × 8 functions are one `x` (time, 1600), laid out once; each target's row
    goes into its own fit as `Inputs.features`, which is folded into the first layer.

    Args:
      basis: the design, with filters of several channels (`Univariate.filters`) in it.
      allowed: (target, channel) bool or 0 and 1. `np.eye(n)`: own history alone;
        `1 - np.eye(n)`: all others; `np.ones((n, n))`: full coupling.
      part: the label of the filters meant. None: the only part that has channels.

    Returns:
      (target, feature): 1 for every feature outside the part, which `allowed` says nothing of.

    Raises:
      ValueError: another shape, values other than 0 and 1, a part that is missing or has no
        channels, or a target that would be left without any feature.
    """
    several = {p.label: p for p in basis.parts if isinstance(p, Filters) and p.channels}
    if part is None and len(several) == 1:
        (part,) = several
    if part not in several:
        raise ValueError(f"couplings: part is {part!r}; the basis has filters of several channels "
                         f"of {list(several)}")  # fmt: skip
    filters = several[part]
    channels = len(filters.channels or ())
    given = checks.numbers("couplings", "allowed", allowed)
    if given.ndim != 2 or given.shape[1] != channels:
        raise ValueError(f"couplings: allowed has shape {given.shape}; it must be (target, channel)"
                         f", and {part!r} has {channels} channels")  # fmt: skip
    if not np.isin(given, (0, 1)).all():
        raise ValueError("couplings: allowed has values other than 0 and 1")
    kept = np.ones((len(given), basis.size), bool)
    kept[:, basis.slices[part]] = np.repeat(given == 1, filters.size // channels, axis=1)
    empty = np.flatnonzero(~kept.any(axis=1))
    if empty.size:
        raise ValueError(f"couplings: target {empty[0]} is left without any feature")
    return kept
