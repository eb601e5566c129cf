"""Anybody's data for the three jobs: one npz file, checked field by field before any fit."""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np

from jaxneuro.data.files import NPZ_LIMIT, PathLike, npz_names, read_npz
from jaxneuro.data.labels import categories, plain
from jaxneuro.data.targets import (
    COLUMNS,
    Fail,
    Kind,
    are_categories,
    class_labels,
    listed,
    numbers,
    targets,
)
from jaxneuro.data.types import Dataset

_OPTIONAL = ("groups", "trials", "stimulus", "test", "dt", "feature_names", "target_names",
             "licence", "citation")  # fmt: skip


def dataset_from_npz(path: PathLike, kind: Kind, limit: int = NPZ_LIMIT) -> Dataset:
    """Reads and checks `x`, `y` and, where present, what else is known of the samples.

    Fields of the file:
      x: (sample, *feature) numbers, finite; (sample,) is taken as one feature.
      y: `activity`: (sample, neuron) and `decoding`: (sample, output) numbers, where NaN marks a
        missing value and (sample,) is taken as one column; `areas`, and `decoding` of categories:
        (sample,) labels, as `as_labels` takes them.
      groups: (sample,) integers or strings: runs, subjects, blocks that folds may not split.
      trials: (sample,) integers or strings, of samples in order: no lag, filter or fold reaches
        over the edge of a trial.
      stimulus: (sample,) integers or strings: which stimulus was shown; repeats give ceilings.
      test: (sample,) bool: the held-out part.
      dt: seconds between samples, which are then one time series.
      feature_names, target_names: strings. licence, citation: one string each.

    In `decoding`, `y` is categories where it holds strings or booleans, or where it is one column
    of integers with at most 20 distinct values of which one occurs twice; else it is numbers. To
    choose by hand, save `y` as float for numbers, as strings for categories.

    Args:
      path: the file, as `np.savez` writes it.
      kind: the job, which decides what `y` must be.
      limit: the most bytes that these arrays may take in memory.

    Returns:
      A `Dataset`: labels and groups numbered 0, 1, ... in sorted order, with the labels as they
      were in `target_names`; what was decided or is odd in `notes`.

    Raises:
      FileNotFoundError: no such file.
      ValueError: what is wrong, naming file, field and what to do.
    """
    if kind not in COLUMNS:
        raise ValueError(f"kind must be one of {', '.join(COLUMNS)}, not {kind!r}.")

    def fail(field: str, problem: str) -> NoReturn:
        raise ValueError(f"{path}: field {field!r} {problem}")

    _check_names(npz_names(path), fail)
    read = read_npz(path, limit, only=("x", "y", *_OPTIONAL))  # others are free, and may be odd
    fields = {name: plain(value, f"{path}: field {name!r}") for name, value in read.items()}
    x, y, notes = fields["x"], fields["y"], list[str]()
    _check_lengths(x, y, fail)
    x = _features(x, fail)
    test = _test(fields["test"], len(x), fail) if "test" in fields else None
    given = _strings(fields.get("target_names"), "target_names", fail)
    labelled = kind == "areas" or (kind == "decoding" and are_categories(y))
    if labelled:
        y, target_names = class_labels(y, kind, given, test, f"{path}: field 'y'", fail, notes)
    else:
        y, target_names = targets(y, kind, given, test, fail, notes), given
    feature_names = _strings(fields.get("feature_names"), "feature_names", fail)
    if feature_names and len(feature_names) != x.shape[-1]:
        fail("feature_names", f"has {len(feature_names)} names for {x.shape[-1]} features.")
    return Dataset(
        name=Path(path).stem,
        x=x,
        y=y,
        groups=_groups("groups", fields, test, path, fail, notes),
        trials=_groups("trials", fields, test, path, fail, notes),
        stimulus=_numbered("stimulus", fields, path, fail),
        test=test,
        dt=_seconds(fields["dt"], fail) if "dt" in fields else None,
        feature_names=feature_names,
        target_names=target_names,
        licence=" ".join(_strings(fields.get("licence"), "licence", fail)),
        citation=" ".join(_strings(fields.get("citation"), "citation", fail)),
        categories=labelled,
        notes=tuple(notes),
    )


def _check_names(found: Collection[str], fail: Fail) -> None:
    """`x` and `y` are there, and no optional field is misspelt and so silently left out."""
    for name in ("x", "y"):
        if name not in found:
            there = ", ".join(sorted(found)) or "none"
            fail(name, f"is missing; found: {there}. Save with np.savez(file, x=..., y=...).")
    for name in set(found) - {"x", "y", *_OPTIONAL}:
        absent = [known for known in _OPTIONAL if known not in found]
        if meant := difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.8):
            fail(name, f"is not known; if it is {meant[0]!r}, name it so, or else leave it out.")


def _check_lengths(x: np.ndarray, y: np.ndarray, fail: Fail) -> None:
    if x.ndim == 0:
        fail("x", "is a single number; its first axis must be the samples.")
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


def _features(x: np.ndarray, fail: Fail) -> np.ndarray:
    x = numbers(x, "x", fail)
    if bad := int(np.count_nonzero(~np.isfinite(x))):
        where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
        problem = f"has {bad} values that are NaN or infinite, the first at {where}."
        fail("x", f"{problem} Fill them in, or leave out those samples or features.")
    return x[:, None] if x.ndim == 1 else x


def _groups(
    name: str,
    fields: Mapping[str, np.ndarray],
    test: np.ndarray | None,
    path: PathLike,
    fail: Fail,
    notes: list[str],
) -> np.ndarray | None:
    """Groups or trials, (sample,) int32 from 0; None where there are none, or no more than one."""
    numbered = _numbered(name, fields, path, fail)
    if numbered is None:
        return None
    if numbered.max() == 0:
        notes.append(f"{name} has one value only: the samples are split without {name}")
        return None
    if test is not None:
        both = np.intersect1d(numbered[test], numbered[~test])
        if both.size:
            names = categories(fields[name], name)[1]
            divided = listed([names[k] for k in both])
            notes.append(f"{name}: the test part divides {divided}, and so is not independent")
    return numbered


def _numbered(
    name: str, fields: Mapping[str, np.ndarray], path: PathLike, fail: Fail
) -> np.ndarray | None:
    """Labels as (sample,) int32 from 0, in sorted order; None where there are none. With missing
    ones (NaN, an empty string) they are floats, and these NaN."""
    if name not in fields:
        return None
    labels, samples = fields[name], len(fields["x"])
    if labels.shape not in ((samples,), (samples, 1)):
        fail(name, f"has shape {labels.shape}; it needs one entry for each of {samples}.")
    labels = labels.reshape(-1)
    missing = np.isnan(labels) if labels.dtype.kind == "f" else labels == ""
    if not np.any(missing) or np.all(missing):
        return categories(labels, f"{path}: field {name!r}")[0]
    found = np.full(samples, np.nan, np.float32)
    found[~missing] = categories(labels[~missing], f"{path}: field {name!r}")[0]
    return found


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
    """Names: strings, bytes, or integers such as the ids of neurons."""
    if values is None:
        return ()
    if values.dtype.kind not in "USiu" or values.ndim > 1:
        fail(field, f"has dtype {values.dtype} and shape {values.shape}; it must hold strings.")
    values = np.char.decode(values, "latin-1") if values.dtype.kind == "S" else values
    return tuple(map(str, np.atleast_1d(values)))
