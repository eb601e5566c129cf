"""Ridge regression exactly; it lives in `jaxneuro.linear`."""

from jaxneuro.linear.ridge import RidgeSearch, ridge, ridge_search

__all__ = ["RidgeSearch", "ridge", "ridge_search"]
