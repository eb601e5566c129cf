"""Products of full float32: what recent GPUs take by default is TF32, of ten bits."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

P = ParamSpec("P")
T = TypeVar("T")


def in_full(function: Callable[P, T]) -> Callable[P, T]:
    """The function, of whose products those that do not say themselves how exact they are to be
    are exact to float32, in their gradients too."""

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        with jax.default_matmul_precision("highest"):
            return function(*arguments, **options)

    return call
