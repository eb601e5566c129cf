"""Models as two pure functions, `Model(init, apply)`. The only place that imports Flax."""

from jaxneuro.models.article import linear_decoder, neuron_mlp, region_cnn
from jaxneuro.models.cnn import cnn
from jaxneuro.models.dense import linear, mlp
from jaxneuro.models.wrap import from_linen, from_nnx

__all__ = [
    "cnn",
    "from_linen",
    "from_nnx",
    "linear",
    "linear_decoder",
    "mlp",
    "neuron_mlp",
    "region_cnn",
]
