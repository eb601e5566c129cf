"""Gradient descent for neuroscience, batched.

One fit is a pure function. An axis (neurons, subjects, folds, penalties, seeds, ...) is a pure
function from an index to a change of that fit's inputs. `fit_many` runs every combination in one
compiled program.
"""

from jaxneuro import (
    areas,
    axes,
    closed_form,
    crossval,
    decoding,
    encoding,
    features,
    losses,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.engine import Interrupted, fit_many, plan
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.fits import Fits, Selection
from jaxneuro.inputs import make_inputs, stack_subjects
from jaxneuro.linear import condense
from jaxneuro.metrics import Score
from jaxneuro.selection import protocol
from jaxneuro.types import Axis, Inputs, Model, Status, Warned
from jaxneuro.version import __version__

__all__ = [
    "Axis",
    "Fit",
    "Fits",
    "Inputs",
    "Interrupted",
    "Model",
    "Score",
    "Selection",
    "Status",
    "Stop",
    "Warned",
    "__version__",
    "areas",
    "axes",
    "closed_form",
    "condense",
    "crossval",
    "decoding",
    "encoding",
    "features",
    "fit_many",
    "losses",
    "make_fit",
    "make_inputs",
    "metrics",
    "models",
    "optimizers",
    "penalties",
    "plan",
    "protocol",
    "splits",
    "stack_subjects",
]
