"""A compact convolutional network of epochs of EEG or MEG, after EEGNet.

Lawhern et al. (2018, J. Neural Eng. 15:056013): temporal filters, behind each a few spatial ones,
a separable convolution, and a readout. Two things differ.

BatchNorm becomes LayerNorm over the maps and times of a trial (Ba, Kiros & Hinton 2016,
arXiv:1607.06450). BatchNorm's running means are state beside the parameters, and a trial's
prediction while fitting depends on the others of its batch: left-out trials, padding, other folds.
Over all maps together, and not map by map, since the power of one map relative to the others is
what tells. The unit of `x` then does not matter.

The spatial filters come first. Nothing stands between the two any more, and linear maps of other
axes commute: the function is the same, and the temporal filters meet few maps in place of all
channels.
"""

import flax.linen as nn
import jax.numpy as jnp

from jaxneuro.models.values import LECUN_NORMAL
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model

_POOLS = (4, 8)  # times averaged behind the first and the second block
_SECOND = 16  # times of the separable convolution, behind the first pool


def eeg_network(
    outputs: int,
    filters: int = 8,
    depth: int = 2,
    size: int = 64,
    *,
    dropout: float = 0.5,
) -> Model:
    """EEGNet with LayerNorm; `x` is (sample, channel, time), the prediction (sample, output).

    Args:
      outputs: classes, of logits for `losses.cross_entropy`; or numbers.
      filters: temporal ones (F1; there are filters · depth maps, F2, in the second block).
      depth: spatial filters of each (D).
      size: times that a temporal filter spans: half a second of them, in the paper.
      dropout: share of the maps' values that is left out, behind each block, at each step of a fit.

    Parameters are `{"spatial": {kernel (channel, filter·depth)}, "temporal": {kernel (size, 1,
    filter)}, "norm_0": {bias}, "depth_1": {kernel (16, 1, filter·depth)}, "point_1": {kernel},
    "norm_1": {bias}, "readout": {kernel, bias}}`.

    Raises:
      ValueError: names the argument; or an `x` of another shape or fewer than 32 times.
    """
    sizes = {"outputs": outputs, "filters": filters, "depth": depth, "size": size}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"eeg_network: {name} is {value}, must be at least 1")
    if not 0 <= dropout < 1:
        raise ValueError(f"eeg_network: dropout is {dropout}, must be from 0 to below 1")
    module = _EegNetwork(outputs, filters, depth, size, float(dropout))
    return from_linen(module, readout=("readout",), training={"train": True} if dropout else None)


class _EegNetwork(nn.Module):
    outputs: int
    filters: int
    depth: int
    size: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        least = _POOLS[0] * _POOLS[1]
        if x.ndim != 3 or x.shape[2] < least:
            raise ValueError(
                f"eeg_network: x is {x.shape}, must be (sample, channel, time), {least} times at "
                "least"
            )
        maps = self.filters * self.depth
        layer = {"kernel_init": LECUN_NORMAL, "param_dtype": x.dtype}
        linear = {**layer, "use_bias": False}
        power = jnp.square(x).mean(axis=(1, 2), keepdims=True)
        x = x / jnp.sqrt(jnp.where(power > 0, power, 1))
        x = nn.Dense(maps, **linear, name="spatial")(x.swapaxes(1, 2))
        x = self._temporal(x, linear)
        x = self._block(x, 0, train)
        x = nn.Conv(maps, (_SECOND,), feature_group_count=maps, **linear, name="depth_1")(x)
        x = nn.Dense(maps, **linear, name="point_1")(x)
        x = self._block(x, 1, train)
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, **layer, name="readout")(x)

    def _temporal(self, x: Array, linear: dict) -> Array:
        """A filter for each of its spatial ones, which lie side by side as samples would."""
        samples, times, _ = x.shape
        x = x.reshape(samples, times, self.depth, self.filters).swapaxes(1, 2)
        x = x.reshape(-1, times, self.filters)
        convolve = nn.Conv(self.filters, (self.size,), feature_group_count=self.filters, **linear,
                           name="temporal")  # fmt: skip
        x = convolve(x).reshape(-1, self.depth, times, self.filters).swapaxes(1, 2)
        return x.reshape(-1, times, self.depth * self.filters)

    def _block(self, x: Array, number: int, train: bool) -> Array:
        """Norm, ELU, mean over a few times, dropout."""
        norm = nn.LayerNorm(reduction_axes=(1, 2), feature_axes=-1, use_scale=False,
                            param_dtype=x.dtype, name=f"norm_{number}")  # fmt: skip
        x, pool = nn.elu(norm(x)), _POOLS[number]
        times = x.shape[1] // pool
        x = x[:, : times * pool].reshape(-1, times, pool, x.shape[2]).mean(axis=2)
        if not self.dropout:
            return x
        return nn.Dropout(self.dropout)(x, deterministic=not train)
