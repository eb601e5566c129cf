"""Linear models and multilayer perceptrons on flattened features."""

from collections.abc import Callable, Sequence

import flax.linen as nn

from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model

Initializer = Callable[..., Array]


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
        x = x.reshape(x.shape[0], -1)
        for i, size in enumerate(self.hidden):
            layer = nn.Dense(
                size, kernel_init=self.kernel_init, bias_init=self.bias_init(x.shape[1]),
                param_dtype=x.dtype, name=f"hidden_{i}",
            )  # fmt: skip
            x = self.activation(layer(x))
        readout = nn.Dense(
            self.outputs or 1, kernel_init=self.readout_init, bias_init=self.bias_init(x.shape[1]),
            param_dtype=x.dtype, name="readout",
        )  # fmt: skip
        return readout(x) if self.outputs else readout(x)[:, 0]


def zero_bias(inputs: int) -> Initializer:
    """Biases start at zero, whatever the number of `inputs` to the layer."""
    del inputs
    return nn.initializers.zeros


def linear(outputs: int | None = None) -> Model:
    """y = x·w + b, started at zero: the problem is convex with every loss here.

    Args:
      outputs: None for a prediction (sample,); a number for (sample, output).
    """
    module = _Dense((), outputs, nn.relu, nn.initializers.zeros, zero_bias, nn.initializers.zeros)
    return from_linen(module, first_layer=("readout",))


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
    lecun = nn.initializers.lecun_normal()
    module = _Dense(tuple(hidden), outputs, activation, lecun, zero_bias, lecun)
    return from_linen(module, first_layer=("hidden_0",))
