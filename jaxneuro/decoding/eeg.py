"""A compact network of epochs as a decoder of categories."""

from __future__ import annotations

from jaxneuro.classify.fits import network
from jaxneuro.fit import Fit
from jaxneuro.models import epochs


def eeg_network(
    classes: int,
    filters: int = 8,
    depth: int = 2,
    size: int = 64,
    steps: int = 500,
    batch: int = 64,
    *,
    dropout: float = 0.5,
) -> Fit:
    """EEGNet with LayerNorm (`models.eeg_network`) of epochs `x` (sample, channel, time), labels
    from 0; trained as `areas.network`, whose "weight_decay" stands in place of the paper's bounds
    on the norms of kernels, and "learning_rate"."""
    return network(epochs.eeg_network(classes, filters, depth, size, dropout=dropout), steps, batch)
