"""Features of stimuli and signals, on the host. Shapes are (time, channel).

Bases are values (`raised_cosine(8, bounds=(0, 1), name="position")`) that compose by + and *, are
evaluated at a variable or convolved with the past of a signal, and take a model's weights back to
curves.
"""

from jaxneuro.features.basis import Basis, Curve
from jaxneuro.features.bins import Bins, bin_spikes, time_bins
from jaxneuro.features.cosines import raised_cosine
from jaxneuro.features.couplings import couplings
from jaxneuro.features.edges import since_start
from jaxneuro.features.gabor import gabor_bank
from jaxneuro.features.lags import lags
from jaxneuro.features.resampling import resample
from jaxneuro.features.series import fourier, identity, polynomial
from jaxneuro.features.spectra import band_power
from jaxneuro.features.spikes import spike_counts
from jaxneuro.features.splines import b_spline, cyclic_spline, m_spline
from jaxneuro.features.values import bin_means, with_squares

__all__ = [
    "Basis",
    "Bins",
    "Curve",
    "b_spline",
    "band_power",
    "bin_means",
    "bin_spikes",
    "couplings",
    "cyclic_spline",
    "fourier",
    "gabor_bank",
    "identity",
    "lags",
    "m_spline",
    "polynomial",
    "raised_cosine",
    "resample",
    "since_start",
    "spike_counts",
    "time_bins",
    "with_squares",
]
