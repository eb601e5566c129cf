"""A convolutional core that all neurons share, with a readout for each.

    prediction[t, n] = Σ_c seen[t, n, c] weight[c, n] + bias[n]

where `seen` is what the neuron's readout finds in the core's feature maps (`models.readouts`). All
neurons together teach the core, so that it takes far fewer images than a network for each.
"""

from collections.abc import Sequence
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp

from jaxneuro.models.readouts import Factorised, Gaussian
from jaxneuro.models.values import LECUN_NORMAL
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model

_SIDE = 3  # of the kernels after the first layer's
_READOUTS = {"gaussian": Gaussian, "factorised": Factorised}
_NAMES = {"gaussian": "position", "factorised": "mask"}


def core_readout(
    neurons: int,
    channels: Sequence[int] = (16, 16),
    size: int = 7,
    *,
    readout: Literal["gaussian", "factorised"] = "gaussian",
    separable: bool = True,
    dropout: float = 0.0,
) -> Model:
    """Convolutions shared by all neurons, each of which reads them out by itself.

    `x` is (sample, row, column) or (sample, row, column, channel), of about unit variance; the
    prediction is (sample, neuron). Convolutions have stride 1 and zeros outside, so that a place in
    the maps is that place in the image. Behind each come LayerNorm over the maps of an image (Ba,
    Kiros & Hinton 2016, arXiv:1607.06450) and an ELU.

    With the Gaussian readout, which draws positions, or with dropout the model is random while it
    is fitted (`Model.train`): only the step limit or early stopping ends a fit.

    Args:
      neurons: of all sessions.
      channels: feature maps of each layer.
      size: of the first layer's kernels, odd; those after are 3×3.
      readout: "gaussian", a position for each neuron (Lurz et al. 2021, ICLR); or "factorised", a
        mask over places for each (Klindt et al. 2017, NeurIPS 30).
      separable: later layers are a 3×3 convolution within each channel and then a mixture of
        channels (Chollet 2017, CVPR, "Xception"), as in Lurz et al.: fewer weights.
      dropout: share of the maps that is left out of each image at each step, behind each layer.

    Parameters are `{"core": {"conv_0": {kernel (size, size, channel, map)}, "norm_0": {bias},
    "depth_1": {kernel (3, 3, map)}, "point_1": {kernel (1, 1, map, map)}, "norm_1": {bias}, ...},
    "position": {"mean": {bias (neuron, 2)}, "root": {bias (neuron, 2, 2)}}, "readout": {kernel
    (map, neuron), bias (neuron,)}}`; without `separable` further "conv_1" (3, 3, map, map), and
    with the factorised readout "mask": {kernel (row·column, neuron)}.

    Raises:
      ValueError: names the argument.
    """
    channels = tuple(channels)
    if not channels or min(channels) < 1:
        raise ValueError(f"core_readout: channels is {channels}, must be positive sizes")
    if neurons < 1:
        raise ValueError(f"core_readout: neurons is {neurons}, must be at least 1")
    if size < 1 or size % 2 == 0:
        raise ValueError(f"core_readout: size is {size}, must be odd: a kernel has a middle")
    if readout not in _READOUTS:
        raise ValueError(f"core_readout: readout is {readout!r}, must be one of {[*_READOUTS]}")
    if not 0 <= dropout < 1:
        raise ValueError(f"core_readout: dropout is {dropout}, must be from 0 to below 1")
    module = _CoreReadout(neurons, channels, size, readout, bool(separable), float(dropout))
    random = readout == "gaussian" or dropout > 0
    return from_linen(module, readout=("readout",), training={"train": True} if random else None)


class _CoreReadout(nn.Module):
    """The core, where each neuron looks, and what it makes of the features there."""

    neurons: int
    channels: tuple[int, ...]
    size: int
    readout: str
    separable: bool
    dropout: float

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        if x.ndim == 3:
            x = x[..., None]
        if x.ndim != 4:
            raise ValueError(
                f"core_readout: x is {x.shape}, must be images (sample, row, column) or (sample, "
                "row, column, channel)"
            )
        maps = _Core(self.channels, self.size, self.separable, self.dropout, name="core")(x, train)
        look = _READOUTS[self.readout](self.neurons, name=_NAMES[self.readout])
        return _Weights(self.neurons, name="readout")(look(maps, train))


class _Core(nn.Module):
    """conv_0 (size×size), then depth_1 and point_1 or conv_1, ...; norm, ELU and dropout behind."""

    channels: tuple[int, ...]
    size: int
    separable: bool
    dropout: float

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        for i, features in enumerate(self.channels):
            if i and self.separable:
                x = _Depthwise(name=f"depth_{i}")(x)
            side, name = (1, "point") if i and self.separable else (_SIDE, "conv")
            convolve = nn.Conv(
                features,
                (side, side) if i else (self.size, self.size),
                use_bias=False,
                kernel_init=LECUN_NORMAL,
                param_dtype=x.dtype,
                name=f"{name}_{i}",
            )
            x = convolve(x)
            norm = nn.LayerNorm(
                reduction_axes=(1, 2, 3),  # within an image, so that its maps keep their places
                feature_axes=-1,
                use_scale=False,  # what follows has weights of its own
                param_dtype=x.dtype,
                name=f"norm_{i}",
            )
            x = nn.elu(norm(x))
            if self.dropout:  # whole maps: the neighbours of a place would tell what it was
                drop = nn.Dropout(self.dropout, broadcast_dims=(1, 2), name=f"dropout_{i}")
                x = drop(x, deterministic=not train)
        return x


class _Depthwise(nn.Module):
    """A 3×3 convolution within each channel, zeros outside; as sums of shifted maps, which `vmap`
    over the kernels leaves as fast as they are. Kernel (3, 3, channel)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        rows, columns, channels = x.shape[1:]
        kernel = self.param("kernel", LECUN_NORMAL, (_SIDE, _SIDE, channels), x.dtype)
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        shifted = [
            padded[:, i : i + rows, j : j + columns] * kernel[i, j]
            for i in range(_SIDE)
            for j in range(_SIDE)
        ]
        return sum(shifted[1:], start=shifted[0])


class _Weights(nn.Module):
    """What each neuron makes of (sample, neuron, channel); a mean over channels at the start."""

    neurons: int

    @nn.compact
    def __call__(self, seen: Array) -> Array:
        channels = seen.shape[-1]
        even = nn.initializers.constant(1 / channels)
        kernel = self.param("kernel", even, (channels, self.neurons), seen.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.neurons,), seen.dtype)
        return jnp.einsum("tnc,cn->tn", seen, kernel) + bias
