"""Several ways to one answer on identical folds: what the one call of each job compares by.

A `Recording` is fitted by each of several contenders, functions of a recording alone; which of them
predicts is chosen on inner folds, and what is held out is scored once.
"""

from jaxneuro.compare import contenders
from jaxneuro.compare.compared import Compared, Job
from jaxneuro.compare.comparison import compare
from jaxneuro.compare.contender import (
    Classifier,
    Competitor,
    Contender,
    Found,
    View,
    of_search,
)
from jaxneuro.compare.kinds import Kind
from jaxneuro.compare.recording import Recording, make_recording

__all__ = [
    "Classifier",
    "Compared",
    "Competitor",
    "Contender",
    "Found",
    "Job",
    "Kind",
    "Recording",
    "View",
    "compare",
    "contenders",
    "make_recording",
    "of_search",
]
