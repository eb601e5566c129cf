"""A Gaussian receptive field over pixels that lie anywhere: three parameters, whatever it sees.

    prediction[t] = Σ_p x[t, p] exp(-|position[p] - (x0, y0)|² / 2 size²)

(Dumoulin & Wandell 2008, NeuroImage 39:647, eq. 1 and 2.) It has neither gain nor baseline: a loss
that solves for these in closed form leaves a problem of three parameters
(`encoding.receptive_fields`); a dense layer behind it makes them parameters like others.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxneuro.types import Array, Closed, Model, Params

_OUTSIDE = 2.0  # sizes by which a centre may leave the screen: beyond, only the tail is seen


@dataclass(frozen=True, eq=False)
class Screen:
    """Where pixels lie, and what sizes a field may have; a value: equal where its numbers are.

    Attributes:
      positions: (pixel, 2) float32, in degrees or any unit.
      least, most: sizes, in that unit; a field's lies between.
    """

    positions: np.ndarray
    least: float
    most: float

    @property
    def _key(self) -> tuple:
        return self.positions.shape, self.positions.tobytes(), self.least, self.most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Screen) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def middle(self) -> np.ndarray:
        return (self.positions.max(axis=0) + self.positions.min(axis=0)) / 2

    @property
    def half(self) -> np.ndarray:
        """(2,) half the width and half the height."""
        return (self.positions.max(axis=0) - self.positions.min(axis=0)) / 2

    def field(self, free: Any, xp: Any = np) -> tuple[Any, Any]:
        """Free coordinates (..., 3) -> centre (..., 2) and size (...), by `numpy` or `jax.numpy`.

        Sizes stay between their limits, centres within two sizes of the screen: nothing in the data
        tells fields beyond from each other.
        """
        middle, half = self._logarithms
        size = xp.exp(middle + half * xp.tanh(free[..., 2]))
        reach = self.half + _OUTSIDE * size[..., None]
        return self.middle + reach * xp.tanh(free[..., :2]), size

    def free(self, centre: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The inverse, on the host: (..., 2), (...) -> (..., 3)."""
        middle, half = self._logarithms
        across = (centre - self.middle) / (self.half + _OUTSIDE * size[..., None])
        along = ((np.log(size) - middle) / half)[..., None]
        return np.arctanh(np.concatenate([across, along], axis=-1))

    @property
    def _logarithms(self) -> tuple[float, float]:
        """The middle of the sizes' logarithms, and half their range."""
        low, high = math.log(self.least), math.log(self.most)
        return (low + high) / 2, (high - low) / 2


def gaussian(centre: Any, size: Any, positions: Any, xp: Any = np) -> Any:
    """exp(-|position - centre|²/2 size²): (..., 2), (...), (pixel, 2) -> (..., pixel)."""
    across, up = (positions[:, i] - centre[..., i, None] for i in range(2))
    return xp.exp(-(across**2 + up**2) / (2 * size[..., None] ** 2))


def receptive_field(screen: Screen) -> Model:
    """The model of one field; its parameters are `{"place": (3,)}`, which `Screen.field` reads."""
    return Model(Closed(_init), Closed(_apply, (screen,)))


def _init(key: Array, x: Array) -> Params:
    """In the middle of the screen, of middling size."""
    del key
    return {"place": jnp.zeros(3, x.dtype)}


def _apply(screen: Screen, params: Params, x: Array) -> Array:
    centre, size = screen.field(params["place"], jnp)
    return gaussian(centre, size, jnp.asarray(screen.positions, x.dtype), jnp) @ x.T
