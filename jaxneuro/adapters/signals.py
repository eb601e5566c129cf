"""Signals of one clock, as all readers of them give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Signals:
    """Signals sampled together.

    Attributes:
      x: (time, channel) as they were recorded, NaN where something is missing.
      times: (time,) seconds, rising.
      names: (channel,) strings.
      unit: of `x`; empty where it is not told.
    """

    x: NDArray[Any]
    times: NDArray[np.float64]
    names: tuple[str, ...]
    unit: str = ""

    @property
    def dt(self) -> float:
        """Seconds from one sample to the next, as most are apart."""
        return float(np.median(np.diff(self.times)))

    @property
    def trials(self) -> NDArray[np.intp]:
        """(time,) the number of the stretch without a gap, for `trials=`: no lag reaches over."""
        steps = np.diff(self.times)
        return np.concatenate([[0], np.cumsum(steps > 1.5 * np.median(steps))])

    def __repr__(self) -> str:
        stretches = int(self.trials[-1]) + 1
        gaps = "" if stretches == 1 else f" in {stretches} stretches"
        unit = f" in {self.unit}" if self.unit else ""
        return (
            f"<{len(self.x)} samples every {self.dt:.6g} s{gaps} of {len(self.names)} "
            f"channels{unit}>"
        )


def signals(x: Any, times: Any, names: Any, where: str, unit: str = "") -> Signals:
    """Checked.

    Raises:
      ValueError: of other shapes, infinite, or not in the order of time; `where` begins it.
    """
    x, times = np.asarray(x), np.asarray(times, np.float64)
    names = tuple(str(name) for name in names)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{where}: x has dtype {x.dtype}; it must be real numbers")
    if x.ndim != 2 or len(x) < 2 or x.shape != (len(times), len(names)):
        raise ValueError(
            f"{where}: x has shape {x.shape}, with {len(times)} times and {len(names)} names; it "
            "must be (time, channel) of two samples or more"
        )
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise ValueError(f"{where}: times are not all finite and rising")
    if x.dtype.kind == "f" and (odd := np.argwhere(np.isinf(x))).size:
        time, channel = map(int, odd[0])
        raise ValueError(f"{where}: channel {names[channel]!r} is infinite at {times[time]:g} s")
    return Signals(x, times, names, unit)
