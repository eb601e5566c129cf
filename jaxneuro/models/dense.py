"""Linear models and multilayer perceptrons on flattened features.

Inside, samples come last: with `x` shared, a batch of fits is then one product of tall kernels,
(fit · unit, feature) by (feature, sample), whose rows each fit goes on with where they lie. That
is up to 1.4 times as fast as `x @ kernel` on CPUs, whose result interleaves the fits.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxneuro.models.values import LECUN_NORMAL, RELU, Initializer, named
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model


class _Layer(nn.Module):
    """`nn.Dense` (the same parameters) of `x` (feature, sample): (unit, sample). With `has_ones`,
    the last row of `x` is ones and takes the bias: one pass less over the samples, each way."""

    units: int
    kernel_init: Initializer
    bias_init: Callable[[int], Initializer]

    @nn.compact
    def __call__(self, x: Array, has_ones: bool) -> Array:
        inputs = len(x) - has_ones
        kernel = self.param("kernel", self.kernel_init, (inputs, self.units), x.dtype)
        bias = self.param("bias", self.bias_init(inputs), (self.units,), x.dtype)
        if has_ones:
            return _product(jnp.concatenate([kernel, bias[None]]), x)
        return _product(kernel, x) + bias[:, None]


class _Dense(nn.Module):
    """Dense layers named hidden_0, hidden_1, ..., readout; `outputs` None gives (sample,)."""

    hidden: tuple[int, ...]
    outputs: int | None
    activation: Callable[[Array], Array]
    kernel_init: Initializer
    bias_init: Callable[[int], Initializer]
    readout_init: Initializer

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = x.reshape(x.shape[0], -1).T
        x = jnp.concatenate([x, jnp.ones_like(x[:1])])
        for i, units in enumerate(self.hidden):
            layer = _Layer(units, self.kernel_init, self.bias_init, name=f"hidden_{i}")
            x = self.activation(layer(x, i == 0))
        readout = _Layer(self.outputs or 1, self.readout_init, self.bias_init, name="readout")
        x = readout(x, not self.hidden)
        return x.T if self.outputs else x[0]


def _product(kernel: Array, x: Array) -> Array:
    return jax.lax.dot_general(kernel, x, (((0,), (0,)), ((), ())))


def zero_bias(inputs: int) -> Initializer:
    """Biases start at zero, whatever the number of `inputs` to the layer."""
    del inputs
    return nn.initializers.zeros


def linear(outputs: int | None = None) -> Model:
    """y = x·w + b, started at zero: the problem is convex with every loss here.

    Args:
      outputs: None for a prediction (sample,); a number for (sample, output).
    """
    zeros = nn.initializers.zeros
    module = _Dense((), outputs, RELU, zeros, zero_bias, zeros)
    return from_linen(module, first_layer=("readout",), readout=("readout",))


def mlp(
    hidden: Sequence[int] = (32,),
    outputs: int | None = None,
    activation: Callable[[Array], Array] = nn.relu,
) -> Model:
    """Dense layers with an activation between, LeCun-normal weights and zero biases.

    Args:
      hidden: units of each hidden layer, named hidden_0, hidden_1, ...; then comes readout.
      outputs: None for a prediction (sample,); a number for (sample, output).
      activation: between layers.
    """
    if not hidden or min(hidden) < 1:
        raise ValueError(f"mlp: hidden is {tuple(hidden)}, must be one or more positive sizes")
    module = _Dense(
        tuple(hidden), outputs, named(activation), LECUN_NORMAL, zero_bias, LECUN_NORMAL
    )
    return from_linen(module, first_layer=("hidden_0",), readout=("readout",))
