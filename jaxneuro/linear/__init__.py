"""Linear models exactly: closed forms, and condensed samples."""

from jaxneuro.linear.condense import Condensed, condense
from jaxneuro.linear.ridge import RidgeSearch, ridge, ridge_search

__all__ = ["Condensed", "RidgeSearch", "condense", "ridge", "ridge_search"]
