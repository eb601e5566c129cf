"""What regressors and classifiers share: from arrays to fits, and what is kept of these."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from jaxneuro import splits
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.prediction import predict
from jaxneuro.sklearn.choosing import Problem, fit_all
from jaxneuro.sklearn.versions import Tagged
from jaxneuro.types import Axis, Status

LOST = ("diverged", "bad_data", "lost")


class FitEstimator(Tagged):
    """An estimator over `fit_many`.

    Attributes:
      fits_: `jaxneuro.Fits` (target,): parameters, losses, gradient norms, `fits_.table()`.
      statuses_: (target,) how each fit ended, in words: "converged", "plateau", "step_limit",
        "diverged", "bad_data".
      n_iter_: (target,) steps.
      hyper_: by name, (target,) the hyper-parameters of each fit.
      inner_scores_: (target,) what chose them, on held-out samples; only where a choice was made.
      n_features_in_, feature_names_in_: of X.
    """

    cv: Any
    metric: str | None = None
    random_state: Any = 0  # of those that have no such parameter: linear models start at zero

    @abstractmethod
    def _recipe(self, X: np.ndarray) -> Fit:
        """What is fitted, once `y` is known."""

    @abstractmethod
    def _hyper(self) -> Mapping[str, Any]:
        """Its hyper-parameters: numbers, or lists to choose among."""

    def _fit_all(
        self, X: np.ndarray, y: np.ndarray, sample_weight: Any, target: Axis, labels: bool
    ) -> Fits:
        """Fits, and keeps what all estimators keep."""
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)

        def inner() -> splits.Splits:
            folds = check_cv(self.cv, y, classifier=labels)
            return splits.from_splitter(folds, len(y), y)

        recipe = self._recipe(X)
        if recipe.stop.patience:
            raise ValueError(
                "the recipe stops early by validation samples, and there are none here: use "
                "jaxneuro.fit_many with make_inputs(validation=...), or Stop(patience=0)"
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        problem = Problem(recipe, self._shaped(X), y, sample_weight, target, seed)
        with jax.enable_x64(X.dtype == np.float64):
            chosen = fit_all(problem, self._hyper(), inner, self.metric)
        fits, self._dtype = chosen.fits, X.dtype
        self.statuses_ = np.array([Status(int(s)).name.lower() for s in fits.status])
        self.n_iter_ = np.asarray(fits.steps)
        self.hyper_ = chosen.hyper
        if chosen.scores is not None:
            self.inner_scores_ = chosen.scores
        lost = np.isin(self.statuses_, LOST)
        self.fits_ = replace(fits, params=jax.tree.map(lambda a: _without(a, lost), fits.params))
        _tell(self, self.fits_, lost)
        return self.fits_

    def _responses(self, X: np.ndarray) -> np.ndarray:
        """(target, sample, ...) what the fits predict, in the precision they were fitted in."""
        x = self._shaped(X.astype(self._dtype, copy=False))
        if self._dtype == np.float32:
            return self.fits_.predict(x)
        with jax.enable_x64(True):
            return predict(self.fits_.fit, self.fits_.params, self.fits_.shape, x, None)

    def _shaped(self, X: np.ndarray) -> np.ndarray:
        """X as the model takes it."""
        return X


def _without(leaf: Any, lost: np.ndarray) -> np.ndarray:
    """Parameters (target, ...), NaN where there is no fit."""
    leaf = np.asarray(leaf)
    return np.where(lost.reshape(-1, *[1] * (leaf.ndim - 1)), np.nan, leaf).astype(leaf.dtype)


def _tell(estimator: Any, fits: Fits, lost: np.ndarray) -> None:
    name, last = type(estimator).__name__, 5
    if lost.any():
        first = int(np.argmax(lost))
        warnings.warn(
            f"{name}: {int(lost.sum())} of {len(lost)} fits failed and predict NaN, the first is "
            f"target {first}: {estimator.statuses_[first]}",
            ConvergenceWarning,
            last,
        )
    ran_out = fits.status == Status.STEP_LIMIT
    fixed = isinstance(fits.fit, Fit) and fits.fit.stop.fixed
    if ran_out.any() and not fixed:
        warnings.warn(
            f"{name}: {int(ran_out.sum())} of {len(lost)} fits reached their limit of steps before "
            f"they converged, the first is target {int(np.argmax(ran_out))}: allow more, or a "
            "stronger penalty",
            ConvergenceWarning,
            last,
        )
