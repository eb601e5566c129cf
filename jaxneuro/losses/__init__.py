"""Losses: elementwise, then one weighted reduction.

Order of arguments is optax's, `loss(prediction, y)`, with the raw output of the model: logits, or
the logarithm of a rate. Metrics take `(y, prediction)`, as scikit-learn's do.

| `y` | loss |
|---|---|
| any number | `squared_error`, `half_squared_error` |
| counts | `poisson`, `poisson_softplus`, `negative_binomial(dispersion)` |
| 0 or 1 | `bernoulli` |
| numbers above 0 | `gamma` |
| class labels | `cross_entropy`, `squared_hinge` |
"""

from jaxneuro.losses.contract import Loss, as_loss
from jaxneuro.losses.counts import negative_binomial, poisson, poisson_softplus
from jaxneuro.losses.outcomes import bernoulli, cross_entropy, squared_hinge
from jaxneuro.losses.real import gamma, half_squared_error, squared_error
from jaxneuro.losses.reduction import mean_loss, weighted_mean

__all__ = [
    "Loss",
    "as_loss",
    "bernoulli",
    "cross_entropy",
    "gamma",
    "half_squared_error",
    "mean_loss",
    "negative_binomial",
    "poisson",
    "poisson_softplus",
    "squared_error",
    "squared_hinge",
    "weighted_mean",
]
