"""The Wiener cascade: a linear filter, and behind it a static polynomial for each output.

    u_o = x·w_o + b_o,    prediction_o = c_o + u_o + a_o2 u_o² + ... + a_od u_o^d

(Hunter & Korenberg 1986, Biol. Cybern. 55:135). The slope at u = 0 is 1: a scale of u that the
filter has already. With a = 0 it is the linear model. A polynomial runs away where it was never
fitted, so beyond `_REACH` it goes on along its tangent.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxneuro.types import Array, Closed, Model, Params

_REACH = 4.0  # of u, whose unit is the deviation of y where a fit has one


def wiener_cascade(outputs: int, degree: int = 3) -> Model:
    """A linear filter and a polynomial of each output; predictions are (sample, output).

    Parameters are `{"filter": {kernel (feature, output), bias}, "polynomial": {kernel (degree - 1,
    output)}, "readout": {kernel (1, output), bias (output,)}}`. The readout's kernel is 1 while it
    is fitted, and takes back the unit of `y`. The problem is not convex: it begins at the linear
    model with w = 0, so that its first steps are those of the Wiener filter.

    Args:
      outputs: how many.
      degree: of the polynomial.

    Raises:
      ValueError: names the argument.
    """
    if outputs < 1 or degree < 2:
        raise ValueError(
            f"wiener_cascade: outputs is {outputs}, must be at least 1, and degree {degree}, at "
            "least 2 (of 1 it is models.linear)"
        )
    own = Closed(_init, (outputs, degree))
    return Model(own, Closed(_apply), ("filter",), ("readout",))


def _init(outputs: int, degree: int, key: Array, x: Array) -> Params:
    del key
    features = int(np.prod(x.shape[1:]))
    zeros = jnp.zeros(outputs, x.dtype)
    return {
        "filter": {"kernel": jnp.zeros((features, outputs), x.dtype), "bias": zeros},
        "polynomial": {"kernel": jnp.zeros((degree - 1, outputs), x.dtype)},
        "readout": {"kernel": jnp.ones((1, outputs), x.dtype), "bias": zeros},
    }


def _apply(params: Params, x: Array) -> Array:
    bends, readout = params["polynomial"]["kernel"], params["readout"]
    u = x.reshape(x.shape[0], -1) @ params["filter"]["kernel"] + params["filter"]["bias"]
    inside = jnp.clip(u, -_REACH, _REACH)
    made, slope = inside, jnp.ones_like(inside)
    for i, bend in enumerate(bends):
        made = made + bend * inside ** (i + 2)
        slope = slope + (i + 2) * bend * inside ** (i + 1)
    made = made + slope * (u - inside)
    return lax.stop_gradient(readout["kernel"]) * made + readout["bias"]
