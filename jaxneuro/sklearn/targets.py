"""What the regressors share: each target its own fit, all in one compiled program."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from jaxneuro import axes
from jaxneuro.losses import Loss
from jaxneuro.sklearn import scores
from jaxneuro.sklearn.base import FitEstimator
from jaxneuro.sklearn.versions import checked_x, checked_xy


class ManyTargets(RegressorMixin, FitEstimator):
    """One fit for each column of y. Those that fail predict NaN and change no other."""

    _many_targets = True
    _loss = staticmethod(scores.squares)

    def _fit(self, X: Any, y: Any, sample_weight: Any = None) -> None:
        X, y = checked_xy(self, X, y)
        if y.ndim > 2:
            raise ValueError(f"y has shape {y.shape}: it must be (sample,) or (sample, target)")
        columns = y.reshape(len(y), -1)
        if columns.dtype.kind == "f" and np.isnan(columns).all():
            raise ValueError("y is NaN throughout: there is nothing to fit")
        self._shape = y.shape[1:]
        columns = _without_odd(columns, self._recipe(X).loss)
        target = axes.targets(columns.shape[1])
        self._keep(self._fit_all(X, columns, sample_weight, target, labels=False))

    def _keep(self, fits: Any) -> None:
        """More of the fits than all estimators keep."""

    def predict(self, X: Any) -> np.ndarray:
        """(sample,) or (sample, target), as y was; NaN for targets whose fit failed."""
        check_is_fitted(self)
        found = self._predicted(checked_x(self, X))
        return found.reshape(len(found), *self._shape).astype(self._dtype, copy=False)

    def _predicted(self, X: np.ndarray) -> np.ndarray:
        """(sample, target)."""
        found = self._responses(X)
        return found.reshape(len(found), len(X)).T

    def score_targets(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """(target,) score of each: R², or D² of a model of counts. NaN for fits that failed and for
        targets without a value; missing values of y are left out."""
        prediction = self.predict(X)
        y = np.asarray(y, np.float64)
        if y.reshape(len(y), -1).shape != prediction.reshape(len(prediction), -1).shape:
            raise ValueError(f"y has shape {y.shape}, and the prediction {prediction.shape}")
        y = y.reshape(len(y), -1)
        weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        return scores.explained(self._loss, y, prediction.reshape(y.shape), weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean of `score_targets` over the targets that have one; NaN if none has."""
        found = self.score_targets(X, y, sample_weight)
        defined = found[~np.isnan(found)]
        return float(defined.mean()) if defined.size else float("nan")


class Weighted(ManyTargets):
    """Whose samples may have weights."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fits every column of y.

        Args:
          X: (sample, feature), finite.
          y: (sample,) or (sample, target); NaN = missing, left out of that target's fit alone.
          sample_weight: (sample,) from 0; 2 is a sample twice.

        Raises:
          ValueError: bad input; or no target can be fitted.
        """
        self._fit(X, y, sample_weight)
        return self


def _without_odd(y: np.ndarray, loss: Loss) -> np.ndarray:
    """y (sample, target) whose targets with a value that the loss cannot take are NaN throughout:
    their fits end as bad_data. A single target is left for `fit_many` to refuse."""
    if y.shape[1] == 1:
        return y
    with jax.enable_x64(True):
        odd = ~(np.asarray(loss.valid(jnp.asarray(y))) | np.isnan(y))
    bad = odd.any(axis=0)
    if not bad.any():
        return y
    at = tuple(int(i) for i in np.argwhere(odd)[0])
    warnings.warn(
        f"y{list(at)} is {y[at]}, and the loss takes {loss.expects}: {int(bad.sum())} of "
        f"{y.shape[1]} targets will end as bad_data; NaN leaves such values out",
        ConvergenceWarning,
        4,
    )
    return np.where(bad, np.nan, y)
