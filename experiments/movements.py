"""Recordings of movement as data sets for decoding: what is a feature, what is to be decoded."""

from pathlib import Path

import numpy as np

from jaxneuro import data, features
from jaxneuro.data import Dataset

BANDS = {
    "theta": (4.0, 8.0),
    "alpha": (8.0, 12.0),
    "low beta": (13.0, 20.0),
    "high beta": (20.0, 35.0),
    "low gamma": (60.0, 80.0),
    "high gamma": (90.0, 200.0),
}


def ecog_grip() -> Dataset:
    """Log band power of 6 ECoG and 3 subthalamic channels, the last 5 bins of 100 ms, -> force."""
    recording = data.ecog_grip()
    signals = np.concatenate([recording.arrays["ecog"], recording.arrays["lfp"]], axis=1)
    power = features.band_power(signals, 1000, BANDS, window=500, step=100)
    x = features.lags(power.reshape(len(power), -1), 5)
    force = features.bin_means(recording.arrays["force"], 100)
    whole = slice(8, None)  # before that, windows or lags reach back beyond the recording
    return Dataset(
        name="ECoG to grip force",
        x=x[whole],
        y=force[whole, None],
        dt=0.1,
        target_names=("grip force",),
        licence=recording.licence,
        citation=recording.citation,
    )


def m1_reach(path: Path) -> Dataset:
    """Square roots of spike counts in bins of 50 ms -> velocity of the hand."""
    recording = data.m1_reach(path)
    x = np.sqrt(recording.arrays["spikes"].astype(np.float32))
    return Dataset(
        name="M1 to reach",
        x=x,
        y=recording.arrays["velocity"],
        test=np.arange(len(x)) >= 0.8 * len(x),
        dt=float(recording.arrays["dt"]),
        target_names=("velocity x", "velocity y"),
        licence=recording.licence,
        citation=recording.citation,
    )


def m1_state(path: Path) -> np.ndarray:
    """(time, 4) position and acceleration of the hand: what a Kalman filter of the velocity knows
    besides, as in Glaser et al. (2020)."""
    recording = data.m1_reach(path).arrays
    acceleration = np.gradient(recording["velocity"], float(recording["dt"]), axis=0)
    return np.concatenate([recording["position"], acceleration], axis=1)
