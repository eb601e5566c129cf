"""One decoder of those compared: what it saw, what it found, what it says of new samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.decoding.kalman import Kalman
from jaxneuro.decoding.recording import Recording
from jaxneuro.selection.lags import Past
from jaxneuro.selection.result import Search


class View(NamedTuple):
    """How a decoder sees a recording.

    Attributes:
      past: the lags of a time series; None: samples as they are.
      ordered: whether these come in order of time, as networks over sequences take them; else the
        latest comes first.
    """

    past: Past | None = None
    ordered: bool = False

    def __call__(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        if self.past is None:
            return np.asarray(x)
        laid = self.past.lay(x, trials)
        return np.ascontiguousarray(laid[:, ::-1]) if self.ordered else laid


class Classifier(NamedTuple):
    """A classifier in closed form, of raw features: kernel (feature, class) and bias (class,)."""

    kernel: NDArray[Any]
    bias: NDArray[Any]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(sample, class) the softmax of the scores: probabilities, of LDA."""
        flat = np.asarray(x, np.float64).reshape(len(x), -1)
        return np.asarray(jax.nn.softmax(flat @ self.kernel + self.bias, axis=-1), np.float32)


@dataclass(frozen=True, repr=False)
class Contender:
    """A decoder on the folds that all share.

    Attributes:
      found: its fits.
      view: what they saw.
      predictions: (sample, output) in the recording's units, or probabilities (sample, class); NaN
        where not held out.
      inner: the mean score on inner folds of what was chosen, higher is better: minus the squared
        error in variances of the outputs, or accuracy. NaN: there was none.
      chosen: hyper-parameters by name.
      fits: how many were run.
      compile_seconds, run_seconds: what they took.
    """

    found: Search | Kalman | Classifier
    view: View
    predictions: np.ndarray
    inner: float
    chosen: Mapping[str, Any] = field(default_factory=dict)
    fits: int = 0
    compile_seconds: float = 0.0
    run_seconds: float = 0.0

    def predict(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """(sample, output) in the recording's units, or probabilities (sample, class)."""
        if isinstance(self.found, Kalman):
            return self.found.predict(x, trials)
        return self.found.predict(self.view(x, trials))


Decoder = Callable[[Recording], Contender]
"""A decoder to compare: from a recording, whose held-out part it never looks at but to predict."""


def of_search(found: Search, view: View) -> Contender:
    """What a nested search found, seeds averaged."""
    if found.selection is None:
        inner, chosen = float("nan"), {}
    else:
        inner = found.sign * float(np.mean(found.selection.score))
        chosen = {name: _plain(v) for name, v in found.selection.values.items()}
    return Contender(found, view, found.predictions, inner, chosen, found.total,
                     found.compile_seconds, found.run_seconds)  # fmt: skip


def _plain(values: Any) -> Any:
    """The one value that was chosen, of the one held-out part."""
    value = np.ravel(values)[0]
    return value.item() if hasattr(value, "item") else value
