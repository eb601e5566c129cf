"""Scores of a prediction, pure and weighted: `metric(y, prediction, weight=None)`.

The observed `y` comes first, as in scikit-learn, nemos and himalaya. (Losses take the prediction
first, as optax does.) Every metric obeys one contract:

- `y` and `prediction` are both `(sample,)`, which gives a scalar, or both `(sample, output)`, which
  gives `(output,)`: each target on its own. The classification metrics say their own shapes.
- `weight` is `(sample,)`, or of the shape of `y` for weights of each target's own, and
  non-negative: 0 leaves out, 2 counts twice, None is all ones. What is left out has no influence,
  whatever stands there, NaN and infinity included.
- NaN in `y` is a missing value: it is left out, as if its weight were 0, for that output alone.
- Where a score is undefined (nothing scored, nothing to explain in `y`, a prediction that is NaN
  or a value outside its domain where one is scored), it is NaN: never an error, never a plausible
  number, and for that output alone.
- Shapes and dtypes are checked when traced (ValueError). Values are never branched on, so a metric
  may be jitted, and vmapped over anything. Sums are of at least float32.
- `metric.higher_is_better` says which way is better; `Score` says so of a function of your own.

>>> import numpy as np
>>> y, prediction = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 2.0, 2.0, 7.0])
>>> float(r2(y, prediction))
0.5
"""

from jaxneuro.metrics.binary import auc, explained_deviance_bernoulli
from jaxneuro.metrics.circular import circular_error
from jaxneuro.metrics.classes import accuracy, balanced_accuracy, confusion_matrix
from jaxneuro.metrics.counts import (
    bits_per_spike,
    explained_deviance_poisson,
    poisson_deviance,
    pseudo_r2,
)
from jaxneuro.metrics.population import population_bits_per_spike
from jaxneuro.metrics.positions import median_distance
from jaxneuro.metrics.regression import correlation, mean_squared_error, r2
from jaxneuro.metrics.score import Score, as_score

__all__ = [
    "Score",
    "accuracy",
    "as_score",
    "auc",
    "balanced_accuracy",
    "bits_per_spike",
    "circular_error",
    "confusion_matrix",
    "correlation",
    "explained_deviance_bernoulli",
    "explained_deviance_poisson",
    "mean_squared_error",
    "median_distance",
    "poisson_deviance",
    "population_bits_per_spike",
    "pseudo_r2",
    "r2",
]
