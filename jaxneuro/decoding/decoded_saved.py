"""`Decoded` from a file."""

from __future__ import annotations

from typing import Any

from jaxneuro.compare import kept
from jaxneuro.decoding.decoded import KIND, Decoded
from jaxneuro.selection import saved

__all__ = ["KIND", "unpacked"]


def unpacked(path: Any, arrays: saved.Arrays, texts: saved.Texts, facts: dict) -> Decoded:
    """What `Decoded.save` wrote, of the manifest `facts`."""
    return kept.unpacked(Decoded, path, arrays, texts, facts)
