"""Anybody's data for the three jobs: one npz file, checked field by field before any fit."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from jaxneuro.data.files import NPZ_LIMIT, PathLike, read_npz
from jaxneuro.data.types import Dataset

Kind = Literal["activity", "areas", "decoding"]
_COLUMNS = {"activity": "neuron", "areas": "class", "decoding": "output"}
_OPTIONAL = ("groups", "test", "dt", "feature_names", "target_names", "licence", "citation")

Fail = Callable[[str, str], NoReturn]


def dataset_from_npz(path: PathLike, kind: Kind, limit: int = NPZ_LIMIT) -> Dataset:
    """Reads and checks `x`, `y` and, where present, `groups`, `test`, `dt` and names.

    Fields of the file:
      x: (sample, *feature) numbers, finite; (sample,) is taken as one feature.
      y: `activity`: (sample, neuron), `decoding`: (sample, output), where NaN marks a missing value
        and (sample,) is taken as one column; `areas`: (sample,) integer labels.
      groups: (sample,) integers or strings: runs, subjects, blocks that folds may not split.
      test: (sample,) bool: the held-out part.
      dt: seconds between samples, which are then one time series.
      feature_names, target_names: strings. licence, citation: one string each.

    Args:
      path: the file, as `np.savez` writes it.
      kind: the job, which decides what `y` must be.
      limit: the most bytes that the arrays may take in memory.

    Returns:
      A `Dataset`: labels and groups numbered 0, 1, ... in sorted order, with the labels as they
      were in `target_names`.

    Raises:
      FileNotFoundError: no such file.
      ValueError: what is wrong, naming file, field and what to do.
    """
    if kind not in _COLUMNS:
        raise ValueError(f"kind must be one of {', '.join(_COLUMNS)}, not {kind!r}.")
    fields = read_npz(path, limit)

    def fail(field: str, problem: str) -> NoReturn:
        raise ValueError(f"{path}: field {field!r} {problem}")

    _check_names(fields, fail)
    x, y = _numbers(fields["x"], "x", fail), fields["y"]
    x = x[:, None] if x.ndim == 1 else x
    _check_lengths(x, y, fail)
    if bad := int(np.count_nonzero(~np.isfinite(x))):
        where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
        problem = f"has {bad} values that are NaN or infinite, the first at {where}."
        fail("x", f"{problem} Fill them in, or leave out those samples or features.")
    test = _test(fields["test"], len(x), fail) if "test" in fields else None
    target_names = _strings(fields.get("target_names"), "target_names", fail)
    if kind == "areas":
        y, names = _labels(y, test, fail)
        if target_names and len(target_names) != len(names):
            fail("target_names", f"has {len(target_names)} names for {len(names)} classes.")
        target_names = target_names or names
    else:
        y = _targets(y, kind, fail)
        if target_names and len(target_names) != y.shape[1]:
            fail("target_names", f"has {len(target_names)} names for {y.shape[1]} columns of y.")
    feature_names = _strings(fields.get("feature_names"), "feature_names", fail)
    if feature_names and len(feature_names) != x.shape[-1]:
        fail("feature_names", f"has {len(feature_names)} names for {x.shape[-1]} features.")
    return Dataset(
        name=Path(path).stem,
        x=x,
        y=y,
        groups=_groups(fields["groups"], len(x), fail) if "groups" in fields else None,
        test=test,
        dt=_seconds(fields["dt"], fail) if "dt" in fields else None,
        feature_names=feature_names,
        target_names=target_names,
        licence=" ".join(_strings(fields.get("licence"), "licence", fail)),
        citation=" ".join(_strings(fields.get("citation"), "citation", fail)),
    )


def _check_names(fields: Mapping[str, np.ndarray], fail: Fail) -> None:
    """`x` and `y` are there, and no optional field is misspelt and so silently left out."""
    for name in ("x", "y"):
        if name not in fields:
            found = ", ".join(sorted(fields)) or "none"
            fail(name, f"is missing; found: {found}. Save with np.savez(file, x=..., y=...).")
    for name in set(fields) - {"x", "y", *_OPTIONAL}:
        absent = [known for known in _OPTIONAL if known not in fields]
        if meant := difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.8):
            fail(name, f"is not known; if it is {meant[0]!r}, name it so, or else leave it out.")


def _check_lengths(x: np.ndarray, y: np.ndarray, fail: Fail) -> None:
    if len(x) == 0:
        fail("x", "has no samples.")
    if x.size == 0:
        fail("x", f"has shape {x.shape}: no features.")
    if y.ndim == 0:
        fail("y", "is a single number; it needs one row for each sample of x.")
    if len(x) != len(y):
        if y.ndim == 2 and y.shape[1] == len(x):
            fail("y", f"has shape {y.shape} for {len(x)} samples of x: transposed? Save y.T.")
        if x.ndim == 2 and x.shape[1] == len(y):
            fail("x", f"has shape {x.shape} for {len(y)} samples of y: transposed? Save x.T.")
        fail("y", f"has {len(y)} samples and x has {len(x)}. Both need the samples first.")


def _numbers(values: np.ndarray, field: str, fail: Fail) -> np.ndarray:
    """`values` as float32, or failure for anything but real numbers."""
    if values.dtype.kind not in "biuf":
        fail(field, f"has dtype {values.dtype}, not real numbers. Save it as float32.")
    if values.ndim == 0:
        fail(field, "is a single number; its first axis must be the samples.")
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, which the caller reports
        return values.astype(np.float32)


def _targets(y: np.ndarray, kind: Kind, fail: Fail) -> np.ndarray:
    y = _numbers(y, "y", fail)
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or y.shape[1] == 0:
        fail("y", f"has shape {y.shape}; {kind} needs (sample, {_COLUMNS[kind]}).")
    if np.isinf(y).any():
        fail("y", "has infinite values. Write NaN where a value is missing.")
    if (empty := np.isnan(y).all(axis=0)).any():
        fail("y", f"has no value at all in column {int(np.argmax(empty))}. Leave it out.")
    return y


def _labels(
    y: np.ndarray, test: np.ndarray | None, fail: Fail
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as (sample,) int32 from 0, and what each was before."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        fail("y", f"has shape {y.shape}; areas needs one integer label for each sample.")
    if y.dtype.kind not in "biuf" or not np.all(np.isfinite(y)) or np.any(y != np.round(y)):
        fail("y", f"({y.dtype}) must hold integer labels: number the classes 0, 1, 2, ...")
    names, labels = np.unique(y.astype(np.int64), return_inverse=True)
    fitted = labels if test is None else labels[~test]
    if len(np.unique(fitted)) < 2:
        where = "" if test is None else " outside the test part"
        fail("y", f"has one class only{where}; there is nothing to tell apart.")
    return labels.astype(np.int32), tuple(map(str, names))


def _groups(groups: np.ndarray, samples: int, fail: Fail) -> np.ndarray:
    if groups.shape != (samples,):
        fail("groups", f"has shape {groups.shape}; it needs one entry for each of {samples}.")
    if groups.dtype.kind not in "biufUS" or (
        groups.dtype.kind == "f" and not np.all(groups == np.round(groups))
    ):
        fail("groups", f"({groups.dtype}) must hold integers or strings without NaN.")
    return np.unique(groups, return_inverse=True)[1].astype(np.int32)


def _test(test: np.ndarray, samples: int, fail: Fail) -> np.ndarray:
    if test.shape != (samples,):
        fail("test", f"has shape {test.shape}; it needs one bool for each of {samples} samples.")
    if test.dtype.kind not in "biuf" or not np.all((test == 0) | (test == 1)):
        fail("test", f"({test.dtype}) must be bool: True for held-out samples. It is no index.")
    test = test.astype(bool)
    if not test.any():
        fail("test", "is False everywhere: mark the held-out samples, or leave the field out.")
    if test.all():
        fail("test", "is True everywhere: nothing is left to fit.")
    return test


def _seconds(dt: np.ndarray, fail: Fail) -> float:
    if dt.size != 1 or dt.dtype.kind not in "iuf" or not 0 < float(dt.item()) < np.inf:
        fail("dt", f"is {dt.tolist()!r}; it must be one positive number of seconds.")
    return float(dt.item())


def _strings(values: np.ndarray | None, field: str, fail: Fail) -> tuple[str, ...]:
    if values is None:
        return ()
    if values.dtype.kind != "U" or values.ndim > 1:
        fail(field, f"has dtype {values.dtype} and shape {values.shape}; it must hold strings.")
    return tuple(map(str, np.atleast_1d(values)))
