"""Readouts of shared feature maps: where each neuron looks. What it makes of the features that it
finds there is a layer behind (`models.core`).

A readout takes maps (sample, row, column, channel) to (sample, neuron, channel), each neuron by
parameters of its own.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.models.values import LECUN_NORMAL, Uniform
from jaxneuro.types import Array, Params

_START = 0.1  # of a Gaussian's mean, about the centre of the image
_SPREAD = 0.4  # of the root of its covariance, in halves of an image: at first it sees about all


class Factorised(nn.Module):
    """A mask over places for each neuron (Klindt, Ecker, Euler & Bethge 2017, NeurIPS 30, "Neural
    system identification for large populations separating what and where"):

        seen[t, n, c] = Σ_ij maps[t, i, j, c] mask[i, j, n]

    Its `kernel` is (row·column, neuron).
    """

    neurons: int

    @nn.compact
    def __call__(self, maps: Array, train: bool = False) -> Array:
        del train
        samples, rows, columns, channels = maps.shape
        places = rows * columns
        mask = self.param("kernel", LECUN_NORMAL, (places, self.neurons), maps.dtype)
        return jnp.einsum("tpc,pn->tnc", maps.reshape(samples, places, channels), mask)


class Gaussian(nn.Module):
    """A position for each neuron, drawn anew from its own Gaussian for each image in training
    (Lurz et al. 2021, ICLR, "Generalization in data-driven models of primary visual cortex"):

        position = clip(mean + root·ε, -1, 1),    ε ~ N(0, I),    covariance = root·rootᵀ

    and at test the mean. Between pixels the maps are interpolated bilinearly. Coordinates are
    (row, column), -1 and 1 the centres of the outermost pixels. Mean and covariance are learned,
    from means within ±0.1 and entries of the roots within ±0.4, evenly. (The authors' code has ±1
    for these: of 40 simulated neurons 9 did not find their place from there, and 2 from here.)
    Where it clips the mean to the image, this one is the hyperbolic tangent of a free number,
    which does not get stuck at the border.

    Both are called `bias`, `mean/bias` (neuron, 2) and `root/bias` (neuron, 2, 2): a position is
    nothing to be shrunk, so no penalty takes them for weights.
    """

    neurons: int

    @nn.compact
    def __call__(self, maps: Array, train: bool = False) -> Array:
        free = _Bias(_START, name="mean")((self.neurons, 2), maps.dtype)
        root = _Bias(_SPREAD, name="root")((self.neurons, 2, 2), maps.dtype)
        place = jnp.tanh(free)
        if train:
            drawn = jax.random.normal(
                self.make_rng("dropout"), (len(maps), self.neurons, 2), maps.dtype
            )
            place = jnp.clip(place + jnp.einsum("nij,tnj->tni", root, drawn), -1, 1)
        half = np.subtract(maps.shape[1:3], 1) / 2
        return interpolate(maps, (place + 1) * half.astype(maps.dtype))


class _Bias(nn.Module):
    """One array of parameters, at first evenly within ±`bound`."""

    bound: float

    @nn.compact
    def __call__(self, shape: tuple[int, ...], dtype) -> Array:
        return self.param("bias", Uniform(self.bound), shape, dtype)


def interpolate(maps: Array, place: Array) -> Array:
    """`maps` (sample, row, column, channel) between pixels, bilinearly.

    Args:
      maps: feature maps.
      place: (neuron, 2) or (sample, neuron, 2), row and column in pixels, within the map.

    Returns:
      (sample, neuron, channel).
    """
    last = np.subtract(maps.shape[1:3], 1)
    # The last pixel is the far end of the gap before it, so that the slope there is one-sided and
    # finite; a map of one pixel has no gap.
    low = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)).astype(jnp.int32), 0,
                   np.maximum(last - 1, 0))  # fmt: skip
    high = jnp.minimum(low + 1, last)
    across = place - low.astype(place.dtype)

    def at(row: Array, column: Array) -> Array:
        if place.ndim == 2:
            return maps[:, row, column]
        return jax.vmap(lambda one, i, j: one[i, j])(maps, row, column)

    down, right = across[..., 0, None], across[..., 1, None]
    upper = (1 - right) * at(low[..., 0], low[..., 1]) + right * at(low[..., 0], high[..., 1])
    lower = (1 - right) * at(high[..., 0], low[..., 1]) + right * at(high[..., 0], high[..., 1])
    return (1 - down) * upper + down * lower


def positions(params: Params, pixels: tuple[int, int]) -> np.ndarray:
    """Where neurons look: the mean positions of a Gaussian readout.

    They are known up to a shift that all have in common: where the core's kernels lie off their
    middle, its maps are shifted, and the positions with them.

    Args:
      params: of `models.core_readout`, with any axes in front, as in `Fits.params`.
      pixels: (rows, columns) of the images.

    Returns:
      (*axes, neuron, 2) row and column in pixels, from 0 to one less than there are.

    Raises:
      ValueError: the readout is not Gaussian.
    """
    if "position" not in params:
        raise ValueError(
            f"positions: the parameters are of {sorted(params)}, without a position: only the "
            "Gaussian readout has one; of a factorised one look at params['mask']['kernel']"
        )
    mean = np.tanh(np.asarray(params["position"]["mean"]["bias"], np.float64))
    return (mean + 1) * np.subtract(pixels, 1) / 2
