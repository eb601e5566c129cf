"""Job 2, brain area identification: imaging data -> functional area or category."""

from jaxneuro.areas import contenders
from jaxneuro.areas.alignment import Aligned, hyperalign, procrustes
from jaxneuro.areas.clusters import Clusters, clusters
from jaxneuro.areas.fingerprints import connectome_fingerprints, fingerprints
from jaxneuro.areas.fits import (
    SCORES,
    identify_one,
    linear_svm,
    network,
    region_cnn,
    softmax_regression,
)
from jaxneuro.areas.found import SearchlightMap
from jaxneuro.areas.identified import Identified
from jaxneuro.areas.identify import identify
from jaxneuro.areas.label_files import label_vertices, save_labels
from jaxneuro.areas.neighbours import Neighbours, discs, from_lists, spheres
from jaxneuro.areas.parcellated import Labelled, Parcellation
from jaxneuro.areas.parcellation import parcellate
from jaxneuro.areas.searchlight import searchlight
from jaxneuro.areas.segments import match_segments
from jaxneuro.areas.shared_response import SharedResponse, shared_response
from jaxneuro.areas.surroundings import surroundings
from jaxneuro.classify.screening import anova, screening

__all__ = [
    "SCORES",
    "Aligned",
    "Clusters",
    "Identified",
    "Labelled",
    "Neighbours",
    "Parcellation",
    "SearchlightMap",
    "SharedResponse",
    "anova",
    "clusters",
    "connectome_fingerprints",
    "contenders",
    "discs",
    "fingerprints",
    "from_lists",
    "hyperalign",
    "identify",
    "identify_one",
    "label_vertices",
    "linear_svm",
    "match_segments",
    "network",
    "parcellate",
    "procrustes",
    "region_cnn",
    "save_labels",
    "screening",
    "searchlight",
    "shared_response",
    "softmax_regression",
    "spheres",
    "surroundings",
]
