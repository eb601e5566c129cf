"""Features of stimuli and signals, on the host. Shapes are (time, channel)."""

from jaxneuro.features.signals import band_power, bin_means, lags, spike_counts, with_squares

__all__ = ["band_power", "bin_means", "lags", "spike_counts", "with_squares"]
