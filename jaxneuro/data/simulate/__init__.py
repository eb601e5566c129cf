"""Simulated recordings with known truth, and the best score that any model can reach on them.

Everything follows from an integer seed, on the host, the same on every device. Neurons are drawn in
blocks of fixed size, each with random numbers of its own, so memory stays near that of the result.
"""

from jaxneuro.data.simulate.areas import CorticalPatches, cortical_patches
from jaxneuro.data.simulate.epochs import EvokedEpochs, evoked_epochs
from jaxneuro.data.simulate.motor import MotorPopulation, motor_population
from jaxneuro.data.simulate.vision import V1Population, v1_population

__all__ = [
    "CorticalPatches",
    "EvokedEpochs",
    "MotorPopulation",
    "V1Population",
    "cortical_patches",
    "evoked_epochs",
    "motor_population",
    "v1_population",
]
