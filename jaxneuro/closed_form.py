"""Ridge regression exactly; it lives in `jaxneuro.linear`."""

from jaxneuro.linear.banded import BandedSearch, banded_ridge_search
from jaxneuro.linear.banded_candidates import dirichlet, simplex
from jaxneuro.linear.exact import ridge
from jaxneuro.linear.ridge_path import RidgeSearch, ridge_search

__all__ = [
    "BandedSearch",
    "RidgeSearch",
    "banded_ridge_search",
    "dirichlet",
    "ridge",
    "ridge_search",
    "simplex",
]
