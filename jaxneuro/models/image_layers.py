"""What the article's network of images is made of: a 3×3 convolution, and a pool."""

import flax.linen as nn
import jax.numpy as jnp

from jaxneuro.models.convolution import Window, convolve
from jaxneuro.models.values import LECUN_NORMAL, Initializer
from jaxneuro.types import Array

SAME_3X3 = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))


def max_pool_2x2(x: Array) -> Array:
    """Maxima of 2×2 blocks of `x` (sample, row, column, channel); an odd last row or column is
    dropped, and of equal values the first gets the gradient, as in PyTorch."""
    n, rows, columns, channels = x.shape
    x = x[:, : rows // 2 * 2, : columns // 2 * 2]
    x = x.reshape(n, rows // 2, 2, columns // 2 * 2, channels)
    x = _larger(x[:, :, 0], x[:, :, 1]).reshape(n, rows // 2, columns // 2, 2, channels)
    return _larger(x[:, :, :, 0], x[:, :, :, 1])


def _larger(a: Array, b: Array) -> Array:
    return jnp.where(a >= b, a, b)  # `jnp.maximum` halves the gradient between equals


class Conv3x3(nn.Module):
    """3×3 convolution, stride 1, zero padding 1. Kernel (3, 3, channel, feature) as `nn.Conv`."""

    features: int
    kernel_init: Initializer = LECUN_NORMAL
    bias_init: Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, x.dtype)
        bias = self.param("bias", self.bias_init, (self.features,), x.dtype)
        return jnp.add(convolve(x, kernel, SAME_3X3), bias)
