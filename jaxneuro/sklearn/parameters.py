"""Constructors: regressor and classifier of a kind take the same parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from jaxneuro.fit import Fit
from jaxneuro.sklearn import recipes


class Penalised:
    """With a strength of its penalty, or a list of strengths to choose among."""

    l2: Any
    hyper_: Mapping[str, np.ndarray]

    def _hyper(self) -> Mapping[str, Any]:
        return {"l2": self.l2}

    @property
    def l2_(self) -> np.ndarray:
        """(target,) the strength of each fit."""
        return self.hyper_["l2"]


class Linear(Penalised):
    """Of models that are linear in the features, but for a link."""

    def __init__(
        self,
        l2: Any = 0.01,
        *,
        cv: Any = 5,
        max_iter: int = recipes.STEPS,
        tol: float = recipes.TOLERANCE,
    ):
        self.l2 = l2
        self.cv = cv
        self.max_iter = max_iter
        self.tol = tol


class Network(Penalised):
    """Of perceptrons."""

    def __init__(
        self,
        hidden: Sequence[int] = (32,),
        l2: Any = 0.01,
        *,
        cv: Any = 5,
        max_iter: int = 500,
        tol: float = 1e-4,
        random_state: Any = None,
    ):
        self.hidden = hidden
        self.l2 = l2
        self.cv = cv
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state


class Own(BaseEstimator):
    """Of recipes of one's own."""

    def __init__(
        self,
        recipe: Fit | Callable[[int], Fit] | None = None,
        hyper: Mapping[str, Any] | None = None,
        *,
        cv: Any = 5,
        metric: str | None = None,
        shape: Sequence[int] | None = None,
        random_state: Any = None,
    ):
        self.recipe = recipe
        self.hyper = hyper
        self.cv = cv
        self.metric = metric
        self.shape = shape
        self.random_state = random_state

    def _hyper(self) -> Mapping[str, Any]:
        return {"l2": 0.01} if self.recipe is None and self.hyper is None else self.hyper or {}

    def _shaped(self, X: np.ndarray) -> np.ndarray:
        return X if self.shape is None else X.reshape(len(X), *self.shape)

    def __sklearn_clone__(self) -> Any:
        """A recipe is a value: a clone shares it, and with it the programs compiled for it; some
        of what it may hold (activations of JAX) can be neither copied nor pickled."""
        bare = copy.copy(self)
        bare.recipe = None
        made: Any = super(Own, bare).__sklearn_clone__()
        made.recipe = self.recipe
        return made
