"""Between the values of a recording and those that a program sees, in double precision."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.types import Origin


class Units(NamedTuple):
    """value = centre + unit · what the program sees, both (*feature)."""

    centre: Any
    unit: Any

    def taken_off(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return (values - self.centre) / self.unit

    def put_on(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return self.centre + self.unit * values.astype(np.float64)

    def after(self, before: Units | None) -> Units:
        """Both, where those of `before` are put on first."""
        if before is None:
            return self
        centre, unit = np.asarray(before.centre), np.asarray(before.unit)
        return Units(self.centre + self.unit * centre, self.unit * unit)


def units_of(origin: Origin | None) -> Units | None:
    if origin is None:
        return None
    unit = np.ldexp(1.0, np.asarray(origin.exponent))
    return Units(np.asarray(origin.offset, np.float64) * unit, unit)
