"""Peers, where they are installed: a case runs against those that are."""

import importlib
import sys
from types import ModuleType
from typing import Any

import jax
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


def find_torch() -> Any:
    """PyTorch, its tensors on the accelerator where JAX runs on one; None where it is missing."""
    torch = find("torch")
    if torch is not None and jax.default_backend() == "gpu" and torch.cuda.is_available():
        torch.set_default_device("cuda")
    return torch


def himalaya_backends() -> list[str]:
    """NumPy's, and PyTorch's where it is installed: on the GPU where JAX runs on one."""
    with_torch = "torch_cuda" if jax.default_backend() == "gpu" else "torch"
    return ["numpy"] + ([with_torch] if find("torch") is not None else [])


def places(splits: Splits) -> list[tuple[np.ndarray, np.ndarray]]:
    """The folds as scikit-learn's `cv` takes them: places of the train and of the test samples."""
    return [
        (np.flatnonzero(train), np.flatnonzero(test))
        for train, test in zip(splits.train, splits.test, strict=True)
    ]
