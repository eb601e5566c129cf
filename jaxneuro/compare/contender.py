"""One of those compared: what it saw, what it found, what it says of new samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.compare.recording import Recording
from jaxneuro.selection.lags import Past
from jaxneuro.selection.result import Search


class View(NamedTuple):
    """How a contender sees a recording.

    Attributes:
      past: the lags of a time series; None: samples as they are.
      ordered: whether these come in order of time, as networks over sequences take them; else the
        latest comes first.
      trials: whether what was found follows time by itself: `found.predict(x, trials)`.
      turned: whether the two axes of epochs change places.
    """

    past: Past | None = None
    ordered: bool = False
    trials: bool = False
    turned: bool = False

    def __call__(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        if self.past is None:
            return np.asarray(x).swapaxes(1, 2) if self.turned else np.asarray(x)
        laid = self.past.lay(x, trials)
        return np.ascontiguousarray(laid[:, ::-1]) if self.ordered else laid


class Found(Protocol):
    """What a contender must have found: something that predicts."""

    def predict(self, x: Any, /) -> np.ndarray:
        """(sample, output) of new samples as its view lays them out, in the units fitted; or
        probabilities (sample, class). The mean over outer folds, where there are several."""
        ...


class Classifier(NamedTuple):
    """Classifiers in closed form, of raw features: kernel ([outer,] feature, class) and bias
    ([outer,] class)."""

    kernel: NDArray[Any]
    bias: NDArray[Any]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(sample, class) the softmax of the scores: probabilities, of LDA. The mean over outer
        folds."""
        flat = np.asarray(x, np.float64).reshape(len(x), -1)
        kernel = self.kernel.reshape(-1, *self.kernel.shape[-2:])
        bias = self.bias.reshape(-1, 1, self.bias.shape[-1])
        return np.asarray(jax.nn.softmax(flat @ kernel + bias, axis=-1).mean(axis=0), np.float32)


@dataclass(frozen=True, repr=False)
class Contender:
    """A contender on the folds that all share.

    Attributes:
      found: its fits, a `Found`: a `Search`, a `Classifier`, or what a job has of its own.
      view: what they saw.
      predictions: (sample, output) in the units fitted, or probabilities (sample, class); NaN where
        not held out.
      inner: the mean score on inner folds of what was chosen, higher is better: minus the squared
        error in variances of the outputs, or accuracy. NaN: there was none.
      chosen: hyper-parameters by name; of several outer folds the commonest value.
      fits: how many were run.
      compile_seconds, run_seconds: what they took.
      by_fold: (outer,) `inner` of each outer fold; empty: there is one.
    """

    found: Any
    view: View
    predictions: np.ndarray
    inner: float
    chosen: Mapping[str, Any] = field(default_factory=dict)
    fits: int = 0
    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    by_fold: tuple[float, ...] = ()

    def predict(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """(sample, output) in the units fitted, or probabilities (sample, class)."""
        if self.view.trials:
            return self.found.predict(x, trials)
        return self.found.predict(self.view(x, trials))

    def worth(self, outer: int) -> float:
        """The inner score in one outer fold, -inf where there is none."""
        value = self.by_fold[outer] if self.by_fold else self.inner
        return -np.inf if np.isnan(value) else value


Competitor = Callable[[Recording], Contender]
"""What is compared: from a recording, whose held-out part it never looks at but to predict."""


def of_search(found: Search, view: View) -> Contender:
    """What a nested search found, seeds averaged."""
    if found.selection is None:
        inner, chosen, by_fold = float("nan"), {}, ()
    else:
        scores = found.sign * np.asarray(found.selection.score, float).reshape(-1)
        inner, by_fold = float(np.mean(scores)), tuple(scores.tolist())
        chosen = {name: commonest(v) for name, v in found.selection.values.items()}
    return Contender(found, view, found.predictions, inner, chosen, found.total,
                     found.compile_seconds, found.run_seconds,
                     by_fold if len(by_fold) > 1 else ())  # fmt: skip


def commonest(values: Any) -> Any:
    """The value chosen in most outer folds; of equals the first."""
    known, first, counts = np.unique(np.ravel(values), return_index=True, return_counts=True)
    most = counts == counts.max()
    return known[most][first[most].argmin()].item()
