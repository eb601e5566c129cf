"""Choosing without leakage: honest splits, and search on inner folds."""

from jaxneuro.selection.archive import LoadError
from jaxneuro.selection.halving import Halved, Halving
from jaxneuro.selection.lags import LagChoice, Past, lag_choice, past_of
from jaxneuro.selection.leakage import Leakage, leaks
from jaxneuro.selection.protocol import protocol
from jaxneuro.selection.result import Search
from jaxneuro.selection.saved import load
from jaxneuro.selection.search import EdgeOfGrid, edges, search

__all__ = [
    "EdgeOfGrid",
    "Halved",
    "Halving",
    "LagChoice",
    "Leakage",
    "LoadError",
    "Past",
    "Search",
    "edges",
    "lag_choice",
    "leaks",
    "load",
    "past_of",
    "protocol",
    "search",
]
