"""Features of stimuli and signals, on the host. Shapes are (time, channel)."""

from jaxneuro.features.lags import lags
from jaxneuro.features.spectra import band_power
from jaxneuro.features.spikes import spike_counts
from jaxneuro.features.values import bin_means, with_squares

__all__ = ["band_power", "bin_means", "lags", "spike_counts", "with_squares"]
