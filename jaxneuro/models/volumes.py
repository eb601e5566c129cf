"""Networks of images and volumes whose channels are in units of their own; and of volumes."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from jaxneuro.models.convolution import Window, convolve
from jaxneuro.models.values import LECUN_NORMAL
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Closed, Model, Params

_SAME = Window((3, 3, 3), (1, 1, 1), ((1, 1), (1, 1), (1, 1)), (1, 1, 1))


class _Conv3x3x3(nn.Module):
    """3×3×3 convolution, stride 1, zero padding 1. Kernel (3, 3, 3, channel, feature)."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (3, 3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", LECUN_NORMAL, shape, x.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), x.dtype)
        return jnp.add(convolve(x, kernel, _SAME), bias)


class _VolumeCnn(nn.Module):
    """conv_0, pool, conv_1, pool, ..., hidden_0, ..., readout, ReLU between."""

    outputs: int
    channels: tuple[int, ...]
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = x[..., None] if x.ndim == 4 else x
        if x.ndim != 5:
            raise ValueError(f"volume_cnn: x is {x.shape}, must be (sample, i, j, k, channel)")
        for i, features in enumerate(self.channels):
            x = _halved(nn.relu(_Conv3x3x3(features, name=f"conv_{i}")(x)))
        x = x.reshape(x.shape[0], -1)
        for i, size in enumerate((*self.hidden, self.outputs)):
            last = i == len(self.hidden)
            name = "readout" if last else f"hidden_{i}"
            layer = nn.Dense(size, kernel_init=LECUN_NORMAL, param_dtype=x.dtype, name=name)
            x = layer(x) if last else nn.relu(layer(x))
        return x


def _halved(x: Array) -> Array:
    """Maxima of blocks of 2 along each axis of places of 2 or more; an odd last one is dropped."""
    for axis in range(1, x.ndim - 1):
        if (half := x.shape[axis] // 2) == 0:
            continue
        even = jnp.take(x, 2 * jnp.arange(half), axis)
        x = jnp.maximum(even, jnp.take(x, 2 * jnp.arange(half) + 1, axis))
    return x


def volume_cnn(
    outputs: int, channels: Sequence[int] = (8, 16), hidden: Sequence[int] = (32,)
) -> Model:
    """3×3×3 convolutions, each with ReLU and 2×2×2 max pool, then dense layers: any size of volume.

    `x` is (sample, i, j, k, channel) or (sample, i, j, k); the prediction is (sample, output),
    logits for `losses.cross_entropy`. What `cnn` is to images.

    Args:
      outputs: classes.
      channels: features of each convolution.
      hidden: units of each dense layer between.

    Raises:
      ValueError: no positive sizes; or of other `x`, when it is fitted.
    """
    if not channels or min(*channels, *hidden, outputs) < 1:
        raise ValueError(f"volume_cnn: channels {tuple(channels)}, hidden {tuple(hidden)} and "
                         f"outputs {outputs} must be positive sizes")  # fmt: skip
    module = _VolumeCnn(outputs, tuple(channels), tuple(hidden))
    return from_linen(module, readout=("readout",))


def by_channel(network: Model) -> Model:
    """A network behind a mixture of channels that each place has for itself, the identity at first:
    a dense first layer, so that `make_fit(standardise=True)` scales each channel by what *its* fit
    is fitted on, and never by what is held out.

    Args:
      network: of `x` (sample, *place, channel), such as `cnn`, `region_cnn` or `volume_cnn`.
    """
    readout = None if network.readout is None else ("network", *network.readout)
    return Model(
        init=Closed(_init, (network,)),
        apply=Closed(_apply, (network,)),
        first_layer=("channels",),
        readout=readout,
        train=None if network.train is None else Closed(_train, (network,)),
    )


def _init(network: Model, key: Array, x: Array) -> Params:
    count = x.shape[-1]
    mixture = {"kernel": jnp.eye(count, dtype=x.dtype), "bias": jnp.zeros(count, x.dtype)}
    return {"channels": mixture, "network": network.init(key, x)}


def _mixed(params: Params, x: Array) -> Array:
    return x @ params["channels"]["kernel"] + params["channels"]["bias"]


def _apply(network: Model, params: Params, x: Array) -> Array:
    return network.apply(params["network"], _mixed(params, x))


def _train(network: Model, params: Params, x: Array, key: Array) -> Array:
    assert network.train is not None
    return network.train(params["network"], _mixed(params, x), key)
