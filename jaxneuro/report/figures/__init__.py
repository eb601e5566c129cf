"""The pictures of the pages: one small function each, arrays in, a Matplotlib figure out.

Nothing global is touched: no pyplot, and the style holds only inside these functions. Colours are
Okabe and Ito's, which colour-blind readers can tell apart. NaN is left out of every picture, and
names are drawn as they are: a dollar sign starts no formula.
"""

from jaxneuro.report.figures.importance import importance
from jaxneuro.report.figures.maps import NETWORKS, confusion, images, label_map
from jaxneuro.report.figures.responses import fields, polar, selectivity, tuning
from jaxneuro.report.figures.scores import histogram, model_scores, scores
from jaxneuro.report.figures.series import curve, observed_predicted, scatter, traces
from jaxneuro.report.figures.windows import course, generalised

__all__ = [
    "NETWORKS",
    "confusion",
    "course",
    "curve",
    "fields",
    "generalised",
    "histogram",
    "images",
    "importance",
    "label_map",
    "model_scores",
    "observed_predicted",
    "polar",
    "scatter",
    "scores",
    "selectivity",
    "traces",
    "tuning",
]
