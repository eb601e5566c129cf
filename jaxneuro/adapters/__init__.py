"""The objects that people hold, as arrays and names, and results back.

Thin skins: every package is an optional extra, imported when a function needs it. What can be known
by what it has (objects of pynapple, MNE, xarray, pandas) is taken without importing anything.
"""

from jaxneuro.adapters.kilosort import read_kilosort
from jaxneuro.adapters.matlab import read_mat73
from jaxneuro.adapters.mne import EpochArrays, from_mne_epochs, from_mne_raw
from jaxneuro.adapters.named import Named, from_pandas, from_xarray
from jaxneuro.adapters.nwb import nwb_contents, nwb_series, nwb_table, nwb_units
from jaxneuro.adapters.pynapple import Binned, from_pynapple, to_pynapple
from jaxneuro.adapters.read import read
from jaxneuro.adapters.signals import Signals
from jaxneuro.adapters.suite2p import read_suite2p

__all__ = [
    "Binned",
    "EpochArrays",
    "Named",
    "Signals",
    "from_mne_epochs",
    "from_mne_raw",
    "from_pandas",
    "from_pynapple",
    "from_xarray",
    "nwb_contents",
    "nwb_series",
    "nwb_table",
    "nwb_units",
    "read",
    "read_kilosort",
    "read_mat73",
    "read_suite2p",
    "to_pynapple",
]
