"""Choosing without leakage: honest splits, and search on inner folds."""

from jaxneuro.selection.protocol import protocol
from jaxneuro.selection.search import Search, search

__all__ = ["Search", "protocol", "search"]
