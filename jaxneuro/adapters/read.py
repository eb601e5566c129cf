"""One table out of any file: what is clear is taken, and what is not is asked for by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.adapters.clock import Fields, Thing, on_one_clock
from jaxneuro.adapters.kilosort import read_kilosort
from jaxneuro.adapters.matlab import read_mat73
from jaxneuro.adapters.mne import from_mne_epochs
from jaxneuro.adapters.npy import read_npy
from jaxneuro.adapters.nwb import _opened as opened_nwb
from jaxneuro.adapters.nwb import nwb_contents, nwb_series, nwb_table, nwb_units
from jaxneuro.adapters.signals import signals
from jaxneuro.adapters.suite2p import read_suite2p
from jaxneuro.data.files import is_mat73, npz_names, read_csv, read_mat, read_npz
from jaxneuro.data.labels import plain
from jaxneuro.extras import needed

_OWN = ("groups", "trials", "stimulus", "test", "dt", "feature_names", "target_names")
_EPOCHS = ("-epo.fif", "_epo.fif", "-epo.fif.gz", "_epo.fif.gz")


def read(
    path: str | os.PathLike[str],
    x: str | None = None,
    y: str | None = None,
    trials: str | None = None,
    groups: str | None = None,
    bin: float | None = None,
) -> Fields:
    """`x`, `y` and what else is known of the samples, under the names of `dataset_from_npz`.

    By the ending of the path:
      .npz, .mat: variables (`a.b` is field b of struct a), by default those of these names. Of .mat
        also cells of spike times, with `bin`; other variables then have `dt` in the file, from 0 s.
      .csv: columns of numbers; several of them parted by commas.
      .nwb: "units", a time series, or a column of a table of intervals, such as "trials/side". With
        `trials`, a table, nothing outside of its rows is taken. A column without `bin` makes one
        sample of each row: spikes a second, means of signals.
      -epo.fif: MNE's epochs, x (trial, time, channel). `x` are channels as `pick` takes them, such
        as "eeg"; `y` and `groups` are columns of the metadata, or `y` the names of the events.
      a folder of Kilosort or phy: "units", which are the good ones, or "all"; of suite2p: "cells".
        The other one of x and y is a FILE.csv whose first column is time in seconds, or a FILE.npy
        with a row for each bin or frame.

    Args:
      path: the file or folder.
      x: name of what predicts.
      y: name of what is predicted. Of x and y, one may be left out where one thing is left.
      trials: name of what no lag reaches over.
      groups: name of what no fold divides.
      bin: seconds of a bin: spikes are counted, signals brought to its centre (means of those
        sampled twice as finely or more); bins of which x or all of y is not known are left out. Of
        suite2p, seconds from one frame to the next.

    Raises:
      FileNotFoundError: no such file.
      ImportError: a package is missing; it names what to install.
      ValueError: no known format; a choice is not clear, with what the file holds; or what is wrong
        in it.
    """
    path, picks = Path(path), {"x": x, "y": y, "trials": trials, "groups": groups}
    if path.is_dir():
        found = _folder(path, picks, bin)
    elif path.suffix == ".nwb":
        found = _nwb(path, picks, bin)
    elif path.suffix == ".mat":
        found = _mat(path, picks, bin)
    elif bin is not None:
        raise ValueError(f"{path}: --bin is of units and signals, which such a file does not hold")
    elif path.suffix == ".npz":
        names = _named(path, npz_names(path), picks, ", ".join(npz_names(path)))
        held = read_npz(path, only=set(names.values()))
        found = {role: held[name] for role, name in names.items()}
    elif path.suffix == ".csv":
        found = _csv(path, picks)
    elif path.name.endswith(_EPOCHS):
        found = _epochs(path, picks)
    else:
        raise ValueError(f"{path}: not a .npz, .nwb, .mat, .csv or -epo.fif file, nor a folder of "
                         "Kilosort, phy or suite2p")  # fmt: skip
    return {name: plain(value, f"{path}: {name}") for name, value in found.items()}


@dataclass
class Picks:
    """What a command takes out of a file that holds more than one thing: `read` says what."""

    x: str | None = None
    """Of --data: name of what predicts. It is told what the file holds where that is not clear."""
    y: str | None = None
    """Of --data: name of what is predicted."""
    trials: str | None = None
    """Of --data: name of the trials, over whose edges no lag reaches."""
    groups: str | None = None
    """Of --data: name of what no fold divides."""
    bin: float | None = None
    """Of --data: seconds of a bin, for spikes and signals; of suite2p, of a frame."""

    def told(self) -> str:
        """The options again, for a command that repeats this one."""
        picked = {field.name: getattr(self, field.name) for field in fields(Picks)}
        return "".join(f" --{k} {v}" for k, v in picked.items() if v is not None)

    @staticmethod
    def is_file(data: str) -> bool:
        """Whether --data is meant as a file or folder, and not as the name of a recording."""
        return bool(Path(data).suffix) or Path(data).is_dir()

    def npz(self, path: str, folder: Path) -> str:
        """The file as an npz: itself where it is one of which nothing is picked; else what `read`
        takes of it, written into the folder under the same name.

        Raises:
          as `read`.
        """
        if path.endswith(".npz") and not self.told():
            return path
        found = read(path, self.x, self.y, self.trials, self.groups, self.bin)
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"{Path(path).name.removesuffix(Path(path).suffix) or 'given'}.npz"
        np.savez(made, **found)  # pyright: ignore[reportArgumentType]
        return str(made)


def _find(where: Any, name: str, known: Collection[str], holds: str) -> str:
    """The one of these names, or the one whose last part it is."""
    fits = [name] if name in known else [k for k in known if k.endswith(f"/{name}")]
    if len(fits) != 1:
        what = f"{len(fits)} things are" if fits else "nothing is"
        raise ValueError(f"{where}: {what} called {name!r}; this file holds {holds}")
    return fits[0]


def _both(where: Any, picks: Mapping[str, str | None], clear: Collection[str], holds: str,
          known: Collection[str] = ()) -> tuple[str, str]:  # fmt: skip
    """x and y; of `clear` is the one that is not named, where the other leaves one thing only."""
    x, y = (None if (pick := picks[role]) is None else _find(where, pick, [*clear, *known], holds)
            for role in "xy")  # fmt: skip
    left = [name for name in clear if name not in (x, y)]
    if (x is None and y is None) or ((x is None or y is None) and len(left) != 1):
        missing = " and ".join(f"--{role}" for role, name in (("x", x), ("y", y)) if name is None)
        raise ValueError(f"{where}: this file holds {holds}: say {missing}")
    return left[0] if x is None else x, left[0] if y is None else y


def _named(where: Any, known: Collection[str], picks: Mapping[str, str | None], holds: str
           ) -> dict[str, str]:  # fmt: skip
    """Fields that have their name in the file already, or are named now: {role: name}."""
    own = {role: role if picks[role] is None and role in known else picks[role] for role in "xy"}
    clear = [name for name in known if name not in _OWN and name not in picks.values()]
    own["x"], own["y"] = _both(where, own, clear, holds, known)
    names = {role: role for role in _OWN if role in known and role not in own.values()}
    for role in ("trials", "groups"):
        if (pick := picks[role]) is not None:
            names[role] = _find(where, pick, known, holds)
    return {"x": own["x"], "y": own["y"], **names}


def _csv(path: Path, picks: Mapping[str, str | None]) -> Fields:
    names, table = read_csv(path)
    wanted = {role: pick.split(",") for role, pick in picks.items() if pick is not None}
    if not {"x", "y"} <= set(wanted):
        raise ValueError(f"{path}: this file holds columns {', '.join(names)}: say --x and --y")
    holds = f"columns {', '.join(names)}"
    places = {role: [names.index(_find(path, c.strip(), names, holds)) for c in columns]
              for role, columns in wanted.items()}  # fmt: skip
    found: Fields = {role: table[:, at] for role, at in places.items()}
    return found | {"feature_names": np.array([names[k] for k in places["x"]])}


def _epochs(path: Path, picks: Mapping[str, str | None]) -> Fields:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if picks["trials"] is not None:
        raise ValueError(f"{path}: holds epochs, which are trials each: leave --trials out")
    epochs = needed("mne", "mne").read_epochs(path, verbose="error")
    try:
        epochs = epochs.pick(picks["x"] or "data", verbose="error")
    except ValueError as error:
        kinds = ", ".join(map(str, epochs.get_channel_types(unique=True)))
        message = f"{path}: these epochs hold {kinds} channels: say --x ({error})"
        raise ValueError(message) from error
    given = from_mne_epochs(epochs, picks["y"])
    found = {"x": given.x.transpose(0, 2, 1), "y": given.y,
             "feature_names": np.array(given.channels)}  # fmt: skip
    if picks["groups"] is not None:
        found["groups"] = from_mne_epochs(epochs, picks["groups"]).y
    return found


def _mat(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
    known = dict(_variables(read_mat73(path) if is_mat73(path) else read_mat(path)))
    holds = ", ".join(f"{name} ({len(value)} units)" if isinstance(value, dict)
                      else f"{name} {value.shape}" for name, value in known.items())  # fmt: skip
    names = _named(path, known, picks, holds)
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


def _nwb(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
    with opened_nwb(path) as content:  # once, since this takes longer than all else
        return _of_nwb(path, content, picks, bin)


def _of_nwb(
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
    names = dict(zip("xy", _both(path, picks, clear, holds, columns), strict=True))
    if picks["groups"] is not None:
        names["groups"] = _find(path, picks["groups"], columns, holds)
    spans = {columns[name][0] for name in names.values() if name in columns}
    if picks["trials"] is not None:
        spans.add(_find(path, picks["trials"], tables, holds))
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


def _folder(path: Path, picks: Mapping[str, str | None], bin: float | None) -> Fields:
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
