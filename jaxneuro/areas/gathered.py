"""A searchlight by classifiers that are fitted anew to each sphere, fold and permutation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxneuro.areas.neighbours import Neighbours
from jaxneuro.classify.epochs import Epochs
from jaxneuro.classify.run import Run
from jaxneuro.sizes import bucket, grown
from jaxneuro.splits import NestedSplits, Splits

_GATHERED = 2**26  # bytes of the spheres of one block


def gathered(
    x: NDArray[np.float32],
    labels: NDArray[np.int32],
    outer: Splits,
    inner: NestedSplits | None,
    neighbours: Neighbours,
    decoder: str,
    l2: Any,
    classes: int,
    tell: Callable[[int], None],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(permutation, centre) weight of held-out samples that are taken for what `labels`
    (permutation, sample) say; and (fold, centre) of the first of them. Spheres are laid out as the
    windows of epochs, a block at a time."""
    samples, width = len(x), bucket(neighbours.index.shape[1])
    size = min(bucket(len(neighbours)), max(8, _GATHERED // (4 * width * samples)))
    right = np.zeros((len(labels), len(neighbours)), np.float32)
    by_fold = np.zeros((len(outer.names), len(neighbours)), np.float32)
    strengths = np.sort(np.atleast_1d(np.float32(l2)))[::-1] if decoder == "logistic" else []
    padded = np.concatenate([x, np.zeros((samples, 1), np.float32)], axis=1)
    for first in range(0, len(neighbours), size):
        own = neighbours.index[first : first + size]
        index = np.full((size, width), -1)  # the last column: zeros
        index[: len(own), : own.shape[1]] = own
        spheres = grown(padded[:, index].swapaxes(0, 1), bucket(samples), 1, zeros=True)
        epochs = Epochs(
            jax.device_put(spheres), np.zeros(size, bool), labels[0], np.arange(classes)
        )
        run = Run(epochs, outer, inner, decoder, np.asarray(strengths, np.float32), True)
        kept = slice(first, first + len(own))
        by_fold[:, kept] = run.observed()[1][: len(own)].T
        right[0, kept] = by_fold[:, kept].sum(axis=0)
        if len(labels) > 1:
            right[1:, kept] = np.concatenate(list(run.null(labels[1:])))[:, : len(own)]
        tell(len(own) * len(labels) * len(outer.names))
    return right, by_fold
