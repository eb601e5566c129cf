"""fMRI: from images, events and confounds to patterns of betas that a decoder takes.

A run's design says what was shown when; its betas are patterns, (event, voxel). Nothing here looks
from one run into another.
"""

from jaxneuro.fmri.betas import Betas, betas
from jaxneuro.fmri.cleaning import clean
from jaxneuro.fmri.contrasts import Contrast, contrast
from jaxneuro.fmri.design import Design, design
from jaxneuro.fmri.drifts import cosines
from jaxneuro.fmri.hrf import GLOVER, SPM, DoubleGamma, Response, fir, glover, spm

__all__ = [
    "GLOVER",
    "SPM",
    "Betas",
    "Contrast",
    "Design",
    "DoubleGamma",
    "Response",
    "betas",
    "clean",
    "contrast",
    "cosines",
    "design",
    "fir",
    "glover",
    "spm",
]
