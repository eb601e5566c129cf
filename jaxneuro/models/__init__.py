"""Models as two pure functions, `Model(init, apply)`. The only place that imports Flax."""

from jaxneuro.models.article import linear_decoder, neuron_mlp, region_cnn
from jaxneuro.models.cascade import wiener_cascade
from jaxneuro.models.cnn import cnn
from jaxneuro.models.core import core_readout
from jaxneuro.models.dense import linear, mlp
from jaxneuro.models.epochs import eeg_network
from jaxneuro.models.files import of_file
from jaxneuro.models.mesh import mesh_network
from jaxneuro.models.mesh import mesh_of as mesh_of
from jaxneuro.models.nonlinear import linear_nonlinear
from jaxneuro.models.patches import of_patches
from jaxneuro.models.sequences import recurrent, temporal_convolution
from jaxneuro.models.volumes import by_channel, volume_cnn
from jaxneuro.models.wrap import from_linen, from_nnx

__all__ = [
    "by_channel",
    "cnn",
    "core_readout",
    "eeg_network",
    "from_linen",
    "from_nnx",
    "linear",
    "linear_decoder",
    "linear_nonlinear",
    "mesh_network",
    "mlp",
    "neuron_mlp",
    "of_file",
    "of_patches",
    "recurrent",
    "region_cnn",
    "temporal_convolution",
    "volume_cnn",
    "wiener_cascade",
]
