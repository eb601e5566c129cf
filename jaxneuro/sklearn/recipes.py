"""The fits behind the estimators: one recipe, of a model and a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxneuro import losses, models, optimizers, penalties
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.losses import Loss
from jaxneuro.types import Array, Model

_MOST = 1024  # features: their principal axes cost the cube of it
STEPS, TOLERANCE = 300, 1e-10  # of linear models


def linear(
    X: np.ndarray, outputs: int | None, loss: Loss, steps: int = STEPS, tol: float = TOLERANCE
) -> Fit:
    """L-BFGS to the optimum of a loss and ½·l2·Σw² of standardised features, relative to the
    curvature of the loss, as the fits of `encoding` and `areas` have it; where features are few,
    along their principal axes."""
    least = 10 * np.finfo(X.dtype).eps
    stop = Stop(max_steps=steps, gradient=max(tol, float(least)), least_fall=0)
    return _penalised(models.linear(outputs), loss, stop, X.shape[1] <= _MOST)


def network(hidden: Sequence[int], outputs: int | None, loss: Loss, steps: int, tol: float) -> Fit:
    """The same objective of a perceptron of tanh units."""
    model = models.mlp(tuple(hidden), outputs, jnp.tanh)
    return _penalised(model, loss, Stop(max_steps=steps, gradient=tol), False)


def _penalised(model: Model, loss: Loss, stop: Stop, precondition: bool) -> Fit:
    return make_fit(
        model,
        loss,
        optimizers.lbfgs(),
        penalties.ridge(),
        stop,
        standardise=True,
        precondition=precondition,
        relative=True,
    )


def _from_zero(y: Array) -> Array:
    return jnp.isfinite(y) & (y >= 0)


RATES: Any = losses.poisson._replace(valid=_from_zero, expects="numbers from 0")
"""`losses.poisson` of any numbers from 0: a quasi-likelihood, as scikit-learn takes it."""
