"""Flax modules become `Model(init, apply)`."""

from collections.abc import Callable

import flax.linen as nn
from flax import nnx

from jaxneuro.types import Array, Model, Params


def from_linen(module: nn.Module, first_layer: tuple[str, ...] | None = None) -> Model:
    """A Flax linen module `x (sample, *feature) -> (sample,)` or `(sample, output)`.

    Args:
      module: stateless: `params` is its only collection (no BatchNorm). Name its layers.
      first_layer: where in `params` the dense layer lies that the flattened `x` meets first, if
        one does, so that `make_fit(standardise=True)` can be used.

    Raises:
      ValueError: at `init`, if the module makes other collections.
    """

    def init(key: Array, x: Array) -> Params:
        variables = module.init(key, x)
        others = sorted(set(variables) - {"params"})
        if others:
            raise ValueError(
                f"from_linen: {type(module).__name__} keeps {others} beside params; a fit is a "
                "pure function of its parameters: use layers without state (LayerNorm)"
            )
        return variables["params"]

    def apply(params: Params, x: Array) -> Array:
        return module.apply({"params": params}, x)  # pyright: ignore[reportReturnType]

    return Model(init, apply, first_layer)


def from_nnx(
    build: Callable[[nnx.Rngs], nnx.Module], first_layer: tuple[str, ...] | None = None
) -> Model:
    """A Flax NNX module, built by `build(rngs)`, split into pure functions.

    Args:
      build: e.g. `lambda rngs: MyModule(features=32, rngs=rngs)`.
      first_layer: as in `from_linen`.

    Raises:
      ValueError: at `init`, if the module keeps state beside `nnx.Param` (BatchNorm, Dropout).
    """

    def init(key: Array, x: Array) -> Params:
        del x  # NNX modules are told their sizes
        _, params, others = nnx.split(build(nnx.Rngs(key)), nnx.Param, ...)
        if nnx.to_pure_dict(others):
            raise ValueError(
                "from_nnx: the module keeps state beside nnx.Param; a fit is a pure function "
                "of its parameters: use layers without state (LayerNorm, not BatchNorm)"
            )
        return nnx.to_pure_dict(params)

    def apply(params: Params, x: Array) -> Array:
        abstract = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
        graph, state = nnx.split(abstract)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(graph, state)(x)  # pyright: ignore[reportCallIssue]

    return Model(init, apply, first_layer)
