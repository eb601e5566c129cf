"""Convolutions of groups of channels, each with kernels of its own, as products of matrices.

`lax`'s own is slow on CPUs, as is a sum over what each offset of the window sees, of which a long
kernel makes many copies.
"""

import jax.numpy as jnp

from jaxneuro.models.convolution import Window, neighbourhoods
from jaxneuro.types import Array


def convolve_groups(x: Array, kernel: Array, window: Window, groups: int) -> Array:
    """Of `x` (sample, *place, channel), whose channels are so many groups, with `kernel` (*offset,
    channel of a group, feature), zeros outside: (sample, *place, feature)."""
    if len(window.size) == 1 and window.strides == window.dilation == (1,):
        return _by_bands(x, kernel, window, groups)
    each = kernel.shape[-2]
    seen = neighbourhoods(x, window)
    seen = seen.reshape(*seen.shape[:-1], -1, groups, each)
    kernel = kernel.reshape(-1, each, groups, kernel.shape[-1] // groups)
    out = jnp.einsum("...wgc,wcgf->...gf", seen, kernel)
    return out.reshape(*out.shape[:-2], -1)


def _by_bands(x: Array, kernel: Array, window: Window, groups: int) -> Array:
    """Over time: stretches of two kernels' length, which overlap by half, times a band matrix that
    brings forth the outputs of one: twice the operations, and no copy for each offset."""
    (size,), ((low, _),) = window.size, window.padding
    samples, times, _ = x.shape
    (places,) = window.places((times,))
    stretches = -(-places // size)
    whole = (stretches + 1) * size
    x = jnp.pad(x, [(0, 0), (low, max(0, whole - times - low)), (0, 0)])[:, :whole]
    x = x.reshape(samples, stretches + 1, size, groups, -1)
    both = jnp.concatenate([x[:, :-1], x[:, 1:]], axis=2)
    band = _band(kernel.reshape(size, kernel.shape[1], groups, -1))
    out = jnp.einsum("nsigc,gfjci->nsjgf", both, band)
    return out.reshape(samples, stretches * size, -1)[:, :places]


def _band(kernel: Array) -> Array:
    """(offset, channel, group, feature) -> (group, feature, place, channel, time): the kernel of
    each place begins one time later. Rows that are one longer than wanted, read as rows of the
    wanted length, are shifted so."""
    size = len(kernel)
    wide = jnp.pad(kernel.transpose(2, 3, 1, 0), [(0, 0)] * 3 + [(0, size + 1)])
    shape = (*wide.shape[:3], size, 2 * size + 1)
    flat = jnp.broadcast_to(wide[..., None, :], shape).reshape(*shape[:3], -1)
    shifted = flat[..., : 2 * size * size].reshape(*shape[:3], size, 2 * size)
    return shifted.swapaxes(2, 3)
