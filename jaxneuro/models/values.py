"""What models are made of, as values: equal by their fields, so that a model made twice is one.

Flax's initializers are new closures at each call, and JAX's activations are objects that neither
pickle nor copy; these stand for them and compute the very same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import flax.linen as nn
import jax

from jaxneuro.types import Array

Initializer = Callable[..., Array]


@dataclass(frozen=True)
class VarianceScaling:
    """`nn.initializers.variance_scaling(scale, mode, distribution)`."""

    scale: float
    mode: str
    distribution: str

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
        draw = nn.initializers.variance_scaling(
            self.scale,
            self.mode,  # pyright: ignore[reportArgumentType]
            self.distribution,  # pyright: ignore[reportArgumentType]
        )
        return draw(key, shape, dtype)


@dataclass(frozen=True)
class Uniform:
    """Evenly within ±`bound`."""

    bound: float

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
        return jax.random.uniform(key, shape, dtype, -self.bound, self.bound)


@dataclass(frozen=True)
class Named:
    """A public function of JAX, by its name."""

    module: str
    name: str

    def __call__(self, *rest, **named):
        return getattr(import_module(self.module), self.name)(*rest, **named)


@dataclass(frozen=True, eq=False)
class Itself:
    """Stands for a part that has no hash: it equals only itself."""

    part: Any


LECUN_NORMAL = VarianceScaling(1.0, "fan_in", "truncated_normal")
RELU = Named("jax.nn", "relu")


def named(function: Callable) -> Callable:
    """`Named` where `function` is one of `jax.nn` or `jax.numpy`, else `function`: others may be
    redefined under the same name (in a notebook), and are then another function."""
    name = getattr(function, "__name__", "")
    for module in ("jax.nn", "jax.numpy"):
        if name and getattr(import_module(module), name, None) is function:
            return Named(module, name)
    return function


def hashable(part: Any) -> Any:
    """`part`, or `Itself(part)` where it has no hash."""
    try:
        hash(part)
    except TypeError:
        return Itself(part)
    return part


def held(part: Any) -> Any:
    """What `hashable` was given."""
    return part.part if isinstance(part, Itself) else part
