"""Job 2, brain area identification: imaging data -> functional area or category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from jaxneuro import models
from jaxneuro.classify.fits import SCORES, linear_svm, network, softmax_regression
from jaxneuro.fit import Fit
from jaxneuro.inputs import make_inputs
from jaxneuro.selection.search import Search, search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis

__all__ = ["SCORES", "identify_one", "linear_svm", "network", "region_cnn", "softmax_regression"]


def region_cnn(classes: int, steps: int = 1000, batch: int = 64) -> Fit:
    """The seed article's network, section 5.2, as `network`."""
    return network(models.region_cnn(classes), steps, batch)


def identify_one(
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
