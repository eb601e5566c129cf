"""Job 3, neural decoding: neural signals -> movement or mental state."""

from jaxneuro.decoding.fits import SCORES, decode, exact_linear, linear_decoder, mlp, shifted

__all__ = ["SCORES", "decode", "exact_linear", "linear_decoder", "mlp", "shifted"]
