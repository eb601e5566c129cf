"""A small convolutional classifier of images, maps and patches."""

from collections.abc import Callable, Sequence

import flax.linen as nn

from jaxneuro.models.dense import zero_bias
from jaxneuro.models.image_layers import Conv3x3, max_pool_2x2
from jaxneuro.models.values import LECUN_NORMAL, Initializer
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model


class _Cnn(nn.Module):
    """conv_0, pool, conv_1, pool, ..., hidden_0, ..., readout, ReLU between."""

    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    kernel_init: Initializer
    bias_init: Callable[[int], Initializer]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if x.ndim == 3:
            x = x[..., None]
        for i, features in enumerate(self.channels):
            bias = self.bias_init(9 * x.shape[-1])
            x = nn.relu(Conv3x3(features, self.kernel_init, bias, name=f"conv_{i}")(x))
            x = max_pool_2x2(x)
        x = x.reshape(x.shape[0], -1)
        for i, size in enumerate((*self.hidden, self.outputs)):
            last = i == len(self.hidden)
            layer = nn.Dense(
                size,
                kernel_init=self.kernel_init,
                bias_init=self.bias_init(x.shape[1]),
                param_dtype=x.dtype,
                name="readout" if last else f"hidden_{i}",
            )
            x = layer(x) if last else nn.relu(layer(x))
        return x


def cnn(
    outputs: int,
    channels: Sequence[int] = (32, 64),
    hidden: Sequence[int] = (128,),
    *,
    kernel_init: Initializer | None = None,
    bias_init: Callable[[int], Initializer] = zero_bias,
) -> Model:
    """3×3 convolutions, each with ReLU and 2×2 max pool, then dense layers: any image size.

    `x` is (sample, row, column, channel) or (sample, row, column); the prediction is
    (sample, output), logits for `losses.cross_entropy`.

    Args:
      outputs: classes.
      channels: features of each convolution.
      hidden: units of each dense layer between.
      kernel_init: LeCun normal if None.
      bias_init: inputs of a layer -> initializer of its biases.
    """
    kernel_init = kernel_init or LECUN_NORMAL
    module = _Cnn(tuple(channels), tuple(hidden), outputs, kernel_init, bias_init)
    return from_linen(module, readout=("readout",))
