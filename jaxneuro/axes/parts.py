"""What the axes share."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxneuro.types import Axis, Inputs


def unchanged(inputs: Inputs, index: Any) -> Inputs:
    """The `select` of an axis that changes nothing but the key."""
    del index
    return inputs


def as_given(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    """The `pad` of an axis that has nothing for each sample."""
    del samples
    return axis, inputs


def positive(name: str, size: int) -> int:
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"axis {name!r}: size is {size}, must be a whole number from 1")
    return int(size)


def labelled(name: str, size: int, labels: Sequence | None) -> tuple | None:
    if labels is None:
        return None
    if len(labels) != size:
        raise ValueError(f"axis {name!r}: {len(labels)} labels for {size} indices")
    return tuple(labels)


def check_samples(what: str, samples: int, inputs: Inputs) -> None:
    if samples != inputs.weight.shape[0]:
        raise ValueError(f"{what} for {samples} samples, and there are {inputs.weight.shape[0]}")
