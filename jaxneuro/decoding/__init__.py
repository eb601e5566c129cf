"""Job 3, neural decoding: neural signals -> movement or mental state."""

from jaxneuro.classify.classifiers import Linear, lda, max_correlation
from jaxneuro.classify.logistic import logistic
from jaxneuro.decoding import contenders
from jaxneuro.decoding.compare import decode
from jaxneuro.decoding.contender import Contender
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.decoding.fits import (
    SCORES,
    exact_linear,
    linear_decoder,
    mlp,
    recurrent,
    search_one,
    shifted,
    temporal_convolution,
)
from jaxneuro.decoding.generalisation import Generalisation
from jaxneuro.decoding.generalise import generalise, sliding
from jaxneuro.decoding.kalman import Kalman, kalman
from jaxneuro.decoding.naive_bayes import NaiveBayes, naive_bayes

__all__ = [
    "SCORES",
    "Contender",
    "Decoded",
    "Generalisation",
    "Kalman",
    "Linear",
    "NaiveBayes",
    "contenders",
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
    "search_one",
    "shifted",
    "sliding",
    "temporal_convolution",
]
