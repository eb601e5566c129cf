"""What the true rate scores, and how neurons are drawn in blocks."""

import numpy as np

BLOCK = 1024  # neurons drawn at a time; part of what a seed means, so never to be tuned


def deviance(counts: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """(neuron,) mean of 2 (k log(k / rate) - k + rate), with 0 log 0 = 0."""
    logs = np.log(np.maximum(counts, 1) / rate)
    return 2 * np.mean(counts * logs - counts + rate, axis=0)


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(neuron,) correlation of columns; NaN where a column is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.full(len(size), np.nan), where=size > 0)


def positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, not {value!r}.")
