"""Classifiers fitted by gradient descent, for any category: of an area, or of a mental state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import optax

from jaxneuro import losses, metrics, models, optimizers, penalties
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.types import Array, Closed, Model

SCORES = {"accuracy": metrics.accuracy, "balanced_accuracy": metrics.balanced_accuracy}


def softmax_regression(classes: int) -> Fit:
    """Multinomial logistic regression on the flattened features, L-BFGS; strength "l2" on the
    weights of standardised features, relative to the variance of belonging to a class."""
    return _linear(classes, losses.cross_entropy)


def linear_svm(classes: int) -> Fit:
    """A linear support vector machine for each class against the rest, of squared hinge loss
    (`losses.squared_hinge`), L-BFGS; strength "l2" on the weights of standardised features, in
    units of half the loss's curvature: beside scikit-learn's `LinearSVC`, C = 1 / (2 · l2 ·
    samples)."""
    return _linear(classes, losses.squared_hinge)


def _linear(classes: int, loss: losses.Loss) -> Fit:
    return make_fit(
        models.linear(classes),
        loss,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300, gradient=1e-3),
        scores=SCORES,
        standardise=True,
        relative=True,
    )


def network(model: Model, steps: int = 1000, batch: int = 64, *, standardise: bool = False) -> Fit:
    """A classifier trained by Adam on cross-entropy in minibatches (the seed article's section
    5.2), decoupled "weight_decay"; the step size "learning_rate" falls to zero on a cosine. With
    `standardise`, of features in units of their deviation among the samples fitted."""
    return make_fit(
        model,
        losses.cross_entropy,
        Closed(_adam, (steps,)),
        stop=Stop(max_steps=steps, gradient=0, plateau=0),
        scores=SCORES,
        standardise=standardise,
        batch=batch,
    )


def _adam(steps: int, hyper: Mapping[str, Array]) -> Any:
    schedule = optax.cosine_decay_schedule(1.0, steps)
    return optax.chain(
        optax.scale_by_adam(),
        optax.add_decayed_weights(hyper["weight_decay"], mask=_is_kernel),
        optax.scale(-1.0),
        optax.scale_by_schedule(lambda step: hyper["learning_rate"] * schedule(step)),
    )


def _is_kernel(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: penalties.kernels(penalties.leaf_path(path), leaf), params
    )
