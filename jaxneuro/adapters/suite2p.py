"""Folders of suite2p: fluorescence of cells."""

from __future__ import annotations

import os

import numpy as np

from jaxneuro.adapters.npy import folder_of, read_npy
from jaxneuro.adapters.signals import Signals, signals
from jaxneuro.features import checks


def read_suite2p(
    folder: str | os.PathLike[str],
    rate: float,
    neuropil: float = 0.7,
    every: bool = False,
) -> Signals:
    """Traces (time, cell) of a plane, F − neuropil × Fneu, each called by its place in the file.

    Args:
      folder: of one plane, with `F.npy`, `Fneu.npy` and `iscell.npy`.
      rate: frames a second, `fs` of suite2p; `ops.npy`, which has it, would have to be unpickled,
        which could run code.
      neuropil: what share of the surroundings is taken off; 0.7 is suite2p's own. 0: `Fneu.npy` is
        not read.
      every: also what suite2p holds to be no cell.

    Raises:
      FileNotFoundError: no such folder or file.
      ValueError: names the file and what is wrong in it.
    """
    folder = folder_of(folder)
    rate = checks.positive("read_suite2p", "rate", rate)
    traces = read_npy(folder / "F.npy", kinds="f")
    if traces.ndim != 2 or not traces.size:
        raise ValueError(f"{folder / 'F.npy'}: has shape {traces.shape}; it must be (cell, time)")
    cells = np.arange(len(traces))
    if not every:
        judged = read_npy(folder / "iscell.npy", kinds="biuf")
        one = judged if judged.ndim == 1 else judged[:, 0]
        if judged.ndim > 2 or len(one) != len(traces) or not np.isin(one, (0, 1)).all():
            raise ValueError(f"{folder / 'iscell.npy'}: has shape {judged.shape}; it must be "
                             f"(cell, 2) of {len(traces)} cells, 0 or 1 first")  # fmt: skip
        cells = np.flatnonzero(one)
    if not len(cells):
        raise ValueError(f"{folder / 'iscell.npy'}: none is a cell: every=True takes them all")
    x = np.array(traces[cells])
    if neuropil:
        around = read_npy(folder / "Fneu.npy", kinds="f")
        if around.shape != traces.shape:
            raise ValueError(f"{folder / 'Fneu.npy'}: has shape {around.shape}, and F.npy "
                             f"{traces.shape}")  # fmt: skip
        x = x - np.float32(neuropil) * around[cells]
    times = np.arange(x.shape[1]) / rate
    return signals(x.T, times, cells, str(folder / "F.npy"))
