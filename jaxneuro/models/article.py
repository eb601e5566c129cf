"""The three networks of the article this project began from, section 5, layer for layer.

Its code is PyTorch's, so weights and biases start as `torch.nn.Linear` and `Conv2d` start them:
uniform within ±1/√inputs. None of them names a `readout`, which a fit would start at the best
constant: every step is the article's, from its first on.
"""

from jaxneuro.models.cnn import cnn
from jaxneuro.models.dense import _Dense
from jaxneuro.models.values import RELU, Uniform, VarianceScaling
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Model

# Variance 1/(3·inputs), uniform: the bounds are ±1/√inputs.
_torch_kernel = VarianceScaling(1 / 3, "fan_in", "uniform")


def _torch_bias(inputs: int) -> Uniform:
    return Uniform(inputs**-0.5)


def neuron_mlp(hidden: int = 32, outputs: int | None = None) -> Model:
    """Section 5.1, `NeuronModel`: linear (fc1, here hidden_0), ReLU, linear (fc2, here readout)."""
    module = _Dense((hidden,), outputs, RELU, _torch_kernel, _torch_bias, _torch_kernel)
    return from_linen(module, first_layer=("hidden_0",))


def region_cnn(classes: int) -> Model:
    """Section 5.2, `BrainRegionModel`: conv 32, pool, conv 64, pool, dense 128, dense `classes`.

    ReLU after each but the last. 28×28 images give its 64·7·7 flattened features; the order
    among them is (row, column, channel), PyTorch's is (channel, row, column).
    """
    model = cnn(classes, (32, 64), (128,), kernel_init=_torch_kernel, bias_init=_torch_bias)
    return model._replace(readout=None)


def linear_decoder(outputs: int | None = None) -> Model:
    """Section 5.3: one linear layer (readout)."""
    module = _Dense((), outputs, RELU, _torch_kernel, _torch_bias, _torch_kernel)
    return from_linen(module, first_layer=("readout",))
