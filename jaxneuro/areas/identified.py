"""What `identify` found: classifiers on identical folds, and those that were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.compare.compared import Compared, Job
from jaxneuro.compare.contender import Classifier, Contender
from jaxneuro.fit.scaling import layer_of
from jaxneuro.metrics import confusion_matrix
from jaxneuro.prediction import frozen
from jaxneuro.selection.result import Search
from jaxneuro.statistics.bootstrap import Bootstrapped, bootstrap
from jaxneuro.types import Array

KIND = "jaxneuro identified"


class Identified(Compared):
    """Every classifier of the same held-out samples; the attributes are those of `Compared`.
    `predictions` are probabilities (sample, class), NaN of samples that were not held out."""

    job: ClassVar[Job] = Job("brain_areas", "Brain area identification", "classifier", KIND)

    @property
    def classifiers(self) -> Mapping[str, Contender]:
        """By name."""
        return self.contenders

    def predict(self, x: ArrayLike, classifier: str | None = None) -> np.ndarray:
        """(sample, class) probabilities of new samples (sample, *feature), by the classifier chosen
        or another of `classifiers`: the mean over the outer folds' fits."""
        return self._predict(x, None, classifier)

    def confusion(
        self, *, resamples: int = 999, level: float = 0.95, seed: int = 0
    ) -> Bootstrapped:
        """(true class, class) the share of each class's held-out samples that is taken for each,
        by `predictions`; with an interval over resamples, of whole groups where there are some."""
        held = self.held
        groups = None if self.groups is None else self.groups[held]
        if groups is not None and len(np.unique(groups)) < 2:
            groups = None
        return bootstrap(_shares, self.observed[held], self.predictions[held], groups=groups,
                         resamples=resamples, level=level, seed=seed)  # fmt: skip

    def weights(self, classifier: str | None = None) -> NDArray[np.float64]:
        """(class, *feature) of a linear classifier, for one unit of `x`: the mean over outer folds.
        They say how it tells classes apart, not where the information is: see `patterns`.

        Raises:
          ValueError: it is not linear.
        """
        name = classifier or self.chosen
        found = self.contenders[name].found
        if isinstance(found, Classifier):
            kernel = found.kernel.reshape(-1, *found.kernel.shape[-2:]).mean(axis=0)
            return np.asarray(kernel.T, np.float64)
        assert isinstance(found, Search)
        fit = frozen(found.fits.fit)
        if fit.first_layer is None or fit.first_layer != fit.readout:
            raise ValueError(f"weights: {name!r} is not linear")
        kernel = np.asarray(layer_of(found.fits.params, fit.first_layer)["kernel"], np.float64)
        return kernel.reshape(-1, *kernel.shape[-2:]).mean(axis=0).T

    def patterns(self, x: ArrayLike, classifier: str | None = None) -> NDArray[np.float64]:
        """(class, feature) how features vary with the scores of a linear classifier: cov(x) ·
        weights · cov(scores)⁻¹ (Haufe et al. 2014, NeuroImage 87:96, eq. 6). Of the classes'
        scores about their mean, which classes share and no prediction depends on.

        Args:
          x: (sample, *feature) such as it was fitted to.
          classifier: a linear one; None: the one chosen.

        Raises:
          ValueError: it is not linear.
        """
        weights = self.weights(classifier)
        weights = weights - weights.mean(axis=0)
        flat = np.asarray(x, np.float64).reshape(len(np.asarray(x)), -1)
        flat = flat - flat.mean(axis=0)
        scores = flat @ weights.T
        inverse = np.linalg.pinv(scores.T @ scores, rcond=1e-9, hermitian=True)
        return inverse @ (scores.T @ flat)


def _shares(y: Array, prediction: Array, weight: Array) -> Array:
    counts = confusion_matrix(y, prediction, weight)
    total = counts.sum(axis=1, keepdims=True)
    return jnp.where(total > 0, counts / jnp.maximum(total, 1e-9), jnp.nan)
