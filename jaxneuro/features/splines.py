"""Splines: B-splines, M-splines and cyclic B-splines on evenly spaced knots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from jaxneuro.features import checks
from jaxneuro.features.basis import Values
from jaxneuro.features.univariate import Univariate


@dataclass(frozen=True)
class BSpline(Univariate):
    """See `b_spline`."""

    count: int
    order: int

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.count)))

    @property
    def knots(self) -> Values:
        """(count + order,) on [0, 1], the outer ones `order` times."""
        inner = np.linspace(0, 1, self.count - self.order + 2)
        return np.pad(inner, self.order - 1, mode="edge")

    def functions(self, u: Values) -> Values:
        knots = self.knots
        span = np.searchsorted(knots[self.order : self.count], u, side="right") + self.order - 1
        return _scattered(_nonzero(u, knots, span, self.order), span, self.count)


@dataclass(frozen=True)
class MSpline(BSpline):
    """See `m_spline`."""

    def functions(self, u: Values) -> Values:
        low, high = self.bounds or (0.0, 1.0)
        support = (self.knots[self.order :] - self.knots[: self.count]) * (high - low)
        return super().functions(u) * (self.order / support)


@dataclass(frozen=True)
class CyclicSpline(Univariate):
    """See `cyclic_spline`."""

    count: int
    order: int
    periodic: ClassVar[bool] = True

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.count)))

    def functions(self, u: Values) -> Values:
        knots = np.arange(1 - self.order, self.count + self.order) / self.count
        span = np.clip((u * self.count).astype(np.intp), 0, self.count - 1) + self.order - 1
        return _scattered(_nonzero(u, knots, span, self.order), span, self.count)


def b_spline(
    count: int,
    order: int = 4,
    *,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> BSpline:
    """B-splines on evenly spaced knots, the outer ones repeated (de Boor 1978, A Practical Guide to
    Splines). Not negative, and they add up to 1 everywhere between the bounds: with all of them,
    a model's bias is determined by its penalty alone.

    Args:
      count: how many, from `order`; two more than knots strictly inside, for order 2.
      order: degree + 1; 4 are cubic, with two continuous derivatives.
      bounds: of the variable, in its units.
      name: of the variable.

    Raises:
      ValueError: names the argument.
    """
    return BSpline(*_checked("b_spline", count, order, bounds, name))


def m_spline(
    count: int,
    order: int = 4,
    *,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> MSpline:
    """M-splines M_j = order / (t_{j+order} - t_j) · B_j: each integrates to 1 over the variable,
    so their values are in 1 / its units (Ramsay 1988, Statist. Sci. 3:425, eq. 2).

    Args and errors as of `b_spline`. Convolved, they integrate to 1 over a window of length 1.
    """
    return MSpline(*_checked("m_spline", count, order, bounds, name))


def cyclic_spline(
    count: int,
    order: int = 4,
    *,
    bounds: tuple[float, float] | None = None,
    name: str = "x",
) -> CyclicSpline:
    """B-splines around a circle: shifts of one, on `count` evenly spaced knots, for directions and
    phases. They add up to 1; values outside the bounds wrap.

    Args:
      count: how many, from `order`.
      order: degree + 1, from 2.
      bounds: the period, (0, 360) or (0, 2 * np.pi); never taken from data.
      name: of the variable.

    Raises:
      ValueError: names the argument.
    """
    return CyclicSpline(*_checked("cyclic_spline", count, order, bounds, name, least=2))


def _checked(where: str, count: int, order: int, bounds, name: str, least: int = 1) -> tuple:
    order = checks.whole(where, "order", order, least)
    count = checks.whole(where, "count", count, least=order)
    return checks.bounds(where, bounds), checks.word(where, name), count, order


def _nonzero(u: Values, knots: Values, span: NDArray[np.intp], order: int) -> Values:
    """(order, point) the B-splines that are not zero between knots[span] and knots[span + 1], by
    the recursion of Cox and de Boor, upwards (Piegl & Tiller 1997, The NURBS Book, A2.2)."""
    found = np.ones((order, len(u)))
    for degree in range(1, order):
        carried = np.zeros(len(u))
        for i in range(degree):
            after, before = knots[span + i + 1], knots[span + i + 1 - degree]
            share = found[i] / (after - before)
            found[i] = carried + (after - u) * share
            carried = (u - before) * share
        found[degree] = carried
    return found


def _scattered(found: Values, span: NDArray[np.intp], count: int) -> Values:
    """(order, point) -> (point, count), around the circle where there are fewer than spans."""
    order, points = found.shape
    out = np.zeros((points, count))
    for i in range(order):
        out[np.arange(points), (span - order + 1 + i) % count] = found[i]
    return out
