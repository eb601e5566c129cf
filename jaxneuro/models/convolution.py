"""Convolutions that stay fast when every fit has its own kernel.

`vmap` over the kernels of `lax.conv` makes grouped convolutions, whose kernel gradient costs
O(fits²) on CPUs and is slow on GPUs (jax #13800, #26266). So the gradient is written here: of the
kernel, as a matrix product of neighbourhoods, or of few features as a convolution; of the image, as
a convolution with the turned kernel, or where the window strides, as a product put back in its
places. The convolution itself is on CPUs `lax.conv`, one fit after the other, or of small windows a
sum of shifted images, and a product of neighbourhoods elsewhere: what is fastest is chosen in
`_convolver` and `_kernel_gradient`, and nowhere else.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from jaxneuro.types import Array

_BLOCK = 4  # images whose neighbourhoods are laid out at a time: they stay in the cache
_SMALL = 50  # weights of a feature up to which their sum is faster than `lax.conv` on CPUs
_TOGETHER = 100  # images of such a sum
_FEW = 16  # features up to which the gradient of the kernel is faster as a convolution


class Window(NamedTuple):
    """What a convolution looks at, by axis of places: size, strides, zeros before and after."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def reach(self) -> tuple[int, ...]:
        return tuple(d * (n - 1) + 1 for n, d in zip(self.size, self.dilation, strict=True))

    def places(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Of the output, for an image of that shape."""
        parts = zip(shape, self.padding, self.reach(), self.strides, strict=True)
        return tuple((n + sum(pad) - reach) // stride + 1 for n, pad, reach, stride in parts)


def neighbourhoods(x: Array, window: Window) -> Array:
    """What the window sees of `x` (sample, *place, channel), zero outside: (sample, *place of the
    output, window · channel), ordered (*offset, channel)."""
    return jnp.concatenate(_parts(x, window), axis=-1)


def _parts(x: Array, window: Window) -> list[Array]:
    """What each offset in the window sees, (sample, *place of the output, channel)."""
    padding = [(0, 0, 0), *((*pad, 0) for pad in window.padding), (0, 0, 0)]
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), padding)
    return [padded[(slice(None), *at)] for at in _slices(window, x.shape[1:-1])]


def _slices(window: Window, shape: Sequence[int]) -> list[tuple[slice, ...]]:
    """Of the padded image, for each offset in the window."""
    found = []
    for offset in np.ndindex(*window.size):
        starts = [int(o * d) for o, d in zip(offset, window.dilation, strict=True)]
        parts = zip(starts, window.places(shape), window.strides, strict=True)
        found.append(tuple(slice(at, at + (n - 1) * step + 1, step) for at, n, step in parts))
    return found


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: Array, kernel: Array, window: Window) -> Array:
    """`lax.conv` of `x` (sample, *place, channel) with `kernel` (*offset, channel, feature), zeros
    outside: (sample, *place, feature)."""
    return _convolver(window)(x, kernel)


def _forward(x: Array, kernel: Array, window: Window):
    return _convolver(window)(x, kernel), (x, kernel)


def _backward(window: Window, saved: tuple[Array, Array], gradient: Array):
    x, kernel = saved
    by_kernel = _kernel_gradient(window)(x, gradient)
    if all(step == 1 for step in window.strides):
        return _convolver(_turned(window, x.shape[1:-1]))(gradient, _turn(kernel)), by_kernel
    return _put_back(gradient, kernel, window, x.shape[1:-1]), by_kernel


convolve.defvjp(_forward, _backward)


def _turn(kernel: Array) -> Array:
    return jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)


def _turned(window: Window, shape: Sequence[int]) -> Window:
    """The window, without strides, that brings the gradient of the output back to the image."""
    parts = zip(shape, window.places(shape), window.padding, window.reach(), strict=True)
    pads = [(reach - 1 - low, n - places + low) for n, places, (low, _), reach in parts]
    return window._replace(padding=tuple(pads))


def _put_back(gradient: Array, kernel: Array, window: Window, shape: Sequence[int]) -> Array:
    """The gradient of the image, where the window strides."""
    channels, features = kernel.shape[-2:]
    product = gradient @ kernel.reshape(-1, features).T
    sizes = [n + sum(pad) for n, pad in zip(shape, window.padding, strict=True)]
    total = jnp.zeros((*gradient.shape[:1], *sizes, channels), gradient.dtype)
    for i, at in enumerate(_slices(window, shape)):
        part = product[..., i * channels : (i + 1) * channels]
        spread = zip(at, sizes, strict=True)
        pads = [(one.start, size - one.stop, one.step - 1) for one, size in spread]
        zero = jnp.zeros((), part.dtype)
        total = total + jax.lax.pad(part, zero, [(0, 0, 0), *pads, (0, 0, 0)])
    crop = [(-low, -high, 0) for low, high in window.padding]
    return jax.lax.pad(total, jnp.zeros((), total.dtype), [(0, 0, 0), *crop, (0, 0, 0)])


def layout(axes: int) -> tuple[str, str, str]:
    """Of image, kernel and output with so many axes of places, as Flax has them."""
    places = "ABDEFGHJ"[:axes]
    return f"N{places}C", f"{places}IO", f"N{places}C"


def _lax(window: Window, x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, window.strides, window.padding, rhs_dilation=window.dilation,
        dimension_numbers=layout(len(window.size)),
    )  # fmt: skip


def _summed(window: Window, x: Array, kernel: Array) -> Array:
    """The sum over offsets and channels of what each sees times its weights, which XLA makes one
    pass over the output of; a block of images at a time, or it is woven into whatever comes next
    and made again for each of its outputs."""
    flat = kernel.reshape(-1, *kernel.shape[-2:])

    def one(image: Array) -> Array:
        seen = enumerate(_parts(image[None], window))
        terms = [
            part[0, ..., c : c + 1] * flat[i, c] for i, part in seen for c in range(len(flat[0]))
        ]
        return reduce(jnp.add, terms)

    return jax.lax.map(one, x, batch_size=_TOGETHER)


@lru_cache(maxsize=256)
def _convolver(window: Window) -> Callable[[Array, Array], Array]:
    """The convolution of one fit, and of many."""

    @custom_vmap
    def here(x: Array, kernel: Array) -> Array:
        small = int(np.prod(kernel.shape[:-1])) <= _SMALL
        return (_summed if small else _lax)(window, x, kernel)

    @here.def_vmap
    def one_by_one(size: int, batched: list[bool], x: Array, kernel: Array):
        del size
        if all(batched):
            return jax.lax.map(lambda pair: here(*pair), (x, kernel)), True
        if batched[0]:  # one kernel: the fits' images are one batch
            flat = here(x.reshape(-1, *x.shape[2:]), kernel)
            return flat.reshape(*x.shape[:2], *flat.shape[1:]), True
        fits, features = kernel.shape[0], kernel.shape[-1]  # one batch of images: kernels in a row
        wide = jnp.moveaxis(kernel, 0, -2).reshape(*kernel.shape[1:-1], fits * features)
        out = here(x, wide)
        return jnp.moveaxis(out.reshape(*out.shape[:-1], fits, features), -2, 0), True

    def elsewhere(x: Array, kernel: Array) -> Array:
        return neighbourhoods(x, window) @ kernel.reshape(-1, kernel.shape[-1])

    return here if jax.default_backend() == "cpu" else elsewhere


@lru_cache(maxsize=256)
def _kernel_gradient(window: Window) -> Callable[[Array, Array], Array]:
    """Σ over samples and places of neighbourhood · gradient, (*offset, channel, feature): of one
    fit, and on CPUs of many one after the other."""

    @custom_vmap
    def here(x: Array, gradient: Array) -> Array:
        if gradient.shape[-1] <= _FEW:
            return _by_convolution(x, gradient, window)
        by_place = _by_neighbourhoods(x, gradient, window)
        return by_place.reshape(*window.size, x.shape[-1], -1)

    @here.def_vmap
    def one_by_one(size: int, batched: list[bool], x: Array, gradient: Array):
        del size
        if all(batched):
            return jax.lax.map(lambda pair: here(*pair), (x, gradient)), True
        if batched[0]:
            return jax.lax.map(lambda x: here(x, gradient), x), True
        return jax.lax.map(lambda gradient: here(x, gradient), gradient), True

    def elsewhere(x: Array, gradient: Array) -> Array:
        return _product(x, gradient, window).reshape(*window.size, x.shape[-1], -1)

    return here if jax.default_backend() == "cpu" else elsewhere


def _by_convolution(x: Array, gradient: Array, window: Window) -> Array:
    """The gradient of the kernel as a convolution of `x`, channels as its batch, with `gradient`,
    samples as its channels: what strode is now dilated. (`lax`'s own transposition is the same in a
    layout for which XLA has no fast program on CPUs.)"""
    shapes = zip(x.shape[1:-1], gradient.shape[1:-1], *window[1:3], window.reach(), strict=True)
    padding = [
        (low, reach + (places - 1) * step - n - low) for n, places, step, (low, _), reach in shapes
    ]
    found = jax.lax.conv_general_dilated(
        x.swapaxes(0, -1), jnp.moveaxis(gradient, 0, -2), window.dilation, padding,
        rhs_dilation=window.strides, dimension_numbers=layout(len(window.size)),
    )  # fmt: skip
    return jnp.moveaxis(found, 0, -2)


def _by_neighbourhoods(x: Array, gradient: Array, window: Window) -> Array:
    """`_product` of a few images at a time."""
    blocks = len(x) // _BLOCK
    if blocks < 2 or len(x) % _BLOCK:
        return _product(x, gradient, window)
    images, gradients = (a.reshape(blocks, _BLOCK, *a.shape[1:]) for a in (x, gradient))
    inside = int(np.prod(window.size)) * x.shape[-1]
    start = jnp.zeros((inside, gradient.shape[-1]), x.dtype)

    def add(total: Array, part: tuple[Array, Array]):
        return total + _product(*part, window), None

    return jax.lax.scan(add, start, (images, gradients))[0]


def _product(x: Array, gradient: Array, window: Window) -> Array:
    seen = neighbourhoods(x, window)
    patches = seen.reshape(-1, seen.shape[-1])
    return jnp.tensordot(patches, gradient.reshape(-1, gradient.shape[-1]), axes=(0, 0))
