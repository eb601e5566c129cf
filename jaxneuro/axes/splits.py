"""Folds: which samples are fitted, which are scored."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxneuro import splits
from jaxneuro.axes.parts import check_samples, labelled
from jaxneuro.sizes import grown
from jaxneuro.types import Array, Axis, Inputs


def folds(
    train,
    test=None,
    labels: Sequence | None = None,
    name: str = "fold",
    *,
    samples: int | None = None,
    y=None,
    groups=None,
) -> Axis:
    """One fit for each split into fitted and scored samples.

    Args:
      train: (fold, sample) weights of what is fitted, or anything with fields `train`, `test`
        (and `names`), such as `jaxneuro.splits` gives; or, with `samples`, a scikit-learn splitter
        or a list of pairs (indices to fit, indices to score).
      test: (fold, sample) weights of what is scored.
      labels: names of the folds.
      samples: how many there are, for splitters and lists of indices.
      y, groups: (sample,) for splitters that ask for them.

    A sample whose weight is already 0 (held out for good, or padding) is neither fitted nor scored.

    Raises:
      ValueError: names the fold that has no train or no test sample, or samples in both.

    >>> folds(splits.blocks(6, 3)).size
    3
    >>> folds([([0, 1], [2]), ([2], [0])], samples=3).size
    2
    """
    if test is None and not hasattr(train, "train"):
        train = _splits(name, train, samples, y, groups)
    if test is None:
        labels = labels or getattr(train, "names", None) or None
        train, test = train.train, train.test
    train, test = np.asarray(train, np.float32), np.asarray(test, np.float32)
    if train.ndim != 2 or train.shape != test.shape:
        raise ValueError(
            f"{name}: train {train.shape} and test {test.shape} must be (fold, sample)"
        )
    for i, (fitted, scored) in enumerate(zip(train, test, strict=True)):
        for part, values in (("train", fitted), ("test", scored)):
            if not np.isfinite(values).all() or (values < 0).any():
                raise ValueError(f"{name} {i}: the {part} part has weights that are not 0 or more")
            if not (values > 0).any():
                raise ValueError(f"{name} {i}: the {part} part is empty")
        if ((fitted > 0) & (scored > 0)).any():
            raise ValueError(f"{name} {i}: samples are in both train and test")
    select = Partial(_take_fold, *jax.device_put((train, test)))
    return Axis(name, len(train), select, labelled(name, len(train), labels), pad=_pad_folds)


def _splits(name: str, folds: Any, samples: int | None, y, groups) -> splits.Splits:
    if not hasattr(folds, "split") and not isinstance(folds, Sequence):
        raise TypeError(f"{name}: {folds!r} is no folds: pass what jaxneuro.splits gives, "
                        "a scikit-learn splitter, or a list of pairs of indices")  # fmt: skip
    if samples is None:
        raise ValueError(f"{name}: folds of indices need samples=, how many samples there are")
    if hasattr(folds, "split"):
        return splits.from_splitter(folds, samples, y, groups)
    return splits.from_indices(folds, samples)


def _take_fold(train: Array, test: Array, inputs: Inputs, index: Array) -> Inputs:
    check_samples("the folds are", train.shape[1], inputs)
    there = inputs.weight > 0
    return inputs._replace(
        weight=inputs.weight * train[index], held_out=jnp.where(there, test[index], 0)
    )


def _pad_folds(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    parts = [grown(part, samples, zeros=True) for part in axis.select.args]  # pyright: ignore
    return axis._replace(select=Partial(_take_fold, *parts)), inputs
