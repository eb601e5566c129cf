"""Job 3, neural decoding: neural signals -> movement or mental state."""

from jaxneuro.decoding.classifiers import Linear, lda, max_correlation
from jaxneuro.decoding.fits import (
    SCORES,
    decode,
    exact_linear,
    linear_decoder,
    mlp,
    recurrent,
    shifted,
    temporal_convolution,
)
from jaxneuro.decoding.generalisation import Generalisation
from jaxneuro.decoding.generalise import generalise, sliding
from jaxneuro.decoding.kalman import Kalman, kalman
from jaxneuro.decoding.logistic import logistic
from jaxneuro.decoding.naive_bayes import NaiveBayes, naive_bayes

__all__ = [
    "SCORES",
    "Generalisation",
    "Kalman",
    "Linear",
    "NaiveBayes",
    "decode",
    "exact_linear",
    "generalise",
    "kalman",
    "lda",
    "linear_decoder",
    "logistic",
    "max_correlation",
    "mlp",
    "naive_bayes",
    "recurrent",
    "shifted",
    "sliding",
    "temporal_convolution",
]
