"""Peers, where they are installed: a case runs against those that are."""

import importlib
import sys
from types import ModuleType

import numpy as np

from jaxneuro.splits import Splits


def find(name: str) -> ModuleType | None:
    """The module, or None and a word on how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.split(".")[0]
        print(f"{package} is not installed: pip install 'jaxneuro[bench]'", file=sys.stderr)
        return None


def places(splits: Splits) -> list[tuple[np.ndarray, np.ndarray]]:
    """The folds as scikit-learn's `cv` takes them: places of the train and of the test samples."""
    return [
        (np.flatnonzero(train), np.flatnonzero(test))
        for train, test in zip(splits.train, splits.test, strict=True)
    ]
