"""Folders of Kilosort and phy, which SpikeInterface writes too."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxneuro.adapters.npy import folder_of, read_npy

# What a person decided, before what the sorter proposed.
_TABLES = (
    ("cluster_group.tsv", "group"), ("cluster_group.csv", "group"), ("cluster_info.tsv", "group"),
    ("cluster_info.tsv", "KSLabel"), ("cluster_KSLabel.tsv", "KSLabel"),
)  # fmt: skip
_RATE = re.compile(r"^\s*sample_rate\s*=\s*([0-9.eE+_-]+)\s*(?:#.*)?$", re.MULTILINE)


def read_kilosort(
    folder: str | os.PathLike[str],
    keep: Collection[str] | None = ("good",),
    rate: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Spike times of sorted units, for `features.bin_spikes`. Units are called by their cluster;
    what has no spike (clusters that were merged) is no unit.

    Args:
      folder: with `spike_times.npy` (samples), `spike_clusters.npy` and, where units were judged,
        `cluster_group.tsv`, `cluster_info.tsv` or `cluster_KSLabel.tsv`; a person's judgement comes
        before the sorter's.
      keep: judgements of the units to keep, such as ("good", "mua"). None: all units.
      rate: samples a second. None: `sample_rate` in `params.py`, which is read and never run.

    Returns:
      By name, in the order of the clusters, (spike,) seconds, rising.

    Raises:
      FileNotFoundError: no such folder or file.
      ValueError: names the file and what is wrong in it, or that no unit is kept.
    """
    folder = folder_of(folder)
    samples = _column(folder / "spike_times.npy", kinds="iuf")
    cluster = _column(folder / "spike_clusters.npy", kinds="iu")
    if len(samples) != len(cluster):
        raise ValueError(f"{folder}: spike_times.npy has {len(samples)} spikes and "
                         f"spike_clusters.npy {len(cluster)}")  # fmt: skip
    odd = np.flatnonzero(~np.isfinite(samples) | (samples < 0))
    if odd.size:
        raise ValueError(f"{folder / 'spike_times.npy'}: spike {odd[0]} is at sample "
                         f"{samples[odd[0]]}")  # fmt: skip
    seconds = samples.astype(np.float64) / _rate(folder, rate)
    order = np.lexsort((seconds, cluster))
    names, begins = np.unique(cluster[order], return_index=True)
    times = np.split(seconds[order], begins[1:])
    units = {str(name): time for name, time in zip(names, times, strict=True)}
    if keep is None:
        return units
    keep = (keep,) if isinstance(keep, str) else keep
    judged = _judgements(folder)
    kept = {name: time for name, time in units.items() if judged.get(name) in keep}
    if not kept:
        kinds = sorted({judged.get(name, "not judged") for name in units})
        raise ValueError(f"{folder}: none of its {len(units)} units is {' or '.join(keep)}, but "
                         f"{', '.join(kinds)}: keep=None keeps all")  # fmt: skip
    return kept


def _column(path: Path, kinds: str) -> NDArray:
    found = read_npy(path, kinds)
    if found.ndim > 2 or (found.ndim == 2 and found.shape[1] != 1) or not found.size:
        raise ValueError(f"{path}: has shape {found.shape}; it must be (spike,), with a spike")
    return np.array(found).reshape(-1)


def _rate(folder: Path, rate: float | None) -> float:
    if rate is None:
        params = folder / "params.py"
        if not params.is_file():
            raise FileNotFoundError(f"{params}: no such file; give `rate` in samples a second")
        found = _RATE.findall(params.read_text("utf-8", errors="replace"))
        if len(found) != 1:
            raise ValueError(f"{params}: has {len(found)} lines sample_rate = NUMBER; give `rate`")
        try:
            rate = float(found[0])
        except ValueError:
            rate = np.nan
    if not 0 < float(rate) < np.inf:
        raise ValueError(f"rate is {rate!r}; it must be samples a second, above 0")
    return float(rate)


def _judgements(folder: Path) -> dict[str, str]:
    """By cluster, each from the first table that has it; where there is no table, none."""
    judged: dict[str, str] = {}
    for name, column in _TABLES:
        path = folder / name
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            mark = "\t" if "\t" in file.readline() else ","
            file.seek(0)
            rows = list(csv.DictReader(file, delimiter=mark))
        heads = rows[0] if rows else {}
        key = next((k for k in ("cluster_id", "id") if k in heads), None)
        if rows and key is None:
            raise ValueError(f"{path}: no column cluster_id among {list(heads)}")
        for row in rows if column in heads else ():
            if (judgement := (row[column] or "").strip()) not in ("", "unsorted"):
                judged.setdefault((row[key] or "").strip(), judgement)
    return judged
