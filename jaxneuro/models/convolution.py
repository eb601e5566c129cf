"""A 3×3 convolution and a pool that stay fast when every fit has its own kernel.

`vmap` over the kernels of `lax.conv` makes grouped convolutions, whose kernel gradient costs
O(fits²) on CPUs and is slow on GPUs (jax #13800, #26266). Shifted slices and one matrix product
batch like any other matrix product.
"""

import flax.linen as nn
import jax.numpy as jnp

from jaxneuro.types import Array


def patches_3x3(x: Array) -> Array:
    """The 3×3 neighbourhoods of `x` (sample, row, column, channel), zero outside:
    (sample, row, column, 9·channel), ordered (row offset, column offset, channel)."""
    rows, columns = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, axis=-1)


def max_pool_2x2(x: Array) -> Array:
    """Maxima of 2×2 blocks of `x` (sample, row, column, channel); an odd last row or column is
    dropped, as in PyTorch."""
    n, rows, columns, channels = x.shape
    x = x[:, : rows // 2 * 2, : columns // 2 * 2]
    return x.reshape(n, rows // 2, 2, columns // 2, 2, channels).max(axis=(2, 4))


class Conv3x3(nn.Module):
    """3×3 convolution, stride 1, zero padding 1. Kernel (3, 3, channel, feature) as `nn.Conv`."""

    features: int
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, x.dtype)
        bias = self.param("bias", self.bias_init, (self.features,), x.dtype)
        return patches_3x3(x) @ kernel.reshape(-1, self.features) + bias
