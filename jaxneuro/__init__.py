"""Gradient descent for neuroscience, batched.

One fit is a pure function. An axis (neurons, subjects, folds, penalties, seeds, ...) is a pure
function from an index to a change of that fit's inputs. `fit_many` runs every combination in one
compiled program.

What the data of one neuron pass through, from `encoding.encode` to a table:

1. `inputs.make_inputs` checks them, and shifts and scales what float32 could not hold (`origin`).
2. `selection.search` lines up rows of indices: neuron, inner fold and strength of each fit.
3. `engine.fit_many` plans how many lanes run side by side and compiles the programs of
   `engine.stages` for them: start, exchange, advance, finish.
4. In a lane, `axes.targets` has taken the neuron's column of `y`, `axes.folds` its weights,
   `axes.grid` its strength; `fit.objective` turns parameters into a prediction, loss and penalties,
   `fit.step` takes one step of the optimizer a value-and-gradient, `fit.verdict` says when it ends.
5. Lanes whose fits have ended change places with fits that wait; the host takes their results.
6. `search` chooses the neuron's strength on the inner folds and refits; `Fits` holds parameters,
   scores and statuses of all neurons, `table()` has one row a fit, `predict(x)` the rates.
"""

from jaxneuro import (
    areas,
    axes,
    closed_form,
    crossval,
    decoding,
    encoding,
    features,
    fmri,
    losses,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
    statistics,
)
from jaxneuro.disk import fit_targets, search_targets
from jaxneuro.engine import Interrupted, fit_many, plan
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.fits import Fits, Selection
from jaxneuro.inputs import make_inputs, stack_subjects
from jaxneuro.linear import condense
from jaxneuro.loading import load
from jaxneuro.metrics import Score
from jaxneuro.selection import protocol, search
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
    "fit_targets",
    "fmri",
    "load",
    "losses",
    "make_fit",
    "make_inputs",
    "metrics",
    "models",
    "optimizers",
    "penalties",
    "plan",
    "protocol",
    "search",
    "search_targets",
    "splits",
    "stack_subjects",
    "statistics",
]
