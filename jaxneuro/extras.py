"""The packages that objects come from: imported where one is needed, never before."""

import importlib
from typing import Any


def needed(module: str, extra: str) -> Any:
    """The module, or how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        advice = f'pip install "jaxneuro[{extra}]"'
        raise ImportError(f"{module} is not installed: {advice}") from error
