"""Transformers: bases and lags. Fits scale features by themselves, of each fold's own samples; for
other estimators there is scikit-learn's `StandardScaler`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from jaxneuro import features
from jaxneuro.features import Basis
from jaxneuro.sklearn.versions import Tagged, checked_x


class _Columns(TransformerMixin, Tagged):
    """Of X (time, column), one column of which may hold the trial of each row."""

    trials: str | int | None

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learns the columns of X (time, column), finite numbers."""
        X = checked_x(self, X, reset=True, least=2)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(X.shape[1])])
        self._names = [str(name) for name in names]
        place = _place(self.trials, self._names)
        self._kept = [i for i in range(X.shape[1]) if i != place]
        if not self._kept:
            raise ValueError("X has no column beside its trials: there is nothing to transform")
        self._learn(X[:, self._kept], [self._names[i] for i in self._kept])
        return self

    def _learn(self, values: np.ndarray, names: list[str]) -> None:
        """From values (time, column) of those names."""

    def transform(self, X: Any) -> np.ndarray:
        """(time, feature) of X (time, column)."""
        check_is_fitted(self, "_kept")
        X = checked_x(self, X)
        place = _place(self.trials, self._names)
        trials = None if place is None else X[:, place]
        return self._made(X[:, self._kept], trials)

    def _made(self, values: np.ndarray, trials: np.ndarray | None) -> np.ndarray:
        raise NotImplementedError


def _place(trials: str | int | None, names: Sequence[str]) -> int | None:
    """The number of the column of trials."""
    if trials is None:
        return None
    if isinstance(trials, str):
        if trials not in names:
            raise ValueError(f"trials is {trials!r}, and the columns of X are {list(names)}")
        return names.index(trials)
    if not -len(names) <= trials < len(names):
        raise ValueError(f"trials is column {trials}, and X has {len(names)}")
    return trials % len(names)


class Lags(_Columns):
    """The past of each column as features: rows of X are samples in order of time.

    Feature "x0[t-2]" of row t is column x0 of row t - 2; zeros before the first row, or before the
    trial begins. `jaxneuro.features.lags`, flattened: all columns at one lag, then at the next.

    Rows so depend on the rows before them: transform whole stretches of time, in order. Rows that a
    shuffled split has torn apart have no past; make lags before such a split, or use folds of whole
    trials and `trials`. The default, the present alone, changes nothing. With a past, two checks of
    scikit-learn's `check_estimator` cannot hold: `check_methods_sample_order_invariance` and
    `check_methods_subset_invariance`.

    Args:
      count: how many lags.
      first: the shortest of them, in samples. 1 for a signal that is to predict itself.
      trials: the column, by name or number, with the trial of each row (numbers); no lag reaches
        over its edge, and it is no feature itself. None: all rows are one trial.
    """

    def __init__(self, count: int = 1, *, first: int = 0, trials: str | int | None = None):
        self.count = count
        self.first = first
        self.trials = trials

    def _made(self, values: np.ndarray, trials: np.ndarray | None) -> np.ndarray:
        reach = self.first + self.count  # a short stretch has zeros before it, too
        missing = max(reach - len(values), 0)
        padded = np.pad(values, ((missing, 0), (0, 0)))
        if trials is not None and missing:
            trials = np.pad(trials, (missing, 0), constant_values=trials[0])
        found = features.lags(padded, self.count, self.first, trials)[missing:]
        return found.reshape(len(values), -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """(feature,) such as "x0[t]", "x0[t-1]"."""
        check_is_fitted(self, "_kept")
        given: Any = _check_feature_names_in(self, input_features)
        ends = [f"t-{lag}" if lag else "t" for lag in range(self.first, self.first + self.count)]
        named = [f"{given[i]}[{end}]" for end in ends for i in self._kept]
        return np.asarray(named, object)


class BasisFeatures(_Columns):
    """The functions of a basis of `jaxneuro.features`: tuning by place, direction, speed.

    A basis of one variable is evaluated for each column on its own; one of several variables takes
    the columns of these names, or as many columns in their order. Bounds that a basis does not have
    are taken from the rows that are fitted, and values beyond them count as at the edge. A basis of
    filters (`basis.filters(window)`) sees the rows before: what is said of `Lags` holds of it.

    Args:
      basis: such as `features.b_spline(8)`, `features.b_spline(6, name="speed") +
        features.cyclic_spline(8, bounds=(0, 360), name="direction")`. None: cubic b_spline(5).
      trials: as of `Lags`, for filters.

    Attributes:
      bases_: with their bounds: one, or one for each column. `bases_[0].curves(coef_)` is what
        weights mean.
    """

    def __init__(self, basis: Basis | None = None, *, trials: str | int | None = None):
        self.basis = basis
        self.trials = trials

    def _learn(self, values: np.ndarray, names: list[str]) -> None:
        basis = features.b_spline(5) if self.basis is None else self.basis
        asked = basis.variables
        if len(asked) == 1:
            self._columns = [[i] for i in range(len(names))]
        elif set(asked) <= set(names):
            self._columns = [[names.index(name) for name in asked]]
        elif len(asked) == len(names):
            self._columns = [list(range(len(asked)))]
        else:
            raise ValueError(f"the basis is of {list(asked)}, and the columns of X are {names}")
        self.bases_ = []
        for columns in self._columns:
            try:
                self.bases_.append(basis.bounded(*values[:, columns].T))
            except ValueError as error:
                told = ", ".join(repr(names[i]) for i in columns)
                raise ValueError(f"column {told}: {error}") from error

    def _made(self, values: np.ndarray, trials: np.ndarray | None) -> np.ndarray:
        made = [
            basis.evaluate(*_inside(basis, values[:, columns].T), trials=trials, dtype=values.dtype)
            for basis, columns in zip(self.bases_, self._columns, strict=True)
        ]
        return np.concatenate(made, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """(feature,) such as "speed[3]", "direction[0]*speed[1]"."""
        check_is_fitted(self, "_kept")
        given: Any = _check_feature_names_in(self, input_features)
        named = []
        for basis, columns in zip(self.bases_, self._columns, strict=True):
            if len(basis.variables) > 1:
                named += basis.names
            else:
                ahead, column = len(basis.variables[0]), given[self._kept[columns[0]]]
                named += [f"{column}{name[ahead:]}" for name in basis.names]
        return np.asarray(named, object)


def _inside(basis: Basis, values: np.ndarray) -> list[np.ndarray]:
    """Values (variable, time), none beyond the bounds that the basis has for it."""
    found = dict(zip(basis.variables, values, strict=True))
    for part in basis.parts:
        for factor in part.factors:
            bounds = getattr(factor, "bounds", None)
            if bounds is not None and not getattr(factor, "periodic", False):
                name = factor.variables[0]
                found[name] = np.clip(found[name], *bounds)
    return list(found.values())
