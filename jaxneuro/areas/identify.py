"""One call: areas or categories out of images of the brain, by several classifiers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, overload

from numpy.typing import ArrayLike

from jaxneuro.areas import fits
from jaxneuro.areas.contenders import suited
from jaxneuro.areas.identified import Identified
from jaxneuro.areas.samples import make_samples
from jaxneuro.compare.comparison import compare
from jaxneuro.compare.contender import Competitor
from jaxneuro.fit import Fit
from jaxneuro.selection.search import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis


@overload
def identify(
    x: ArrayLike,
    labels: ArrayLike,
    /,
    *,
    groups: ArrayLike | None = None,
    test: ArrayLike | None = None,
    dt: float | None = None,
    classifiers: Mapping[str, Competitor] | None = None,
    balanced: bool = False,
    folds: int = 3,
    resamples: int = 999,
    seed: int = 0,
    progress: bool | None = None,
) -> Identified: ...


@overload
def identify(
    fit: Fit,
    x: ArrayLike,
    labels: ArrayLike,
    splits: NestedSplits,
    grid: Sequence[Axis],
    *,
    seed: int = 0,
    **options: Any,
) -> Search: ...


def identify(*given: Any, **options: Any) -> Any:
    """Which area or category a piece of imaging data is of: by which classifier, and how surely.

    `identify(x, labels, groups=run)` compares classifiers on identical folds. Each group is held
    out once (leave one run, or one subject, out), so that every sample is predicted by fits that
    saw nothing of its group; the numbers that a classifier leaves open are chosen on inner folds of
    the other groups, and so is the classifier, in each outer fold by its own inner scores alone. A
    choice by the mean of all outer folds would have seen what each holds out. Features are scaled,
    screened and reduced by what each fold fits. Results say in `notes` what was decided, and why.

    `identify(fit, x, labels, splits, grid)` fits one classifier, a `Fit` of this module or any
    other, over folds of one's own: `areas.identify_one`, which says what it takes.

    Args:
      x: (sample, *feature) patterns, maps or connections; images (sample, row, column, channel) and
        volumes (sample, i, j, k, channel) are also given to convolutional networks; finite.
      labels: (sample,) strings, booleans or whole numbers.
      groups: (sample,) runs, subjects or sessions, each held out once; of more than 20, a tenth of
        them at a time. None: a fifth of the samples is held out.
      test: (sample,) bool, the held-out part as the data's authors chose it, in place of these.
      dt: seconds between samples, which are then one time series: without groups, its end is held
        out, and folds keep a gap of 5 samples.
      classifiers: by name, functions of a `Recording`, such as `areas.contenders.svm()`; None: what
        suits the data, without networks where they would take long.
      balanced: classes weigh alike in every fit, and balanced accuracy is what chooses and is
        scored.
      folds: inner ones.
      resamples: of the intervals and p-values, fewer of large recordings. Labels are permuted
        within groups.
      seed: of all that is random.
      progress: see `fit_many`.

    Returns:
      `Identified`; of a single `Fit` a `Search`.

    Raises:
      ValueError: a field of another shape or kind, by name.
    """
    if (given and isinstance(given[0], Fit)) or "fit" in options:
        return fits.identify_one(*given, **options)
    return _compare(*given, **options)


def _compare(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    test: ArrayLike | None = None,
    dt: float | None = None,
    classifiers: Mapping[str, Competitor] | None = None,
    balanced: bool = False,
    folds: int = 3,
    resamples: int = 999,
    seed: int = 0,
    progress: bool | None = None,
) -> Identified:
    notes: list[str] = []
    samples = make_samples(x, labels, groups=groups, test=test, dt=dt, balanced=balanced,
                           folds=folds, seed=seed, progress=progress, notes=notes)  # fmt: skip
    known = dict(classifiers) if classifiers is not None else suited(samples, notes)
    return compare(Identified, samples, known, resamples=resamples, notes=notes, dt=dt)


identify.__signature__ = inspect.signature(_compare)  # pyright: ignore  # what `help` shows
