"""Job 1, neuron activity prediction: stimulus -> firing, every neuron at once."""

from jaxneuro.encoding.candidates import Candidate, candidates
from jaxneuro.encoding.fits import (
    COUNTS,
    TRACES,
    article_mlp,
    encode,
    lasso,
    linear,
    linear_nonlinear,
    mlp,
    poisson_glm,
    poisson_mlp,
)
from jaxneuro.encoding.linear_fields import LinearFields, linear_fields
from jaxneuro.encoding.most_exciting import MostExciting, most_exciting
from jaxneuro.encoding.neurons import fit_neurons
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.encoding.populations import core_penalties, core_readout, poisson_core_readout
from jaxneuro.encoding.receptive_fields import ReceptiveFields, fit_receptive_fields
from jaxneuro.encoding.selectivity import Angle, Index, Selectivity, selectivity
from jaxneuro.encoding.sessions import Sessions, join_sessions
from jaxneuro.encoding.tuning import TuningCurves, tuning_curves
from jaxneuro.models.nonlinear import nonlinearity
from jaxneuro.models.readouts import positions as readout_positions

__all__ = [
    "COUNTS",
    "TRACES",
    "Angle",
    "Candidate",
    "Index",
    "LinearFields",
    "MostExciting",
    "Neurons",
    "ReceptiveFields",
    "Selectivity",
    "Sessions",
    "TuningCurves",
    "article_mlp",
    "candidates",
    "core_penalties",
    "core_readout",
    "encode",
    "fit_neurons",
    "fit_receptive_fields",
    "join_sessions",
    "lasso",
    "linear",
    "linear_fields",
    "linear_nonlinear",
    "mlp",
    "most_exciting",
    "nonlinearity",
    "poisson_core_readout",
    "poisson_glm",
    "poisson_mlp",
    "readout_positions",
    "selectivity",
    "tuning_curves",
]
