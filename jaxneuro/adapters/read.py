"""One table out of any file: what is clear is taken, and what is not is asked for by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from jaxneuro.adapters.chosen import find, named
from jaxneuro.adapters.clock import Fields
from jaxneuro.adapters.mne import from_mne_epochs
from jaxneuro.adapters.timed import of_folder, of_mat, of_nwb
from jaxneuro.data.files import npz_names, read_csv, read_npz
from jaxneuro.data.labels import plain
from jaxneuro.extras import needed

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
        found = of_folder(path, picks, bin)
    elif path.suffix == ".nwb":
        found = of_nwb(path, picks, bin)
    elif path.suffix == ".mat":
        found = of_mat(path, picks, bin)
    elif bin is not None:
        raise ValueError(f"{path}: --bin is of units and signals, which such a file does not hold")
    elif path.suffix == ".npz":
        names = named(path, npz_names(path), picks, ", ".join(npz_names(path)))
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


def _csv(path: Path, picks: Mapping[str, str | None]) -> Fields:
    names, table = read_csv(path)
    wanted = {role: pick.split(",") for role, pick in picks.items() if pick is not None}
    if not {"x", "y"} <= set(wanted):
        raise ValueError(f"{path}: this file holds columns {', '.join(names)}: say --x and --y")
    holds = f"columns {', '.join(names)}"
    places = {role: [names.index(find(path, c.strip(), names, holds)) for c in columns]
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
