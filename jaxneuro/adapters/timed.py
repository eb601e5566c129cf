"""Files of things with times: units, signals and intervals, brought onto one clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.adapters.chosen import find, named, x_and_y
from jaxneuro.adapters.clock import Fields, Thing, on_one_clock
from jaxneuro.adapters.kilosort import read_kilosort
from jaxneuro.adapters.matlab import read_mat73
from jaxneuro.adapters.npy import read_npy
from jaxneuro.adapters.nwb import _opened as opened_nwb
from jaxneuro.adapters.nwb import nwb_contents, nwb_series, nwb_table, nwb_units
from jaxneuro.adapters.signals import signals
from jaxneuro.adapters.suite2p import read_suite2p
from jaxneuro.data.files import is_mat73, read_csv, read_mat
from jaxneuro.data.labels import plain


def of_mat(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
    known = dict(_variables(read_mat73(path) if is_mat73(path) else read_mat(path)))
    holds = ", ".join(f"{name} ({len(value)} units)" if isinstance(value, dict)
                      else f"{name} {value.shape}" for name, value in known.items())  # fmt: skip
    names = named(path, known, picks, holds)
    if bin is None and not any(isinstance(known[names[role]], dict) for role in "xy"):
        return {role: known[name] for role, name in names.items()}  # type: ignore[misc]
    if odd := sorted(set(names) - {"x", "y", "dt", "feature_names", "target_names"}):
        raise ValueError(f"{path}: {odd[0]} has a value for each sample, and not for each bin")
    dt = np.asarray(known.get("dt", np.nan))

    def timed(value: Any) -> Thing:
        if isinstance(value, dict):
            return value
        if dt.size != 1 or not 0 < float(dt.item()) < np.inf:
            raise ValueError(f"{path}: --bin needs a variable dt, the seconds between samples")
        value = value.reshape(len(value), -1)
        return signals(value, np.arange(len(value)) * float(dt.item()), range(value.shape[1]),
                       str(path))  # fmt: skip

    return on_one_clock(path, timed(known[names["x"]]), timed(known[names["y"]]), None, None, bin)


def _variables(found: Any, prefix: str = "") -> Any:
    """(name, value) of arrays and of cells of spike times; structs become their fields."""
    for name, value in found.items():
        fields = {f: getattr(value, f) for f in getattr(value, "_fieldnames", ())} or value
        if isinstance(fields, dict):
            yield from _variables(fields, f"{prefix}{name}.")
            continue
        objects = isinstance(value, np.ndarray) and value.dtype.kind == "O"
        cells = list(value.flat) if objects else value if isinstance(value, list) else ()
        numeric = all(isinstance(cell, np.ndarray | float | int) for cell in cells)
        if numeric and any(isinstance(cell, np.ndarray) for cell in cells):
            times = (np.asarray(cell, np.float64).ravel() for cell in cells)
            yield prefix + name, {str(k): time for k, time in enumerate(times)}
            continue
        try:
            yield prefix + name, plain(value, name)
        except ValueError:  # what is no array is not asked for
            continue


def of_nwb(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
    with opened_nwb(path) as content:  # once, since this takes longer than all else
        return _from_nwb(path, content, picks, bin)


def _from_nwb(
    path: Path, content: Any, picks: Mapping[str, str | None], bin: float | None
) -> Fields:  # fmt: skip
    table = nwb_contents(content)
    rows = list(zip(table["name"].tolist(), table["kind"].tolist(), table["shape"], strict=True))
    tables = {name: nwb_table(content, name) for name, kind, _ in rows if kind == "intervals"}
    own = ("id", "start_time", "stop_time")
    clear = [name for name, kind, _ in rows if kind != "intervals"]
    columns = {f"{name}/{column}": (name, values) for name, held in tables.items()
               for column, values in held.items() if column not in own}  # fmt: skip
    series = [f"{name} {shape}" for name, kind, shape in rows if kind not in ("units", "intervals")]
    holds = ", ".join([
        *(name for name in clear if name == "units"),
        *(f"{name} (columns {', '.join(c for c in held if c not in own)})"
          for name, held in tables.items()),
        *([f"time series {', '.join(series)}"] if series else []),
    ])  # fmt: skip
    names = dict(zip("xy", x_and_y(path, picks, clear, holds, columns), strict=True))
    if picks["groups"] is not None:
        names["groups"] = find(path, picks["groups"], columns, holds)
    spans = {columns[name][0] for name in names.values() if name in columns}
    if picks["trials"] is not None:
        spans.add(find(path, picks["trials"], tables, holds))
    if len(spans) > 1:
        raise ValueError(f"{path}: {' and '.join(sorted(spans))} are tables of different intervals")
    span = tables[spans.pop()] if spans else None

    def thing(name: str) -> Thing:
        if name in columns:
            return columns[name][1]
        return nwb_units(content) if name == "units" else nwb_series(content, name)

    groups = columns[names["groups"]][1] if "groups" in names else None
    between = None if span is None else np.stack([span["start_time"], span["stop_time"]], axis=1)
    return on_one_clock(path, thing(names["x"]), thing(names["y"]), between, groups, bin)


def of_folder(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
    own: Mapping[str, Callable[[], Thing]]
    if (path / "spike_times.npy").is_file():
        own = {"units": lambda: read_kilosort(path), "all": lambda: read_kilosort(path, keep=None)}
        default, holds = "units", "units (the good ones), all (of them)"
    elif (path / "F.npy").is_file():
        own = {"cells": lambda: read_suite2p(path, 1 / (bin or 1.0))}
        default = holds = "cells"
    else:
        raise ValueError(f"{path}: neither spike_times.npy of Kilosort nor F.npy of suite2p")
    if bin is None or picks["trials"] is not None or picks["groups"] is not None:
        raise ValueError(f"{path}: this folder holds {holds}: say --bin SECONDS, and neither "
                         "--trials nor --groups")  # fmt: skip
    if [picks["x"] in (None, *own), picks["y"] in (None, *own)].count(True) != 1:
        raise ValueError(f"{path}: this folder holds {holds}: say one of --x and --y as a FILE.csv "
                         "(time in seconds first) or FILE.npy (a row for each bin)")  # fmt: skip

    def thing(name: str | None) -> Thing:
        if name is None or name in own:
            return own[name or default]()
        if name.endswith(".npy"):
            return np.array(read_npy(Path(name), "biuf"))
        heads, values = read_csv(name)
        return signals(values[:, 1:], values[:, 0], heads[1:], name)

    return on_one_clock(path, thing(picks["x"]), thing(picks["y"]), None, None, bin)
