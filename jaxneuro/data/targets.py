"""What is predicted, out of a file: numbers or categories, and which of the two they are."""

from collections.abc import Callable, Collection
from typing import Literal, NoReturn

import numpy as np

from jaxneuro.data.labels import as_labels, is_one_hot

Kind = Literal["activity", "areas", "decoding"]
COLUMNS = {"activity": "neuron", "areas": "class", "decoding": "output"}
FEW = 20  # distinct integers that are still taken as categories, and names that a note lists

Fail = Callable[[str, str], NoReturn]  # takes a field and what is wrong with it


def numbers(values: np.ndarray, field: str, fail: Fail) -> np.ndarray:
    """`values` as float32 if that holds them exactly, else float64; failure if no real numbers."""
    if values.dtype.kind not in "biuf":
        fail(field, f"has dtype {values.dtype}, not real numbers. Save it as float64 or float32.")
    exact = np.can_cast(values.dtype, np.float32, "safe")
    with np.errstate(over="ignore"):
        made = values.astype(np.float32 if exact else np.float64)
    wide = values.dtype.kind == "f" and values.dtype.itemsize > 8  # longdouble reaches further
    if wide and (beyond := int(np.count_nonzero(np.isinf(made) & np.isfinite(values)))):
        fail(field, f"has {beyond} values beyond the range of float64. Rescale them.")
    return made


def targets(
    y: np.ndarray,
    kind: Kind,
    names: tuple[str, ...],
    test: np.ndarray | None,
    fail: Fail,
    notes: list[str],
) -> np.ndarray:
    """Numbers to predict, (sample, column); what has no value is noted."""
    if kind == "decoding" and y.dtype.kind in "iu" and y.size == len(y):
        count = len(np.unique(y))
        notes.append(
            f"y ({y.dtype}) has {count} distinct values and is taken as numbers: save it as "
            "strings if they are categories"
        )
    y = numbers(y, "y", fail)
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or y.shape[1] == 0:
        fail("y", f"has shape {y.shape}; {kind} needs (sample, {COLUMNS[kind]}).")
    if np.isinf(y).any():
        fail("y", "has infinite values. Write NaN where a value is missing.")
    if names and len(names) != y.shape[1]:
        fail("target_names", f"has {len(names)} names for {y.shape[1]} columns of y.")
    known = ~np.isnan(y)
    if not known.any():
        fail("y", "has no value at all: everything is NaN.")
    if test is not None and not known[~test].any():
        fail("y", "has no value outside the test part: nothing is left to fit.")
    empty = np.asarray(np.isnan(y).all(axis=0))
    _note_empty(empty, "at all", kind, notes)
    if test is not None:
        _note_empty(np.isnan(y[~test]).all(axis=0) & ~empty, "outside the test part", kind, notes)
    return y


def _note_empty(empty: np.ndarray, where: str, kind: Kind, notes: list[str]) -> None:
    columns = np.flatnonzero(empty)
    if columns.size:
        one = columns.size == 1
        names = listed([str(k) for k in columns])
        told = f"y: column{'s' * (not one)} {names} {'has' if one else 'have'} no value {where}"
        status = f": {'its' if one else 'their'} status will be bad_data"
        notes.append(told + (status if kind == "activity" else ": nothing is known of it"))


def listed(names: Collection[str]) -> str:
    """The first of the names, and how many more there are."""
    rest = len(names) - FEW
    return ", ".join(list(names)[:FEW]) + (f" and {rest} more" if rest > 0 else "")


def are_categories(y: np.ndarray) -> bool:
    """Whether `y` of a decoding is taken as categories; `dataset_from_npz` says by what rule."""
    flat = y.size == len(y)
    if y.dtype.kind == "b":
        return flat or (y.ndim == 2 and bool(is_one_hot(y).all()))
    if y.dtype.kind in "iu" and flat:
        counts = np.unique(y, return_counts=True)[1]
        return len(counts) <= FEW and counts.max() > 1
    return y.dtype.kind in "US"


def class_labels(
    y: np.ndarray,
    kind: Kind,
    given: tuple[str, ...],
    test: np.ndarray | None,
    field: str,
    fail: Fail,
    notes: list[str],
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as (sample,) int32 from 0, and the names of the classes."""
    labels, found = as_labels(y, field)
    names = _class_names(found, given, y.dtype.kind in "US", fail, notes)
    notes.append(f"y has {len(names)} categories: {listed(names)}")
    if kind == "decoding" and y.dtype.kind in "iu":
        notes[-1] += f" (it is {y.dtype}: save it as float if these are numbers)"
    if test is not None:
        fitted = np.unique(labels[~test])
        if len(fitted) < 2:
            fail("y", "has one class only outside the test part; there is nothing to tell apart.")
        if unseen := [name for k, name in enumerate(names) if k not in fitted]:
            notes.append(f"y: {listed(unseen)} only in the test part: no fit can know of it")
    return labels, names


def _class_names(
    found: tuple[str, ...], given: tuple[str, ...], strings: bool, fail: Fail, notes: list[str]
) -> tuple[str, ...]:
    """What to call the classes `found`: by the `target_names` of the file, if it has any."""
    if not given or (strings and set(given) == set(found)):  # in another order: no renaming
        return found
    if len(given) != len(found):
        # Numbers that leave some out, or columns of one-hot rows without a 1: names by number.
        places = [int(name) for name in found if name.isdecimal()]
        if strings or len(places) < len(found) or max(places) >= len(given):
            fail("target_names", f"has {len(given)} names for {len(found)} classes.")
        return tuple(given[place] for place in places)
    if strings:
        pairs = [f"{old} is called {new}" for old, new in zip(found, given, strict=True)]
        notes.append(f"target_names: {listed(pairs)}")
    return given
