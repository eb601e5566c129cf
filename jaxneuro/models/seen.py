"""A model of what is seen of `x`: of the patches or rows that it tells, say."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxneuro.types import Array, Closed, Model, Params


def seen_by(model: Model, see: Callable[[Array], Array]) -> Model:
    """`model` of `see(x)`, for an `x` that its first layer does not meet. `see` is a value, as a
    `Closed` is, so that the model is one."""
    return Model(
        init=Closed(_init, (model, see)),
        apply=Closed(_apply, (model, see)),
        readout=model.readout,
        train=None if model.train is None else Closed(_train, (model, see)),
    )


def _init(model: Model, see: Callable[[Array], Array], key: Array, x: Array) -> Params:
    shape = jax.eval_shape(see, x)  # what x holds is no matter, and is not read
    return model.init(key, jnp.zeros(shape.shape, shape.dtype))


def _apply(model: Model, see: Callable[[Array], Array], params: Params, x: Array) -> Array:
    return model.apply(params, see(x))


def _train(
    model: Model, see: Callable[[Array], Array], params: Params, x: Array, key: Array
) -> Array:
    assert model.train is not None
    return model.train(params, see(x), key)
