"""Job 1, neuron activity prediction: stimulus -> firing, every neuron at once."""

from jaxneuro.encoding.fits import (
    COUNTS,
    TRACES,
    article_mlp,
    encode,
    linear,
    mlp,
    poisson_glm,
    poisson_mlp,
)
from jaxneuro.encoding.receptive_fields import ReceptiveFields, fit_receptive_fields

__all__ = [
    "COUNTS",
    "TRACES",
    "ReceptiveFields",
    "article_mlp",
    "encode",
    "fit_receptive_fields",
    "linear",
    "mlp",
    "poisson_glm",
    "poisson_mlp",
]
