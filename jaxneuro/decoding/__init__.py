"""Job 3, neural decoding: neural signals -> movement or mental state."""

from jaxneuro.classify.classifiers import Linear, lda, max_correlation
from jaxneuro.classify.logistic import logistic
from jaxneuro.decoding import contenders, epoch_contenders
from jaxneuro.decoding.cascade import wiener_cascade
from jaxneuro.decoding.compare import decode
from jaxneuro.decoding.contender import Contender
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.decoding.eeg import eeg_network
from jaxneuro.decoding.epoch_decoding import EpochDecoding, decode_epochs
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
from jaxneuro.decoding.importance import Importance, importance
from jaxneuro.decoding.kalman import Kalman, kalman
from jaxneuro.decoding.naive_bayes import NaiveBayes, naive_bayes
from jaxneuro.decoding.online import Stream, load_stream, stream
from jaxneuro.decoding.patterns import patterns
from jaxneuro.decoding.recording import Recording
from jaxneuro.decoding.sessions import DecodedSessions, decode_sessions
from jaxneuro.decoding.spatial import Csp, covariances, csp
from jaxneuro.decoding.tangent import Tangent, tangent_space

__all__ = [
    "SCORES",
    "Contender",
    "Csp",
    "Decoded",
    "DecodedSessions",
    "EpochDecoding",
    "Generalisation",
    "Importance",
    "Kalman",
    "Linear",
    "NaiveBayes",
    "Recording",
    "Stream",
    "Tangent",
    "contenders",
    "covariances",
    "csp",
    "decode",
    "decode_epochs",
    "decode_sessions",
    "eeg_network",
    "epoch_contenders",
    "exact_linear",
    "generalise",
    "importance",
    "kalman",
    "lda",
    "linear_decoder",
    "load_stream",
    "logistic",
    "max_correlation",
    "mlp",
    "naive_bayes",
    "patterns",
    "recurrent",
    "search_one",
    "shifted",
    "sliding",
    "stream",
    "tangent_space",
    "temporal_convolution",
    "wiener_cascade",
]
