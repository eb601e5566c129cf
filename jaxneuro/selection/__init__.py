"""Choosing without leakage: honest splits, and search on inner folds."""

from jaxneuro.selection.lags import LagChoice, lag_choice
from jaxneuro.selection.protocol import protocol
from jaxneuro.selection.search import EdgeOfGrid, Search, edges, search

__all__ = ["EdgeOfGrid", "LagChoice", "Search", "edges", "lag_choice", "protocol", "search"]
