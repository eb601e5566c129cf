"""Bases: families of functions of named variables, as values that compose.

`position * direction + speed` is a basis of three variables: the products of the functions of the
first two beside the functions of the third. Bases are equal, hash and pickle by what they are made
of; what was taken from a recording (bounds) is in them, for all to see.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from jaxneuro.features.checks import given_values, given_weights
from jaxneuro.features.edges import starts

At = int | Mapping[str, Any] | ArrayLike | None
Values = NDArray[Any]
Given = dict[str, Values]


class Curve(NamedTuple):
    """A function of one or more variables, as weights of a basis make it.

    Attributes:
      at: a grid for each variable, (point,) in its units; of filters, the lags.
      values: (..., *points): the leading axes are those of the weights (neurons, folds). Filters of
        several channels: (..., channel, lag).
    """

    at: tuple[Values, ...]
    values: Values


class Basis(ABC):
    """Functions of one or more variables; `a + b` stands side by side, `a * b` is all products."""

    @property
    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """Names of what it is a function of, in the order in which `evaluate` takes them."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One for each feature: "position[3]", "direction[cos 1]*speed[0]", "counts.7[2]"."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many features."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """What stands side by side."""

    @property
    def slices(self) -> dict[str, slice]:
        """Which features each part is, by its label."""
        ends = itertools.accumulate((part.size for part in self.parts), initial=0)
        pairs = zip(self.parts, itertools.pairwise(ends), strict=True)
        return {part.label: slice(*pair) for part, pair in pairs}

    @property
    def groups(self) -> tuple[str, ...]:
        """The label of the part of each feature: what group penalties and ablations go by."""
        return tuple(part.label for part in self.parts for _ in range(part.size))

    def __add__(self, other: Basis) -> Basis:
        """Side by side: the features of `self`, then those of `other`."""
        from jaxneuro.features.composed import side_by_side  # which builds on this file

        return side_by_side(self, other) if isinstance(other, Basis) else NotImplemented

    def __mul__(self, other: Basis) -> Basis:
        """All products of a feature of `self` and one of `other`; sums are multiplied out."""
        from jaxneuro.features.composed import products

        return products(self, other) if isinstance(other, Basis) else NotImplemented

    @abstractmethod
    def curves(self, weights: ArrayLike, at: At = None) -> Any:
        """Weights back to what they mean: tuning curves, filters, surfaces.

        Args:
          weights: (..., feature): of all neurons and folds at once.
          at: points of the grid: how many between the bounds (100), or (point,) values; of several
            variables, either by their names. Filters are given at their lags.

        Returns:
          `Curve(at, values)` in units of what the model is linear in (of a Poisson GLM, the
          logarithm of the rate); of a sum, one for each part by its label: "position",
          "position*direction".

        Raises:
          ValueError: another number of features, or a grid that is missing or of no variable.
        """

    def evaluate(
        self, *values: Any, trials: ArrayLike | None = None, dtype: DTypeLike | None = None
    ) -> Values:
        """The features of samples: the design of a model.

        Args:
          values: one for each of `variables`, in their order; or one mapping from their names,
            which may hold others too. Each (sample,), or any shape that all share; signals of
            filters are (time,) or (time, channel).
          trials: (time,) labels: no filter reaches over the edge of a trial.
          dtype: of the result. None: float64; float32 where all are filters of signals that are
            not float64.

        Returns:
          (*shape, feature), in the order of `names`. NaN where a value is NaN or outside the bounds
          (clip values that are to count as at the edge). Fits refuse NaN in `x`: give such samples
          weight 0 and any number.

        Raises:
          ValueError: names the variable that is missing, has no bounds, or another shape.
        """
        given = given_values(self.variables, values)
        shapes = [pair for part in self.parts for pair in part._shapes(given)]
        first, shape = shapes[0]
        for name, other in shapes:
            if other != shape:
                raise ValueError(f"evaluate: {name!r} has samples {other} and {first!r} {shape}: "
                                 "all variables must have the same")  # fmt: skip
        dtype = dtype or np.result_type(*[part._dtype(given) for part in self.parts])
        out = np.empty((int(np.prod(shape)), self.size), dtype)
        begins = starts("evaluate", trials, len(out))
        for part, columns in zip(self.parts, self.slices.values(), strict=True):
            part._fill(out[:, columns], given, begins)
        return out.reshape(*shape, self.size)

    def bounded(self, *values: Any, fitted: ArrayLike | None = None) -> Basis:
        """The same with bounds taken from data, where it has none yet and needs some.

        Args:
          values: as in `evaluate`; a mapping may leave out what has its bounds.
          fitted: (sample,) bool, what is fitted: held-out samples must have no say, and those
            outside the bounds are then NaN. None: all samples.

        Raises:
          ValueError: a variable without two different finite values; or one that is periodic: a
            period is not taken from data.
        """
        given = given_values(self.variables, values, partly=True)
        if fitted is not None:
            kept = np.asarray(fitted, bool)
            for name, value in given.items():
                if value.shape[:1] != kept.shape:
                    raise ValueError(f"bounded: fitted has shape {kept.shape}, and {name!r} has "
                                     f"samples {value.shape[:1]}")  # fmt: skip
            given = {name: value[kept] for name, value in given.items()}
        return self._bounded(given)

    @abstractmethod
    def _bounded(self, given: Given) -> Basis: ...


class Part(Basis):
    """What can be a term of a sum: the functions of one variable, filters, or products of such."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What the sum calls it: the names of its variables, joined by *."""

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self,)

    @property
    def factors(self) -> tuple[Part, ...]:
        return (self,)

    def curves(self, weights: ArrayLike, at: At = None) -> Curve:
        weights = given_weights(self.variables, self.size, weights, at)
        return Curve(self._grids(at), self._expand(weights, at))

    curves.__doc__ = Basis.curves.__doc__

    @abstractmethod
    def _bounded(self, given: Given) -> Part: ...

    @abstractmethod
    def _shapes(self, given: Given) -> list[tuple[str, tuple[int, ...]]]:
        """Of the samples, by each variable."""

    @abstractmethod
    def _dtype(self, given: Given) -> np.dtype: ...

    @abstractmethod
    def _fill(self, out: Values, given: Given, begins: NDArray[np.intp]) -> None:
        """Writes the features into `out` (sample, feature); trials start at `begins` (sample,)."""

    @abstractmethod
    def _grids(self, at: At) -> tuple[Values, ...]: ...

    @abstractmethod
    def _expand(self, weights: Values, at: At) -> Values:
        """(..., feature) -> (..., *points)."""
