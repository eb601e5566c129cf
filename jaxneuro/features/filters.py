"""Filters: the functions of a basis, convolved with the past of signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.features import checks, convolution
from jaxneuro.features.basis import At, Given, Part, Values
from jaxneuro.features.univariate import Univariate


def make_filters(
    basis: Univariate,
    window: float,
    dt: float | None,
    present: bool,
    channels: int | Sequence[Any] | None,
) -> Filters:
    """What `Univariate.filters` does, and its checks."""
    if basis.bounds is not None:
        raise ValueError(
            f"filters: {basis.name!r} has bounds {basis.bounds}; lags span the window, so leave "
            "them out"
        )
    if dt is not None:
        dt = checks.positive("filters", "dt", dt)
        window = round(checks.positive("filters", "window", window) / dt)
    bins = checks.whole("filters", "window", window)
    if isinstance(channels, int | np.integer):
        channels = range(checks.whole("filters", "channels", channels))
    marks = None if channels is None else tuple(str(channel) for channel in channels)
    if marks is not None and (not marks or len(set(marks)) < len(marks)):
        raise ValueError(f"filters: channels is {marks}; it must be different names")
    return Filters(basis, bins, dt, bool(present), marks)


@dataclass(frozen=True)
class Filters(Part):
    """A basis convolved with the past of its variable, made by `filters`.

    Features of several channels go channel by channel: (channel, function), flattened.

    Attributes:
      basis: whose functions are the filters.
      window: bins of the past.
      dt: width of a bin in seconds; None: lags are counted in bins.
      present: whether lag 0 is seen.
      channels: their names; None: the signal is (time,).
    """

    basis: Univariate
    window: int
    dt: float | None = None
    present: bool = False
    channels: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        return self.basis.name

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.basis.name,)

    @property
    def first(self) -> int:
        """The shortest lag in bins: 0 is the present."""
        return 0 if self.present else 1

    @property
    def kernel(self) -> Values:
        """(lag, function), from the shortest lag on."""
        return self.basis.kernel(self.window)[0]

    @property
    def lags(self) -> Values:
        """(lag,) in seconds, or in bins without `dt`."""
        return (np.arange(self.window) + self.first) * (self.dt or 1.0)

    @property
    def size(self) -> int:
        return self.kernel.shape[1] * (1 if self.channels is None else len(self.channels))

    @property
    def names(self) -> tuple[str, ...]:
        name, (_, marks) = self.basis.name, self.basis.kernel(self.window, self.first)
        ends = [""] if self.channels is None else [f".{channel}" for channel in self.channels]
        return tuple(f"{name}{end}[{mark}]" for end in ends for mark in marks)

    def _bounded(self, given: Given) -> Part:
        return self

    def _shapes(self, given: Given) -> list[tuple[str, tuple[int, ...]]]:
        shape = given[self.basis.name].shape
        rest = () if self.channels is None else (len(self.channels),)
        if not shape or shape[1:] != rest:
            wanted = ("time", *rest)
            raise ValueError(
                f"evaluate: {self.basis.name!r} has shape {shape}; it must be {wanted}"
            )
        return [(self.basis.name, shape[:1])]

    def _dtype(self, given: Given) -> np.dtype:
        double = given[self.basis.name].dtype == np.float64
        return np.dtype(np.float64 if double else np.float32)

    def _fill(self, out: Values, given: Given, begins: NDArray[np.intp]) -> None:
        channels = 1 if self.channels is None else len(self.channels)
        signal = given[self.basis.name].reshape(len(out), channels)
        there = out.reshape(len(out), channels, out.shape[1] // channels)  # a view
        convolution.convolve(signal, self.kernel, self.first, begins, there)

    def _grids(self, at: At) -> tuple[Values, ...]:
        given = (
            self.basis.name in at
            if isinstance(at, Mapping)
            else np.ndim(0 if at is None else at) > 0
        )
        if given:
            raise ValueError(f"curves: {self.basis.name!r} is convolved: it is given at its lags")
        return (self.lags,)

    def _expand(self, weights: Values, at: At) -> Values:
        kernel = self.kernel
        channels = () if self.channels is None else (len(self.channels),)
        return weights.reshape(*weights.shape[:-1], *channels, kernel.shape[1]) @ kernel.T
