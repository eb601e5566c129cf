"""What the tests of metrics share: draws, weights, and every metric with data that suit it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from numerics import HASTY

from jaxneuro import metrics

Array = np.ndarray
SAMPLES, CLASSES, OUTPUTS = 60, 4, 3


def score(metric: Callable) -> Callable:
    """The metric compiled, once for each shape; `test_jit_equals_eager` closes the gap."""
    return jax.jit(metric, compiler_options=HASTY)


class Case(NamedTuple):
    metric: Callable
    draw: Callable[[tuple[int, ...]], tuple[Array, Array]]  # shape -> y, prediction
    per_target: bool = True

    @property
    def score(self) -> Callable:
        return score(self.metric)


def continuous(shape):
    rng = np.random.default_rng(0)
    y = rng.normal(size=shape)
    return y, 0.7 * y + rng.normal(size=shape)


def counts(shape):
    rng = np.random.default_rng(0)
    rate = rng.gamma(2.0, size=shape)
    return rng.poisson(rate).astype(float), rate * rng.uniform(0.7, 1.4, size=shape)


def binary(shape):
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.05, 0.95, size=shape)
    return (rng.random(shape) < probability).astype(float), probability


def tied(shape):
    y, probability = binary(shape)
    return y, np.round(probability * 8)


def classes(shape):
    rng = np.random.default_rng(0)
    y = rng.choice(CLASSES, p=[0.5, 0.3, 0.15, 0.05], size=shape[:1])
    return y, rng.normal(size=(shape[0], CLASSES)) + 2 * np.eye(CLASSES)[y]


CASES = {
    "r2": Case(metrics.r2, continuous),
    "correlation": Case(metrics.correlation, continuous),
    "mean_squared_error": Case(metrics.mean_squared_error, continuous),
    "poisson_deviance": Case(metrics.poisson_deviance, counts),
    "explained_deviance_poisson": Case(metrics.explained_deviance_poisson, counts),
    "pseudo_r2": Case(metrics.pseudo_r2, counts),
    "bits_per_spike": Case(metrics.bits_per_spike, counts),
    "explained_deviance_bernoulli": Case(metrics.explained_deviance_bernoulli, binary),
    "auc": Case(metrics.auc, tied),
    "population_bits_per_spike": Case(metrics.population_bits_per_spike, counts, per_target=False),
    "circular_error": Case(metrics.circular_error, continuous),
    "median_distance": Case(metrics.median_distance, continuous, per_target=False),
    "accuracy": Case(metrics.accuracy, classes, per_target=False),
    "balanced_accuracy": Case(metrics.balanced_accuracy, classes, per_target=False),
    "confusion_matrix": Case(metrics.confusion_matrix, classes, per_target=False),
}


KEPT = 45  # samples of weight: as many in most tests, so that they share programs


def weights(whole=False) -> Array:
    rng = np.random.default_rng(1)
    weight = rng.integers(1, 4, SAMPLES).astype(float)
    weight[rng.permutation(SAMPLES)[KEPT:]] = 0
    return weight if whole else weight * rng.uniform(0.5, 1.5, SAMPLES)


def there() -> Array:
    """Bool (sample, output): other places are missing in each output, and more in the last."""
    rng = np.random.default_rng(3)
    return np.stack([rng.permutation(SAMPLES) < many for many in (KEPT, KEPT, 24)], axis=1)
