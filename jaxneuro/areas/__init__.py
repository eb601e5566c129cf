"""Job 2, brain area identification: imaging data -> functional area or category."""

from jaxneuro.areas.fits import SCORES, identify, network, region_cnn, softmax_regression

__all__ = ["SCORES", "identify", "network", "region_cnn", "softmax_regression"]
