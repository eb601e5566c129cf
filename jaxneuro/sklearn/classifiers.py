"""Classifiers: one fit of all classes, its strength chosen on inner folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from jaxneuro import axes, losses
from jaxneuro.fit import Fit
from jaxneuro.sklearn import parameters, recipes
from jaxneuro.sklearn.base import LOST, FitEstimator
from jaxneuro.sklearn.versions import checked_labels, checked_x


class Classes(ClassifierMixin, FitEstimator):
    """Labels of any kind: strings, any integers.

    Attributes:
      classes_: (class,) the labels, sorted.
    """

    def _fit(self, X: Any, y: Any, sample_weight: Any = None) -> None:
        X, y = checked_labels(self, X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only, {str(self.classes_[0])!r}: nothing to tell apart"
            )
        fits = self._fit_all(X, labels, sample_weight, axes.seeds(1), labels=True)
        if self.statuses_[0] in LOST:
            raise ValueError(f"the fit ended as {self.statuses_[0]}: try a smaller learning rate")
        self._keep(fits)

    def _keep(self, fits: Any) -> None:
        """More of the fit than all estimators keep."""

    def predict(self, X: Any) -> np.ndarray:
        """(sample,) the label of the highest probability."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """(sample, class), in the order of `classes_`."""
        check_is_fitted(self)
        found = self._responses(checked_x(self, X))[0]
        classes = (len(found), len(self.classes_))
        if found.shape != classes:
            raise ValueError(f"the recipe predicts {found.shape}, and it should {classes}: "
                             "pass a function from the number of classes to a recipe")  # fmt: skip
        return found.astype(self._dtype, copy=False)


class Weighted(Classes):
    """Whose samples may have weights."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fits.

        Args:
          X: (sample, feature), finite.
          y: (sample,) labels.
          sample_weight: (sample,) from 0; 2 is a sample twice.

        Raises:
          ValueError: bad input, a single class, or a fit that diverged.
        """
        self._fit(X, y, sample_weight)
        return self


class LinearClassifier(parameters.Linear, Weighted):
    """Logistic regression, multinomial for more than two classes.

    Minimises the mean cross-entropy + ½·l2·v·Σ w² of standardised features, v the mean over classes
    of p·(1 - p), p their shares (with half a sample more of each), by L-BFGS. With `StandardScaler`
    before it, scikit-learn's `LogisticRegression` of N samples has C = 1 / (l2·v·N) for more than
    two classes, and twice that for two.

    Args:
      l2: strength: 1 shrinks about by half. A list: the best is chosen by the mean cross-entropy
        of held-out samples on the folds of `cv`; `l2_` says which.
      cv: folds of that choice: a number (stratified), a splitter, or a list of pairs of indices.
      max_iter: steps at most.
      tol: converged when the gradient's norm is this much of its first value (1e-6 at least, where
        X is float32).

    Attributes:
      coef_, intercept_: (class, feature), (class,) of the log-odds in raw units; of two classes
        (1, feature), (1,) of the second against the first.
      classes_, l2_, statuses_, n_iter_, inner_scores_, fits_: as of the others; a single fit.
    """

    def _recipe(self, X: np.ndarray) -> Fit:
        classes = len(self.classes_)
        return recipes.linear(X, classes, losses.cross_entropy, self.max_iter, self.tol)

    def _keep(self, fits: Any) -> None:
        readout = fits.params["readout"]
        coef, intercept = readout["kernel"][0].T, readout["bias"][0]
        if len(self.classes_) == 2:
            coef, intercept = np.diff(coef, axis=0), np.diff(intercept)
        self.coef_, self.intercept_ = coef, intercept

    def decision_function(self, X: Any) -> np.ndarray:
        """(sample, class) log-odds, up to a term that classes share; of two classes (sample,), of
        the second against the first."""
        check_is_fitted(self)
        X = checked_x(self, X)
        found = X @ self.coef_.T.astype(np.float64) + self.intercept_
        found = found.astype(self._dtype, copy=False)
        return found[:, 0] if len(self.classes_) == 2 else found

    def predict_proba(self, X: Any) -> np.ndarray:
        """(sample, class), in the order of `classes_`."""
        found = self.decision_function(X)
        if found.ndim == 1:
            found = np.stack([np.zeros_like(found), found], axis=1)
        return softmax(found, axis=1)


class NetworkClassifier(parameters.Network, Classes):
    """A perceptron: layers of tanh units, cross-entropy, L-BFGS.

    Standardises features and penalises all weights by ½·l2·v·Σ w², v as of `LinearClassifier`. For
    other models (a CNN), optimizers, minibatches and dropout, see `FitClassifier`.

    Args:
      hidden: units of each hidden layer.
      l2, cv, max_iter, tol: as of `LinearClassifier`.
      random_state: of the initial weights.
    """

    def fit(self, X: Any, y: Any) -> Any:
        """Fits labels y (sample,) to X (sample, feature), as of `LinearClassifier`. For weights of
        samples, `FitClassifier`."""
        self._fit(X, y)
        return self

    def _recipe(self, X: np.ndarray) -> Fit:
        classes, loss = len(self.classes_), losses.cross_entropy
        return recipes.network(self.hidden, classes, loss, self.max_iter, self.tol)


class FitClassifier(parameters.Own, Weighted):
    """Any model and optimizer on the cross-entropy of labels.

    `FitClassifier(jn.areas.region_cnn, {"learning_rate": 0.003, "weight_decay": 1e-4},
    shape=(28, 28))` is a CNN of images that are rows of 784 numbers.

    Args:
      recipe: a `jaxneuro.Fit` of as many outputs as there are classes; or, better, a function from
        their number to one, such as `jaxneuro.areas.softmax_regression`. None: that of
        `LinearClassifier`, with l2 = 0.01.
      hyper, cv, metric, shape, random_state: as of `FitRegressor`.

    Recipes are values, which clones share: keep the functions and modules that yours is made of in
    a module, so that it pickles and reaches other processes.
    """

    def _recipe(self, X: np.ndarray) -> Fit:
        classes = len(self.classes_)
        if self.recipe is None:
            return recipes.linear(X, classes, losses.cross_entropy)
        made = self.recipe if isinstance(self.recipe, Fit) else self.recipe(classes)
        if not isinstance(made, Fit):
            raise TypeError(f"recipe gives {made!r:.80}: it must give what jaxneuro.make_fit does")
        return made
