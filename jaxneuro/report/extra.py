"""The packages of the extra `report`."""

import importlib
from typing import Any


def extra(module: str) -> Any:
    """The module, or how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{module} is not installed: pip install "jaxneuro[report]"') from error
