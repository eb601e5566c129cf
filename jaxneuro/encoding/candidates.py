"""The models that `fit_neurons` compares where nobody says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxneuro import axes
from jaxneuro.encoding.fits import COUNTS, linear, mlp, poisson_glm, poisson_mlp
from jaxneuro.fit import Fit
from jaxneuro.selection.defaults import STRENGTHS
from jaxneuro.types import Axis


class Candidate(NamedTuple):
    """A model to compare.

    Attributes:
      fit: its scores have "correlation", and the one that chooses.
      grid: from `axes.grid`.
      lags: whether the lags of a time series are chosen too; else it sees all of them.
      history: whether it sees the neuron's own past counts.
    """

    fit: Fit
    grid: Sequence[Axis]
    lags: bool = True
    history: bool = False


def candidates(counts: bool, series: bool, quick: bool = False) -> dict[str, Candidate]:
    """The models that `fit_neurons` compares: ridge, and a Poisson GLM of counts; a perceptron; and
    of counts in time the GLM with the neuron's own spike history."""
    strong, deep = axes.grid(l2=STRENGTHS), axes.grid(l2=[1e-3, 1e-2, 1e-1])
    steps = 30 if quick else 200
    if not counts:
        net = Candidate(mlp((16,), steps), deep, lags=False)
        return {"ridge": Candidate(linear(), strong), "MLP": net}
    made = {
        "ridge": Candidate(linear(COUNTS), strong),
        "Poisson GLM": Candidate(poisson_glm(), strong),
        "Poisson MLP": Candidate(poisson_mlp((16,), steps), deep, lags=False),
    }
    if series:
        few = axes.grid(l2=[1e-3, 1e-2, 1e-1, 1.0])  # of a design that is many times as wide
        made["Poisson GLM, history"] = Candidate(poisson_glm(), few, lags=False, history=True)
    return made
