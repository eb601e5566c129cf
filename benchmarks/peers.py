"""Peers, where they are installed: a case runs against those that are."""

import importlib
import sys
from types import ModuleType


def find(name: str) -> ModuleType | None:
    """The module, or None and a word on how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.split(".")[0]
        print(f"{package} is not installed: pip install 'jaxneuro[bench]'", file=sys.stderr)
        return None
