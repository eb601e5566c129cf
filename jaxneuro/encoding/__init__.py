"""Job 1, neuron activity prediction: stimulus -> firing, every neuron at once."""

from jaxneuro.encoding.candidates import Candidate, candidates
from jaxneuro.encoding.fits import (
    COUNTS,
    TRACES,
    article_mlp,
    encode,
    lasso,
    linear,
    mlp,
    poisson_glm,
    poisson_mlp,
)
from jaxneuro.encoding.neurons import fit_neurons
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.encoding.receptive_fields import ReceptiveFields, fit_receptive_fields

__all__ = [
    "COUNTS",
    "TRACES",
    "Candidate",
    "Neurons",
    "ReceptiveFields",
    "article_mlp",
    "candidates",
    "encode",
    "fit_neurons",
    "fit_receptive_fields",
    "lasso",
    "linear",
    "mlp",
    "poisson_glm",
    "poisson_mlp",
]
