"""Linear classifiers of many small problems at once: windows, spheres, folds and permutations.

What `decoding` and `areas` share; neither imports the other.
"""

from jaxneuro.classify.classifiers import Linear, lda, max_correlation
from jaxneuro.classify.logistic import logistic

__all__ = ["Linear", "lda", "logistic", "max_correlation"]
