"""Job 2, brain area identification: imaging data -> functional area or category."""

from jaxneuro.areas.clusters import Clusters, clusters
from jaxneuro.areas.fits import SCORES, identify, network, region_cnn, softmax_regression
from jaxneuro.areas.found import SearchlightMap
from jaxneuro.areas.neighbours import Neighbours, discs, from_lists, spheres
from jaxneuro.areas.searchlight import searchlight

__all__ = [
    "SCORES",
    "Clusters",
    "Neighbours",
    "SearchlightMap",
    "clusters",
    "discs",
    "from_lists",
    "identify",
    "network",
    "region_cnn",
    "searchlight",
    "softmax_regression",
    "spheres",
]
