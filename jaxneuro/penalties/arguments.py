"""The arguments of penalties, checked, as they are kept: so that equal ones are equal."""

import math
from numbers import Real
from typing import Any

import numpy as np

from jaxneuro.penalties.contract import Where


def common(penalty: str, strength: Any, where: Where) -> tuple[str | float, Where]:
    """The arguments of every penalty.

    Raises:
      TypeError, ValueError: name the penalty, the argument and what it was.
    """
    return checked_strength(penalty, strength), checked_where(penalty, where)


def checked_strength(penalty: str, strength: Any, name: str = "strength") -> str | float:
    """A number from 0, or the name of a hyper-parameter."""
    if isinstance(strength, str):
        return strength
    strength = number(penalty, name, strength, "or the name of a hyper-parameter; for many, a name "
                      "and axes.grid(name=[...])")  # fmt: skip
    if strength < 0:
        raise ValueError(f"{penalty}: {name} is {strength}, must be 0 or more")
    return strength


def checked_where(penalty: str, where: Where) -> Where:
    """A function with a hash."""
    if not callable(where):
        raise TypeError(
            f"{penalty}: where is {where!r:.80}, must be a function (path, leaf) -> bool such as "
            "penalties.kernels"
        )
    try:
        hash(where)
    except TypeError:
        where = where.__call__  # a bound method has a hash, and is equal for the same object only
    return where


def number(penalty: str, name: str, value: Any, otherwise: str = "") -> float:
    """A finite number, as a float, so that 1 and 1.0 make the same program."""
    remedy = f"must be a finite number {otherwise}".rstrip()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{penalty}: {name} is {value!r:.80}, {remedy}")
    if not math.isfinite(value):
        raise ValueError(f"{penalty}: {name} is {value}, {remedy}")
    return float(value)


def numbered(penalty: str, groups: Any) -> tuple[list, tuple[int, ...]]:
    """The labels of groups in order, and of each feature the number of its group, from 0.

    Raises:
      TypeError, ValueError: labels that cannot be put in order, or none.
    """
    groups = np.asarray(groups)
    try:
        labels, place = np.unique(groups, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"{penalty}: groups is {groups!r:.80}, must be labels of one kind, strings or numbers"
        ) from error
    if not groups.size:
        raise ValueError(f"{penalty}: groups is empty, must name the group of each feature of x")
    return labels.tolist(), tuple(place.ravel().tolist())
