"""A linear-nonlinear neuron: one projection of the stimulus, and a learned function of it.

    u = x·w + b,    prediction = c + u + Σ_k a_k φ_k(u)

(Chichilnisky 2001, Network 12:199, whose nonlinearity is measured; here it is fitted with w.) The
φ_k are the ramps of a quadratic spline: the function has slope 1 at u = 0 and bends by a_k in each
of the segments to the right and to the left; beyond the last ones it goes on straight. A ridge on
`a` shrinks its curvature, as McFarland, Cui & Butts 2013 (PLoS Comput. Biol. 9:e1003143) do. With
a = 0 it is the linear model, which a strong ridge leaves: of a log-rate, the Poisson GLM. The
function is free to fall as well as to rise.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from jaxneuro.types import Array, Closed, Model, Params

_REACH = 4.0  # of u, in which the function bends: of a log-rate, a factor of 50 either way
_SEGMENTS = 8


def linear_nonlinear() -> Model:
    """One projection and a learned function of it; predictions are (sample,).

    Parameters are `{"projection": {kernel (feature, 1), bias (1,)}, "bends": {kernel (segment, 1)},
    "readout": {kernel (1, 1), bias (1,)}}`. The readout's kernel is 1 while it is fitted, and takes
    back the unit of `y` where a fit has one. The problem is not convex: it begins at the linear
    model with w = 0, so that its first steps are those of the GLM.
    """
    return Model(Closed(_init), Closed(_apply), ("projection",), ("readout",))


def nonlinearity(params: Params, u: ArrayLike) -> np.ndarray:
    """The learned function of the projection, at points, with its constant c: the loss's link makes
    the response of it (of a Poisson model, exp).

    Args:
      params: of `linear_nonlinear`, with any axes in front, as in `Fits.params`.
      u: (point,) values of x·w + b.

    Returns:
      (*axes, point).
    """
    u = np.asarray(u, np.float64)
    bends = np.asarray(params["bends"]["kernel"], np.float64)[..., 0]
    gain, constant = (np.asarray(params["readout"][n], np.float64) for n in ("kernel", "bias"))
    return gain[..., 0] * (u + np.tensordot(bends, _ramps(u, np), axes=1)) + constant


def _init(key: Array, x: Array) -> Params:
    del key
    features = int(np.prod(x.shape[1:]))
    return {
        "projection": {"kernel": jnp.zeros((features, 1), x.dtype), "bias": jnp.zeros(1, x.dtype)},
        "bends": {"kernel": jnp.zeros((_SEGMENTS, 1), x.dtype)},
        "readout": {"kernel": jnp.ones((1, 1), x.dtype), "bias": jnp.zeros(1, x.dtype)},
    }


def _apply(params: Params, x: Array) -> Array:
    projection, readout = params["projection"], params["readout"]
    u = (projection["kernel"].T @ x.reshape(len(x), -1).T)[0] + projection["bias"]
    bent = u + params["bends"]["kernel"][:, 0] @ _ramps(u, jnp)
    return lax.stop_gradient(readout["kernel"])[0] * bent + readout["bias"]


def _ramps(u, xp):
    """(segment, *u) the φ_k, from the far left to the far right."""
    width = 2 * _REACH / _SEGMENTS
    near = np.arange(_SEGMENTS // 2) * width
    outward = xp.concatenate([-u[None], u[None]])[:, None]
    within = outward - near.reshape(-1, *[1] * u.ndim).astype(u.dtype)
    inside = xp.clip(within, 0, width)
    made = inside * (within - 0.5 * inside) / width
    return made.reshape(_SEGMENTS, *u.shape)
