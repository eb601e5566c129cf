"""Job 2, brain area identification: imaging data -> functional area or category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import optax
from numpy.typing import ArrayLike

from jaxneuro import losses, metrics, models, optimizers, penalties
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Array, Axis, Closed, Model

SCORES = {"accuracy": metrics.accuracy, "balanced_accuracy": metrics.balanced_accuracy}


def softmax_regression(classes: int) -> Fit:
    """Multinomial logistic regression on the flattened features, L-BFGS; strength "l2" on the
    weights of standardised features, relative to the variance of belonging to a class."""
    return make_fit(
        models.linear(classes),
        losses.cross_entropy,
        optimizers.lbfgs(),
        penalties.ridge(),
        Stop(max_steps=300, gradient=1e-3),
        scores=SCORES,
        standardise=True,
        relative=True,
    )


def network(model: Model, steps: int = 1000, batch: int = 64) -> Fit:
    """A classifier trained by Adam on cross-entropy in minibatches (the seed article's section
    5.2), decoupled "weight_decay"; the step size "learning_rate" falls to zero on a cosine."""
    return make_fit(
        model,
        losses.cross_entropy,
        Closed(_adam, (steps,)),
        stop=Stop(max_steps=steps, gradient=0, plateau=0),
        scores=SCORES,
        batch=batch,
    )


def region_cnn(classes: int, steps: int = 1000, batch: int = 64) -> Fit:
    """The seed article's network, section 5.2, as `network`."""
    return network(models.region_cnn(classes), steps, batch)


def identify(
    fit: Fit,
    x: ArrayLike,
    labels: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    seed: int = 0,
    **options: Any,
) -> Search:
    """Fits a classifier of areas, its hyper-parameters chosen on inner folds by accuracy.

    Args:
      fit: from this module, or any other with a score "accuracy".
      x: (sample, *feature) patches, maps or time courses.
      labels: (sample,) integers from 0.
      splits: what is held out and how the rest is split.
      grid: from `axes.grid`.
      seed: of the fits' random numbers.
      options: handed to `crossval.search`: `refit_axes=[axes.seeds(5)]`, lanes, progress, ...
    """
    inputs = make_inputs(x, labels, key=seed)
    return search(fit, inputs, (), splits, grid, score="accuracy", **options)


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
