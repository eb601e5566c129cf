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

__all__ = [
    "COUNTS",
    "TRACES",
    "article_mlp",
    "encode",
    "linear",
    "mlp",
    "poisson_glm",
    "poisson_mlp",
]
