"""Flax modules become `Model(init, apply)`, equal where the modules are."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
from flax import nnx
from jax.lax import conv_general_dilated as own_convolution

from jaxneuro.models.flax_convolution import batched_convolutions, conv_general_dilated
from jaxneuro.models.values import hashable, held
from jaxneuro.types import Array, Closed, Model, Params


def from_linen(
    module: nn.Module,
    first_layer: tuple[str, ...] | None = None,
    readout: tuple[str, ...] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Model:
    """A Flax linen module `x (sample, *feature) -> (sample,)` or `(sample, output)`.

    Models of modules with equal fields are equal, so their fits share compiled programs: change no
    object that a field holds afterwards. A module with a field that has no hash (a list, an array)
    is equal only to itself: hold tuples.

    Args:
      module: stateless: `params` is its only collection (no BatchNorm). Name its layers.
      first_layer: where in `params` the dense layer lies that the flattened `x` meets first, if
        one does, so that `make_fit(standardise=True)` can be used.
      readout: path in `params` of the last dense layer `{kernel, bias}`, whose output is the
        prediction, if one is.
      training: arguments by name that `__call__` takes while the module is fitted, such as
        `{"train": True}`, where it is random then; `self.make_rng("dropout")`, and `nn.Dropout`,
        draw anew at each step.

    Raises:
      TypeError: a path is no tuple of names.
      ValueError: at `init`, if the module makes other collections.
    """
    part = hashable(module)
    return Model(
        init=Closed(_linen_init, (part,)),
        apply=Closed(_linen_apply, (part,)),
        first_layer=_path("from_linen: first_layer", first_layer),
        readout=_path("from_linen: readout", readout),
        train=Closed(_linen_train, (part, tuple(sorted(training.items())))) if training else None,
    )


def _linen_init(part: Any, key: Array, x: Array) -> Params:
    module = held(part)
    with nn.intercept_methods(batched_convolutions):
        variables = module.init(key, x)
    others = sorted(set(variables) - {"params"})
    if others:
        raise ValueError(
            f"from_linen: {type(module).__name__} keeps {others} beside params; a fit is a "
            "pure function of its parameters: use layers without state (LayerNorm)"
        )
    return variables["params"]


def _linen_apply(part: Any, params: Params, x: Array) -> Array:
    with nn.intercept_methods(batched_convolutions):
        return held(part).apply({"params": params}, x)


def _linen_train(part: Any, training: tuple, params: Params, x: Array, key: Array) -> Array:
    with nn.intercept_methods(batched_convolutions):
        return held(part).apply({"params": params}, x, **dict(training), rngs={"dropout": key})


def from_nnx(
    build: Callable[[nnx.Rngs], nnx.Module],
    first_layer: tuple[str, ...] | None = None,
    readout: tuple[str, ...] | None = None,
) -> Model:
    """A Flax NNX module, built by `build(rngs)`, split into pure functions.

    Models of the same `build` are equal, so their fits share compiled programs: keep one function
    rather than a new lambda at each call.

    Args:
      build: e.g. `lambda rngs: MyModule(features=32, rngs=rngs)`.
      first_layer, readout: as in `from_linen`.

    Raises:
      TypeError: a path is no tuple of names.
      ValueError: at `init`, if the module keeps state beside `nnx.Param` (BatchNorm, Dropout).
    """
    part = hashable(build)
    return Model(
        init=Closed(_nnx_init, (part,)),
        apply=Closed(_nnx_apply, (part,)),
        first_layer=_path("from_nnx: first_layer", first_layer),
        readout=_path("from_nnx: readout", readout),
    )


def _nnx_init(part: Any, key: Array, x: Array) -> Params:
    del x  # NNX modules are told their sizes
    _, params, others = nnx.split(held(part)(nnx.Rngs(key)), nnx.Param, ...)
    if nnx.to_pure_dict(others):
        raise ValueError(
            "from_nnx: the module keeps state beside nnx.Param; a fit is a pure function "
            "of its parameters: use layers without state (LayerNorm, not BatchNorm), and for "
            "dropout a linen module (from_linen(..., training=))"
        )
    return nnx.to_pure_dict(params)


def _nnx_apply(part: Any, params: Params, x: Array) -> Array:
    abstract = nnx.eval_shape(lambda: held(part)(nnx.Rngs(0)))
    graph, state = nnx.split(abstract)
    nnx.replace_by_pure_dict(state, params)
    module = nnx.merge(graph, state)
    for _, layer in nnx.iter_graph(module):
        if isinstance(layer, nnx.Conv) and layer.conv_general_dilated is own_convolution:
            layer.conv_general_dilated = conv_general_dilated
    return module(x)  # pyright: ignore[reportCallIssue]


def _path(argument: str, path: Any) -> tuple[str, ...] | None:
    """As a tuple, which has a hash. A bare name would be taken letter by letter."""
    if path is None:
        return None
    names = path if isinstance(path, tuple | list) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f'{argument} is {path!r}: pass a path in the parameters, such as ("name",)')
    return tuple(names)
