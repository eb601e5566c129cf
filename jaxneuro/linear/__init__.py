"""Linear models exactly: closed forms, and condensed samples."""

from jaxneuro.linear.banded import BandedSearch, banded_ridge_search
from jaxneuro.linear.banded_candidates import dirichlet, simplex
from jaxneuro.linear.condense import Condensed, condense
from jaxneuro.linear.exact import ridge
from jaxneuro.linear.ridge_path import RidgeSearch, ridge_search

__all__ = [
    "BandedSearch",
    "Condensed",
    "RidgeSearch",
    "banded_ridge_search",
    "condense",
    "dirichlet",
    "ridge",
    "ridge_search",
    "simplex",
]
