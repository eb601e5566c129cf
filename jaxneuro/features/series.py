"""Series: harmonics, powers, and the variable itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxneuro.features import checks
from jaxneuro.features.basis import Values
from jaxneuro.features.univariate import Univariate


@dataclass(frozen=True)
class Fourier(Univariate):
    """See `fourier`."""

    harmonics: int
    constant: bool
    periodic: ClassVar[bool] = True

    @property
    def marks(self) -> tuple[str, ...]:
        pairs = [f"{f} {k}" for k in range(1, self.harmonics + 1) for f in ("cos", "sin")]
        return (*["1"] * self.constant, *pairs)

    def functions(self, u: Values) -> Values:
        angle = 2 * np.pi * u[:, None] * np.arange(1, self.harmonics + 1)
        pairs = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(u), 2 * self.harmonics)
        return np.concatenate([np.ones((len(u), int(self.constant))), pairs], axis=1)


@dataclass(frozen=True)
class Polynomial(Univariate):
    """See `polynomial`."""

    degree: int
    constant: bool
    needs_bounds: ClassVar[bool] = False

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(f"^{k}" for k in range(not self.constant, self.degree + 1))

    def functions(self, u: Values) -> Values:
        low, high = self.bounds or (0.0, 1.0)
        powers = np.vander(low + (high - low) * u, self.degree + 1, increasing=True)
        return powers[:, not self.constant :]


@dataclass(frozen=True)
class Legendre(Polynomial):
    """See `polynomial`."""

    needs_bounds: ClassVar[bool] = True

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(f"P{k}" for k in range(not self.constant, self.degree + 1))

    def functions(self, u: Values) -> Values:
        found = np.polynomial.legendre.legvander(2 * u - 1, self.degree)
        return np.asarray(found[:, not self.constant :])


@dataclass(frozen=True)
class Identity(Univariate):
    """See `identity`."""

    needs_bounds: ClassVar[bool] = False

    @property
    def marks(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def functions(self, u: Values) -> Values:
        low, high = self.bounds or (0.0, 1.0)
        return low + (high - low) * u[:, None]

    def kernel(self, window: int, first: int = 1) -> tuple[Values, tuple[str, ...]]:
        return np.eye(window), tuple(f"lag {k}" for k in range(first, first + window))


def fourier(
    harmonics: int,
    *,
    constant: bool = False,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> Fourier:
    """cos 2πku, sin 2πku for k = 1 … harmonics, pair by pair, u = (x - low) / period. Values
    outside the bounds wrap.

    Args:
      harmonics: how many pairs.
      constant: whether 1 comes first; a model's bias stands for it, a filter may want it.
      bounds: the period, (0, 360) or (0, 2 * np.pi); never taken from data.
      name: of the variable.

    Raises:
      ValueError: names the argument.
    """
    return Fourier(
        bounds=checks.bounds("fourier", bounds),
        name=checks.word("fourier", name),
        harmonics=checks.whole("fourier", "harmonics", harmonics),
        constant=bool(constant),
    )


def polynomial(
    degree: int,
    *,
    legendre: bool = False,
    constant: bool = False,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> Polynomial:
    """Powers x, x², … of the variable in its units; or Legendre polynomials P_1 … P_degree of it
    between -1 and 1 at the bounds, which are orthogonal where values are evenly spread.

    Args:
      degree: the highest power.
      legendre: rather than plain powers; these need no bounds.
      constant: whether the power 0 comes first; a model's bias stands for it, a filter may want it.
      bounds: of the variable, in its units.
      name: of the variable.

    Raises:
      ValueError: names the argument.
    """
    return (Legendre if legendre else Polynomial)(
        bounds=checks.bounds("polynomial", bounds),
        name=checks.word("polynomial", name),
        degree=checks.whole("polynomial", "degree", degree),
        constant=bool(constant),
    )


def identity(name: str = "x", *, bounds: tuple[float, float] | None = None) -> Identity:
    """The variable itself; convolved, its single lags, one feature each: raw history.

    Args:
      name: of the variable.
      bounds: outside which it is NaN; None: nowhere.

    Raises:
      ValueError: names the argument.
    """
    return Identity(bounds=checks.bounds("identity", bounds), name=checks.word("identity", name))
