"""Nested selection; it lives in `jaxneuro.selection`."""

from jaxneuro.selection.search import Search, search

__all__ = ["Search", "search"]
