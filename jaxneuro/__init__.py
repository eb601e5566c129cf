"""Gradient descent for neuroscience, batched.

One fit is a pure function. An axis (neurons, subjects, folds, penalties, seeds, ...) is a pure
function from an index to a change of that fit's inputs. `fit_many` runs every combination in one
compiled program.
"""

__version__ = "0.1.0"

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
from jaxneuro.engine import fit_many, plan
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.fits import Fits, Selection
from jaxneuro.inputs import make_inputs, stack_subjects
from jaxneuro.linear import condense
from jaxneuro.selection import protocol
from jaxneuro.types import Axis, Inputs, Model, Status, Warned

__all__ = [
    "Axis",
    "Fit",
    "Fits",
    "Inputs",
    "Model",
    "Selection",
    "Status",
    "Stop",
    "Warned",
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
