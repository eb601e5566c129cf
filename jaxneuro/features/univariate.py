"""Functions of one variable: *evaluated* at its values, or *convolved* with its past."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from jaxneuro.features import checks
from jaxneuro.features.basis import At, Given, Part, Values

if TYPE_CHECKING:
    from jaxneuro.features.filters import Filters

_GRID = 100  # points of a curve, where none are given
_ROUNDING = 1e-6  # of the width between the bounds: float32 data and decimal bounds


@dataclass(frozen=True)
class Univariate(Part):
    """Functions of one variable, on [0, 1] inside: its bounds are mapped to 0 and 1."""

    bounds: tuple[float, float] | None
    name: str

    needs_bounds: ClassVar[bool] = True  # to be evaluated
    periodic: ClassVar[bool] = False  # values outside the bounds wrap, and are not NaN

    @property
    def label(self) -> str:
        return self.name

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def size(self) -> int:
        return len(self.marks)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}[{mark}]" for mark in self.marks)

    @property
    @abstractmethod
    def marks(self) -> tuple[str, ...]:
        """A short word for each function."""

    @abstractmethod
    def functions(self, u: Values) -> Values:
        """(point,) in [0, 1], or raw values where no bounds are set -> (point, function)."""

    def kernel(self, window: int, first: int = 1) -> tuple[Values, tuple[str, ...]]:
        """The functions as filters: (lag, function) from lag `first` on, and their marks."""
        del first
        return self.functions(np.linspace(0, 1, window)), self.marks

    def convolve(
        self,
        signal: ArrayLike,
        window: float,
        *,
        dt: float | None = None,
        present: bool = False,
        trials: ArrayLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> Values:
        """The past of signals through the functions as filters: spike history, coupling, stimulus.

        feature[t, f] = Σ_k kernel[k, f] · signal[t - first - k], with `first` 1, or 0 if `present`;
        the functions span the window, their 0 at the latest lag. Zeros before a trial begins. By
        matrix products in blocks, in float64: what lies ahead does not change a bit.

        Args:
          signal: (time,) or (time, channel). NaN makes NaN of all that it reaches.
          window: how far back, in bins; with `dt`, in seconds (rounded to whole bins).
          dt: width of a bin in seconds.
          present: whether the filters see the bin that they predict. Never for spike history: the
            count would be its own predictor.
          trials: (time,) labels; no filter reaches over the edge of a trial (`since_start`).
          dtype: of the result. None: float64 if `signal` is that, else float32.

        Returns:
          (time, function) or (time, channel, function).

        Raises:
          ValueError: a bad argument, by name; or a basis with bounds: lags have the window's.
        """
        signal = checks.numbers("convolve", "signal", signal)
        if signal.ndim not in (1, 2):
            raise ValueError(
                f"convolve: signal has shape {signal.shape}; it must be (time,) or (time, channel)"
            )
        channels = None if signal.ndim == 1 else signal.shape[1]
        made = self.filters(window, dt=dt, present=present, channels=channels)
        found = made.evaluate(signal, trials=trials, dtype=dtype)
        return found.reshape(*signal.shape, found.shape[-1] // (channels or 1))

    def filters(
        self,
        window: float,
        *,
        dt: float | None = None,
        present: bool = False,
        channels: int | Sequence[Any] | None = None,
    ) -> Filters:
        """The convolved basis as a value, to be put beside others: arguments as in `convolve`.

        Args:
          channels: how many the signal has, or their names; None: it is (time,).
        """
        from jaxneuro.features.filters import make_filters  # which builds on this file

        return make_filters(self, window, dt, present, channels)

    def _bounded(self, given: Given) -> Part:
        if self.bounds is not None or not self.needs_bounds:
            return self
        if self.periodic or self.name not in given:
            return self._unbounded()
        values = given[self.name].astype(np.float64)
        values = values[np.isfinite(values)]
        if not values.size or values.min() == values.max():
            raise ValueError(f"bounded: {self.name!r} has no two different values to span")
        return replace(self, bounds=(float(values.min()), float(values.max())))

    def _unbounded(self) -> Any:
        if self.periodic:
            raise ValueError(f"{self.name!r} has no period: give bounds=(0, 360), or (0, 2 * np.pi)"
                             "; it is not taken from data")  # fmt: skip
        raise ValueError(f"{self.name!r} has no bounds: give bounds=(low, high), or take them from "
                         "what is fitted: basis.bounded(..., fitted=train)")  # fmt: skip

    def _shapes(self, given: Given) -> list[tuple[str, tuple[int, ...]]]:
        return [(self.name, given[self.name].shape)]

    def _dtype(self, given: Given) -> np.dtype:
        return np.dtype(np.float64)

    def _at(self, values: Values) -> Values:
        """(point,) in the variable's units -> (point, function); NaN outside the bounds."""
        u = np.asarray(values, np.float64).ravel()
        if self.bounds is not None:
            low, high = self.bounds
            u = (u - low) / (high - low)
        elif self.needs_bounds:
            self._unbounded()
        known = np.isfinite(u)
        if self.periodic:
            u = np.where(known, u - np.floor(np.where(known, u, 0)), 0)
        elif self.bounds is not None:
            known &= (u >= -_ROUNDING) & (u <= 1 + _ROUNDING)
            u = np.clip(u, 0, 1)
        found = self.functions(np.where(known, u, 0))
        found[~known] = np.nan
        return found

    def _fill(self, out: Values, given: Given, begins: NDArray[np.intp]) -> None:
        out[...] = self._at(given[self.name])

    def _grids(self, at: At) -> tuple[Values, ...]:
        points = at.get(self.name) if isinstance(at, Mapping) else at
        if points is None or isinstance(points, Integral):
            if self.bounds is None:
                raise ValueError(f"curves: {self.name!r} has no bounds to span: pass the values "
                                 "as at=")  # fmt: skip
            return (np.linspace(*self.bounds, _GRID if points is None else int(points)),)
        grid = checks.numbers("curves", "at", points).astype(np.float64)
        if grid.ndim != 1:
            raise ValueError(f"curves: at has shape {grid.shape}; it must be (point,)")
        return (grid,)

    def _expand(self, weights: Values, at: At) -> Values:
        return weights @ self._at(self._grids(at)[0]).T
