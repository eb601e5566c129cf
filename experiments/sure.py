"""How sure the figures of an experiment are: intervals, p-values, q-values of held-out scores."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.runs import Part
from jaxneuro.metrics import Score
from jaxneuro.report import Table
from jaxneuro.statistics import interval
from jaxneuro.statistics.certainty import Certainty, certainty

_WORK = 1e9  # numbers that resampling may look at for each model
NOTE = (
    "Intervals (95 %) and p-values say how much the held-out samples may vary, with the fits as "
    "they are; p is of data shifted in time (of time series) or permuted, q its false discovery "
    "rate over the targets of one model."
)


def interval_of_median(values: np.ndarray, seed: int) -> list[float]:
    """95 % of resamples of the targets: how much the median may vary with the targets recorded."""
    draws = np.random.default_rng(seed).integers(0, len(values), (999, len(values)))
    found = interval(np.median(values[draws], axis=1))
    return [float(found.low), float(found.high)]


def judge(
    part: Part,
    score: Score | Callable,
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    best: str,
    *,
    what: str,
    names: Any = None,
    series: bool = False,
    groups: np.ndarray | None = None,
    average: Callable = jnp.nanmean,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, Certainty]:
    """Adds to `part` a table of the models' scores with their intervals, and `interval`, `p` and
    `q` of the best to its results.

    Args:
      score: (y, prediction, weight) -> (target,).
      y: (sample, *target), or labels (sample,).
      predictions: by model, (sample, ...), NaN where not held out.
      best: the model of the summary's score.
      what: the score in words, for the table.
      names: of the targets.
      series, groups, average: as for `certainty`.
    """
    if y.ndim > 2:  # subjects × regions: metrics take (sample, output)
        y = y.reshape(len(y), -1)
        predictions = {model: p.reshape(len(y), -1) for model, p in predictions.items()}
    size = max(1, max(p.size for p in predictions.values()))
    most = int(np.clip(_WORK / size, 99, 999)) if not quick else 19
    found = {
        model: certainty(score, y, p, series=series, groups=groups, average=average,
                         resamples=most, nulls=most, seed=seed)
        for model, p in predictions.items()
    }  # fmt: skip
    sure = found[best]
    part.results |= {
        "interval": [sure.mean_low, sure.mean_high],
        "p": np.atleast_1d(sure.p).ravel().tolist(),
        "q": np.atleast_1d(sure.q).ravel().tolist(),
        "intervals": {model: [c.mean_low, c.mean_high] for model, c in found.items()},
    }
    rows = [
        (model, c.mean, c.mean_low, c.mean_high, c.mean_p, int(np.sum(c.q <= 0.1)), c.p.size)
        for model, c in found.items()
    ]
    columns = ("model", what, "from", "to", "p", "targets with q ≤ .1", "of")
    part.tables.append(Table("How sure the scores are", columns, rows, NOTE))
    if names is not None and 1 < len(names) <= 40:
        each = zip(names, *(np.ravel(a) for a in sure[:5]), strict=True)
        columns = ("target", what, "from", "to", "p", "q")
        part.tables.append(Table(f"Each target, {best}", columns, list(each)))
    return found
