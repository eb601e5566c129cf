"""Bases of bases: side by side, and products."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.features.basis import At, Basis, Curve, Given, Part, Values
from jaxneuro.features.checks import given_weights


def side_by_side(a: Basis, b: Basis) -> Sum:
    parts = a.parts + b.parts
    return Sum(_apart("a + b", parts, [part.label for part in parts]))


def products(a: Basis, b: Basis) -> Basis:
    """Of every part of one with every part of the other, so that each has its own curve."""
    made = []
    for one, other in itertools.product(a.parts, b.parts):
        factors = one.factors + other.factors
        names = [name for factor in factors for name in factor.variables]
        made.append(Product(_apart("a * b", factors, names)))
    return made[0] if len(made) == 1 else Sum(tuple(made))


@dataclass(frozen=True)
class Product(Part):
    """All products of the functions of different variables; the last factor varies fastest."""

    of: tuple[Part, ...]

    @property
    def factors(self) -> tuple[Part, ...]:
        return self.of

    @property
    def label(self) -> str:
        return "*".join(factor.label for factor in self.of)

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(name for factor in self.of for name in factor.variables)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(map("*".join, itertools.product(*[factor.names for factor in self.of])))

    @property
    def size(self) -> int:
        return math.prod(factor.size for factor in self.of)

    def _bounded(self, given: Given) -> Product:
        return Product(tuple(factor._bounded(given) for factor in self.of))

    def _shapes(self, given: Given) -> list[tuple[str, tuple[int, ...]]]:
        return [pair for factor in self.of for pair in factor._shapes(given)]

    def _dtype(self, given: Given) -> np.dtype:
        return np.result_type(*[factor._dtype(given) for factor in self.of])

    def _fill(self, out: Values, given: Given, begins: NDArray[np.intp]) -> None:
        made = np.ones((len(out), 1))
        for factor in self.of:
            features = np.empty((len(out), factor.size))
            factor._fill(features, given, begins)
            made = (made[:, :, None] * features[:, None, :]).reshape(len(out), -1)
        out[...] = made

    def _grids(self, at: At) -> tuple[Values, ...]:
        return tuple(grid for factor in self.of for grid in factor._grids(at))

    def _expand(self, weights: Values, at: At) -> Values:
        place = weights.ndim - 1
        found = weights.reshape(*weights.shape[:-1], *[factor.size for factor in self.of])
        for factor in self.of:  # its functions come first, its points go last
            found = factor._expand(np.moveaxis(found, place, -1), at)
        return found


@dataclass(frozen=True)
class Sum(Basis):
    """Parts side by side."""

    of: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.of

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.of for name in part.variables))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for part in self.of for name in part.names)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.of)

    def curves(self, weights: ArrayLike, at: At = None) -> dict[str, Curve]:
        weights = given_weights(self.variables, self.size, weights, at)
        return {
            part.label: Curve(part._grids(at), part._expand(weights[..., columns], at))
            for part, columns in zip(self.of, self.slices.values(), strict=True)
        }

    curves.__doc__ = Basis.curves.__doc__

    def _bounded(self, given: Given) -> Sum:
        return Sum(tuple(part._bounded(given) for part in self.of))


def _apart(what: str, parts: tuple[Part, ...], names: Sequence[str]) -> tuple[Part, ...]:
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"{what}: two parts are called {double!r}; tell them apart by name=")
    return parts
