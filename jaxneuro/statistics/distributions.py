"""The normal distribution and Student's, in float64 on the host: JAX would round to float32."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.statistics.arrays import Floats

_TERMS = 10_000  # of a continued fraction: about the square root of the degrees of freedom are used
_NORMAL = NormalDist()


def normal_cdf(z: ArrayLike) -> Floats:
    """Φ(z); NaN of NaN."""
    return 0.5 * _each(math.erfc, -np.asarray(z, np.float64) / math.sqrt(2))


def normal_quantile(p: ArrayLike) -> Floats:
    """Φ⁻¹(p): infinite at 0 and 1, NaN of NaN."""

    def one(p: float) -> float:
        if 0 < p < 1:
            return _NORMAL.inv_cdf(p)
        return math.nan if math.isnan(p) else math.copysign(math.inf, p - 0.5)

    return _each(one, p)


def t_cdf(t: ArrayLike, freedom: ArrayLike) -> Floats:
    """Student's distribution function with `freedom` > 0 degrees of freedom; NaN of NaN."""
    t, freedom = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(freedom, np.float64))
    known = ~np.isnan(t) & (freedom > 0)
    found, at, n = np.full(t.shape, np.nan), t[known], freedom[known]
    square = np.clip(at, -1e150, 1e150) ** 2
    outside = _incomplete_beta(n / (n + square), n / 2, square / (n + square))
    found[known] = np.where(at < 0, outside / 2, 1 - outside / 2)
    return found


def t_quantile(p: float, freedom: float) -> float:
    """The `t` above which `t_cdf` is more than `p` (0.5 to 1, excluded), by bisection."""
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < p:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if t_cdf(middle, freedom) < p:
            low = middle
        else:
            high = middle
    return high


def _each(function, values: ArrayLike) -> Floats:
    values = np.asarray(values, np.float64)
    return np.array([function(v) for v in values.ravel().tolist()], float).reshape(values.shape)


def _incomplete_beta(x: Floats, a: Floats, rest: Floats) -> Floats:
    """I_x(a, ½), regularised, where rest = 1 - x is known without rounding."""
    b = np.full_like(a, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(x > 0, a * np.log(x), -np.inf)
        power = power + np.where(rest > 0, b * np.log(rest), -np.inf)
    front = np.exp(_each(math.lgamma, a + b) - _each(math.lgamma, a) - math.lgamma(0.5) + power)
    direct = x < (a + 1) / (a + b + 2)  # where the fraction converges fast
    first, second = np.where(direct, a, b), np.where(direct, b, a)
    part = front * _fraction(np.where(direct, x, rest), first, second) / first
    return np.where(direct, part, 1 - part)


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """The continued fraction of the incomplete beta function (Press et al. 2007, §6.4), by the
    modified method of Lentz."""
    tiny = 1e-300
    c, d = np.ones_like(x), 1 - (a + b) * x / (a + 1)
    d = 1 / np.where(np.abs(d) < tiny, tiny, d)
    found = d.copy()
    for m in range(1, _TERMS):
        step = np.ones_like(x)
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + factor * d, 1 + factor / c
            d = 1 / np.where(np.abs(d) < tiny, tiny, d)
            c = np.where(np.abs(c) < tiny, tiny, c)
            step = c * d
            found = found * step
        if (np.abs(step - 1) < 1e-15).all():
            break
    return found
