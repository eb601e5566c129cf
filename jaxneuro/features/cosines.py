"""Raised cosines: bumps that tile a variable, or the past finely where it is recent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxneuro.features import checks
from jaxneuro.features.basis import Values
from jaxneuro.features.univariate import Univariate


@dataclass(frozen=True)
class RaisedCosine(Univariate):
    """See `raised_cosine`."""

    count: int
    width: float
    stretch: float | None
    decays: bool

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.count)))

    def functions(self, u: Values) -> Values:
        if self.stretch is not None:
            u = np.log1p(self.stretch * u) / np.log1p(self.stretch)
        last = 1 - self.width / (self.count + self.width - 1) if self.decays else 1.0
        peaks, step = np.linspace(0, last, self.count, retstep=True)
        phase = np.pi * (u[:, None] - peaks) / (step * self.width)
        return 0.5 * (1 + np.cos(np.clip(phase, -np.pi, np.pi)))


def raised_cosine(
    count: int,
    *,
    stretch: float | None = None,
    width: float = 2.0,
    decays: bool | None = None,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> RaisedCosine:
    """Bumps ½ (1 + cos π(v - p_j) / (width · step)), |v - p_j| < width · step, peaks p_j evenly
    spaced in v = u, or in v = log(1 + stretch · u) / log(1 + stretch) (Pillow et al. 2005,
    J. Neurosci. 25:11003; 2008, Nature 454:995), where u is 0 … 1 between the bounds.

    Between the outer peaks they add up to `width`. Evaluated: tuning curves. Convolved with
    `stretch`: spike history and coupling filters, fine where the past is recent; Pillow's offset b
    of log(t + b) is the length of the window / stretch.

    Args:
      count: how many, from 2.
      stretch: None: linear; larger: more of the bumps near 0 (nemos' `time_scaling`, 50 there).
      width: half-width of a bump in steps between peaks: a half or whole number from 1.5.
      decays: whether the last bump falls to 0 within the bounds. None: if stretched.
      bounds: of the variable, in its units.
      name: of the variable.

    Raises:
      ValueError: names the argument.

    >>> raised_cosine(3, bounds=(0, 1)).evaluate([0, 0.25, 1]).round(2).tolist()
    [[1.0, 0.5, 0.0], [0.85, 0.85, 0.15], [0.0, 0.5, 1.0]]
    """
    where = "raised_cosine"
    wide = checks.positive(where, "width", width)
    if wide <= 1 or 2 * wide != round(2 * wide):
        raise ValueError(f"{where}: width is {width!r}; it must be 1.5, 2, 2.5, …: others do not "
                         "add up to a constant")  # fmt: skip
    return RaisedCosine(
        bounds=checks.bounds(where, bounds),
        name=checks.word(where, name),
        count=checks.whole(where, "count", count, least=2),
        width=wide,
        stretch=None if stretch is None else checks.positive(where, "stretch", stretch),
        decays=stretch is not None if decays is None else bool(decays),
    )
