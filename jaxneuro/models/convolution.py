"""A 3×3 convolution and a pool that stay fast when every fit has its own kernel.

`vmap` over the kernels of `lax.conv` makes grouped convolutions, whose kernel gradient costs
O(fits²) on CPUs and is slow on GPUs (jax #13800, #26266). So the gradient is written here: of the
kernel, as a matrix product of neighbourhoods; of the image, as a convolution with the turned
kernel. The convolution itself is `lax.conv` on CPUs, one fit after the other, and a product of
neighbourhoods elsewhere: what is fastest is chosen in `_convolve` and nowhere else.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxneuro.models.values import LECUN_NORMAL, Initializer
from jaxneuro.types import Array

_BLOCK = 4  # images whose neighbourhoods are laid out at a time: they stay in the cache


def patches_3x3(x: Array) -> Array:
    """The 3×3 neighbourhoods of `x` (sample, row, column, channel), zero outside:
    (sample, row, column, 9·channel), ordered (row offset, column offset, channel)."""
    rows, columns = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, axis=-1)


@jax.custom_vjp
def convolve_3x3(x: Array, kernel: Array) -> Array:
    """`lax.conv` of `x` (sample, row, column, channel) with `kernel` (3, 3, channel, feature),
    stride 1, zeros outside: (sample, row, column, feature)."""
    return _convolve(x, kernel)


def _forward(x: Array, kernel: Array):
    return _convolve(x, kernel), (x, kernel)


def _backward(saved: tuple[Array, Array], gradient: Array):
    x, kernel = saved
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    return _convolve(gradient, turned), _kernel_gradient(x, gradient).reshape(kernel.shape)


convolve_3x3.defvjp(_forward, _backward)


def _convolve(x: Array, kernel: Array) -> Array:
    if jax.default_backend() == "cpu":
        return _convolve_here(x, kernel)
    return patches_3x3(x) @ kernel.reshape(-1, kernel.shape[-1])


@custom_vmap
def _convolve_here(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@_convolve_here.def_vmap
def _one_by_one(size: int, batched: list[bool], x: Array, kernel: Array):
    del size
    if all(batched):
        return jax.lax.map(lambda pair: _convolve_here(*pair), (x, kernel)), True
    if batched[0]:  # one kernel: the fits' images are one batch
        flat = _convolve_here(x.reshape(-1, *x.shape[2:]), kernel)
        return flat.reshape(*x.shape[:2], *flat.shape[1:]), True
    fits, features = kernel.shape[0], kernel.shape[-1]  # one batch of images: kernels side by side
    wide = jnp.moveaxis(kernel, 0, -2).reshape(*kernel.shape[1:4], fits * features)
    out = _convolve_here(x, wide)
    return jnp.moveaxis(out.reshape(*out.shape[:3], fits, features), 3, 0), True


def _kernel_gradient(x: Array, gradient: Array) -> Array:
    """Σ over samples and places of neighbourhood · gradient: (9·channel, feature)."""

    def product(x: Array, gradient: Array) -> Array:
        patches = patches_3x3(x).reshape(-1, 9 * x.shape[-1])
        return jnp.tensordot(patches, gradient.reshape(-1, gradient.shape[-1]), axes=(0, 0))

    blocks = len(x) // _BLOCK
    if blocks < 2 or len(x) % _BLOCK or jax.default_backend() != "cpu":
        return product(x, gradient)
    parts = [a.reshape(blocks, _BLOCK, *a.shape[1:]) for a in (x, gradient)]
    start = jnp.zeros((9 * x.shape[-1], gradient.shape[-1]), x.dtype)
    return jax.lax.scan(lambda sum_, part: (sum_ + product(*part), None), start, tuple(parts))[0]


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
        return convolve_3x3(x, kernel) + bias
