"""Is it real, and how sure is it? Significance, intervals, ceilings, comparisons, leakage.

Pure functions of arrays with a leading axis of nulls or resamples, (resample, *target), and a few
calls that run such axes and reduce them (`sequential`, `bootstrap_fits`). Each says its paper. NaN
marks what is undefined, and counts for nobody.

>>> import numpy as np
>>> null = np.arange(99.0)[:, None] * [1, 1]  # (resample, target)
>>> p_values([97.5, 50], null)
array([0.02, 0.5 ])
>>> fdr([0.02, 0.5])
array([0.04, 0.5 ])
"""

from jaxneuro.metrics.ceilings import Ceilings, ceilings, normalised_correlation
from jaxneuro.metrics.repeats import average_correlation, by_repeats, feve, trial_correlation
from jaxneuro.selection.leakage import leaks
from jaxneuro.statistics.blocks import block_length
from jaxneuro.statistics.bootstrap import (
    Bootstrapped,
    bootstrap,
    bootstrap_conditions,
    bootstrap_fits,
)
from jaxneuro.statistics.certainty import Certainty, certainty
from jaxneuro.statistics.comparison import Comparison, CorrectedT, corrected_t, sign_flip
from jaxneuro.statistics.glm import Coefficients, Wald, wald
from jaxneuro.statistics.groups import WaldGroups, wald_groups
from jaxneuro.statistics.intervals import Interval, interval
from jaxneuro.statistics.partition import Partition, Subsets, partition, split_r2, subsets
from jaxneuro.statistics.rescaling import TimeRescaling, time_rescaling
from jaxneuro.statistics.sequential import Sequential, sequential
from jaxneuro.statistics.significance import (
    Significance,
    against_null,
    family_wise,
    fdr,
    p_values,
)
from jaxneuro.statistics.spatial_nulls import MapCorrelation, correlate_maps, spins
from jaxneuro.statistics.variograms import variogram_surrogates

__all__ = [
    "Bootstrapped",
    "Ceilings",
    "Certainty",
    "Coefficients",
    "Comparison",
    "CorrectedT",
    "Interval",
    "MapCorrelation",
    "Partition",
    "Sequential",
    "Significance",
    "Subsets",
    "TimeRescaling",
    "Wald",
    "WaldGroups",
    "against_null",
    "average_correlation",
    "block_length",
    "bootstrap",
    "bootstrap_conditions",
    "bootstrap_fits",
    "by_repeats",
    "ceilings",
    "certainty",
    "corrected_t",
    "correlate_maps",
    "family_wise",
    "fdr",
    "feve",
    "interval",
    "leaks",
    "normalised_correlation",
    "p_values",
    "partition",
    "sequential",
    "sign_flip",
    "spins",
    "split_r2",
    "subsets",
    "time_rescaling",
    "trial_correlation",
    "variogram_surrogates",
    "wald",
    "wald_groups",
]
