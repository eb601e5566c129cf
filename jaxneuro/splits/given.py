"""Folds that somebody else made: pairs of indices, or a splitter of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.splits.parts import check_integer, checked
from jaxneuro.splits.types import Splits


def from_indices(pairs: Iterable[tuple[ArrayLike, ArrayLike]], samples: int) -> Splits:
    """Folds from pairs of (train indices, test indices), the form of scikit-learn's splits.

    An index that occurs twice in a part (a bootstrap) has weight 2 there. Samples may be in neither
    part of a fold.

    Args:
      pairs: one for each fold: indices 0, ..., samples - 1, or bool masks (sample,).
      samples: how many there are.

    Returns:
      Splits named "0", "1", ... in the order of the pairs.

    Raises:
      ValueError: names the fold that has no train or no test samples, samples in both, or indices
        that are none.

    >>> from_indices([([0, 1], [2]), ([2], [0])], samples=3).test.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    check_integer("samples", samples, least=1)
    rows = [_pair_weights(pair, fold, samples) for fold, pair in enumerate(pairs)]
    if not rows:
        raise ValueError("pairs holds no fold: it needs (train indices, test indices) for each")
    train, test = (np.stack(part) for part in zip(*rows, strict=True))
    return checked(Splits(train, test, tuple(str(k) for k in range(len(rows)))), "pairs")


def from_splitter(
    splitter: Any, samples: int, labels: ArrayLike | None = None, groups: ArrayLike | None = None
) -> Splits:
    """Folds of a scikit-learn splitter, or of anything else with `split(x, labels, groups)`.

    Args:
      splitter: such as `StratifiedGroupKFold(5)`; it is given a column of zeros for x.
      samples: how many there are.
      labels: (sample,), for splitters that look at classes.
      groups: (sample,), for splitters that look at groups.

    Raises:
      ValueError: what the splitter raises, with its name before it; or its folds are not sound, as
        in `from_indices`.
    """
    split: Any = getattr(splitter, "split", None)
    name = type(splitter).__name__
    if isinstance(splitter, str | bytes | type) or not callable(split):
        raise ValueError(f"splitter is {splitter!r}: it needs a method split(x, labels, groups)")
    check_integer("samples", samples, least=1)
    given = [np.zeros((samples, 1)), labels, groups]
    while given[-1] is None:  # a splitter of one's own may take x alone
        given.pop()
    try:
        folds: Any = split(*given)
        pairs = list(folds)  # most splitters are generators, which raise only here
    except (TypeError, ValueError) as error:
        missing = [k for k, v in (("labels", labels), ("groups", groups)) if v is None]
        hint = f" (not given: {' and '.join(missing)})" if missing else ""
        raise ValueError(f"{name}.split: {error}{hint}") from error
    try:
        return from_indices(pairs, samples)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _pair_weights(pair: Any, fold: int, samples: int) -> list[NDArray[np.float32]]:
    """Train and test weights, each (sample,), of one pair of indices."""
    try:
        parts = list(pair)
    except TypeError:
        parts = []
    if len(parts) != 2:
        raise ValueError(f"pairs: fold {fold} is not a pair of (train indices, test indices)")
    rows = []
    for what, part in zip(("train", "test"), parts, strict=True):
        index = np.asarray(part)
        if index.dtype == bool and index.shape == (samples,):
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise ValueError(
                f"pairs: the {what} part of fold {fold} has dtype {index.dtype} and shape "
                f"{index.shape}; it must be a list of indices or a bool mask (sample,)"
            )
        if (outside := index[(index < 0) | (index >= samples)]).size:
            raise ValueError(
                f"pairs: the {what} part of fold {fold} has index {outside[0]}, which is not one "
                f"of {samples} samples"
            )
        rows.append(np.bincount(index.astype(np.intp), minlength=samples).astype(np.float32))
    return rows
