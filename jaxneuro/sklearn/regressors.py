"""Regressors of many targets: each its own fit, all in one compiled program."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from jaxneuro import losses
from jaxneuro.fit import Fit
from jaxneuro.losses import Loss
from jaxneuro.sklearn import parameters, recipes, scores
from jaxneuro.sklearn.targets import ManyTargets, Weighted


class _Linear(parameters.Linear, Weighted):
    """Linear in the features, but for a link."""

    @property
    @abstractmethod
    def _family(self) -> Loss: ...

    def _recipe(self, X: np.ndarray) -> Fit:
        return recipes.linear(X, None, self._family, self.max_iter, self.tol)

    def _keep(self, fits: Any) -> None:
        readout = fits.params["readout"]
        self.coef_ = readout["kernel"][..., 0].reshape(*self._shape, -1)
        self.intercept_ = readout["bias"].reshape(self._shape)[()]

    def _predicted(self, X: np.ndarray) -> np.ndarray:
        coef = self.coef_.reshape(-1, self.coef_.shape[-1]).astype(np.float64)
        return X @ coef.T + np.reshape(self.intercept_, -1).astype(np.float64)


class LinearRegressor(_Linear):
    """Ridge regression of each target.

    Minimises, for each, ½ mean squared error + ½·l2·Σ w² of standardised features and target, by
    L-BFGS: with `StandardScaler` before it, scikit-learn's `Ridge(alpha=l2·samples)`. Scaling is
    part of the fit, of each fold's own samples; `coef_` and `intercept_` are of the raw units. For
    tens of thousands of targets, its exact twin is `jaxneuro.closed_form.ridge_search`.

    Args:
      l2: strength: 1 shrinks about by half, whatever the units. A list: each target's own is chosen
        from it by mean held-out error on the folds of `cv`; `l2_` says which.
      cv: folds of that choice: a number (contiguous, as `KFold`), a splitter, or a list of pairs of
        indices. For groups, `list(GroupKFold(5).split(X, y, groups))`.
      max_iter: steps at most.
      tol: converged when the gradient's norm is this much of its first value (1e-6 at least, where
        X is float32).

    Attributes:
      coef_: (target, feature), or (feature,) for y (sample,).
      intercept_: (target,), or a number.
      l2_, statuses_, n_iter_, inner_scores_, fits_: as of `FitEstimator`, (target,) each.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> LinearRegressor(l2=[0.001, 0.1]).fit(X, X @ np.eye(3, 4)).coef_.shape
    (4, 3)
    """

    @property
    def _family(self) -> Loss:
        return losses.half_squared_error


class PoissonRegressor(_Linear):
    """Poisson GLM of each target, log link: counts, or any numbers from 0 (a quasi-likelihood).

    Minimises, for each, mean(exp(η) - y·η) + ½·l2·m·Σ w² of standardised features, m the mean of y,
    by L-BFGS: with `StandardScaler` before it, scikit-learn's `PoissonRegressor(alpha=l2·m)`. A
    strength so means the same for a neuron of 0.1 and of 100 spikes a second. `score` is D², the
    share of the deviance that is explained.

    Args, attributes: as of `LinearRegressor`; `coef_` and `intercept_` are of the logarithm of the
    rate. The deviance of held-out samples chooses among a list of `l2`.
    """

    _from_zero = True
    _loss = staticmethod(scores.deviances)

    @property
    def _family(self) -> Loss:
        return recipes.RATES

    def _predicted(self, X: np.ndarray) -> np.ndarray:
        return np.exp(super()._predicted(X))


class NetworkRegressor(parameters.Network, ManyTargets):
    """A perceptron of its own for each target: layers of tanh units, ½ mean squared error, L-BFGS.

    Standardises features and target and penalises all weights by ½·l2·Σ w². For other activations,
    losses and optimizers, for minibatches and dropout, see `FitRegressor`.

    Args:
      hidden: units of each hidden layer.
      l2, cv, max_iter, tol: as of `LinearRegressor`.
      random_state: of the initial weights.
    """

    def fit(self, X: Any, y: Any) -> Any:
        """Fits every column of y (sample,) or (sample, target) to X (sample, feature), as of
        `LinearRegressor`. For weights of samples, `FitRegressor(jaxneuro.encoding.mlp())`."""
        self._fit(X, y)
        return self

    def _recipe(self, X: np.ndarray) -> Fit:
        loss = losses.half_squared_error
        return recipes.network(self.hidden, None, loss, self.max_iter, self.tol)


class FitRegressor(parameters.Own, Weighted):
    """Any model, loss and optimizer, fitted to each target: `FitRegressor(jn.make_fit(...))`.

    Args:
      recipe: a `jaxneuro.Fit` of one output, as of `make_fit`, `jaxneuro.encoding`,
        `jaxneuro.decoding`. None: that of `LinearRegressor`, with l2 = 0.01.
      hyper: its hyper-parameters by name: numbers, or lists to choose among for each target
        (all combinations), `{"l2": [0.1, 1], "learning_rate": 0.01}`. Chosen: `hyper_`.
      cv: folds of that choice, as of `LinearRegressor`.
      metric: which of its scores chooses; None: the deviance, mean squared error or accuracy, or
        the only one.
      shape: of one sample, where the model takes more than a row of features: (28, 28) of images
        that are rows of 784 numbers.
      random_state: of initial weights, minibatches and dropout.

    `score` is R² whatever the loss. Recipes are values, which clones share: keep the functions and
    modules that yours is made of in a module, so that it pickles and reaches other processes.
    """

    def _recipe(self, X: np.ndarray) -> Fit:
        if self.recipe is None:
            return recipes.linear(X, None, losses.half_squared_error)
        if not isinstance(self.recipe, Fit):
            raise TypeError(f"recipe is {self.recipe!r:.80}: pass what jaxneuro.make_fit gives")
        return self.recipe
