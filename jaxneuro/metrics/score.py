"""A score and which way is better."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from jax import Array
from jax.typing import ArrayLike

from jaxneuro.types import Closed

_Function = TypeVar("_Function", bound=Callable)
_ERRORS = {
    *("error", "errors", "loss", "losses", "deviance", "deviances"),
    *("mse", "rmse", "nrmse", "mae", "mape", "nll"),
}


class Score(NamedTuple):
    """A metric and its direction; a value: equal where function and direction are.

    Attributes:
      function: `(y, prediction, weight) -> scalar or (output,)`, as in `jaxneuro.metrics`.
      higher_is_better: False for an error.
    """

    function: Callable[..., Any]
    higher_is_better: bool = True

    def __call__(
        self, y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
    ) -> Array:
        return self.function(y, prediction, weight)


def as_score(score: Score | Callable, name: str = "") -> Score:
    """A `Score` of a metric or of a function of one's own, which is taken as higher is better.

    Args:
      score: a `Score`, one of `jaxneuro.metrics`, or `(y, prediction, weight) -> score`.
      name: what the caller calls it, for messages.

    Raises:
      TypeError: it is no function: a string, the value of a metric, ...
      ValueError: its direction is in doubt: by its `__name__` a function is an error (`log_loss`),
        or a `Score` says that more of an error metric is better.
    """
    function = score.function if isinstance(score, Score) else score
    said = f"score {name!r}" if name else "the score"
    if not callable(function):
        raise TypeError(
            f"{said} is {function!r}: pass a function (y, prediction, weight) -> score, "
            "such as jaxneuro.metrics.r2"
        )
    known = _direction(function)
    if isinstance(score, Score):
        if score.higher_is_better and known is False:
            raise ValueError(
                f"{said}: {_name(function)} is an error, and less of it is better: pass "
                "jn.Score(f, higher_is_better=False), or the metric itself"
            )
        return score
    if known is None and _ERRORS.intersection(_words(_name(function))):
        raise ValueError(
            f"{said} is {_name(function)}, an error by its name, of which less is better: wrap it, "
            "jn.Score(f, higher_is_better=False) (or =True, if more of it is better after all)"
        )
    return Score(function, known is not False)


def higher_is_better(metric: _Function) -> _Function:
    """Marks a metric: `metric.higher_is_better` is True."""
    metric.__dict__["higher_is_better"] = True
    return metric


def lower_is_better(metric: _Function) -> _Function:
    """Marks an error: `metric.higher_is_better` is False."""
    metric.__dict__["higher_is_better"] = False
    return metric


def _direction(function: Any) -> bool | None:
    """What it, or the function that it wraps, says of itself; None if nothing."""
    while function is not None:
        if (known := getattr(function, "higher_is_better", None)) is not None:
            return bool(known)
        function = _inner(function)
    return None


def _name(function: Any) -> str:
    """`__name__` of it, or of the function that it wraps."""
    while (inner := _inner(function)) is not None:
        function = inner
    return getattr(function, "__name__", type(function).__name__)


def _inner(function: Any) -> Any:
    """The function that a partial, a `Closed`, a jitted or decorated function wraps, or None."""
    if isinstance(function, functools.partial):
        return function.func
    if isinstance(function, Closed):
        return function.function
    return getattr(function, "__wrapped__", None)


def _words(name: str) -> list[str]:
    """`log_loss` and `LogLoss` -> log, loss."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
