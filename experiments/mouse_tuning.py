"""What direction and orientation the neurons of mouse V1 prefer, and how surely."""

from itertools import pairwise

import numpy as np

from experiments.runs import Part
from jaxneuro.data import Recording
from jaxneuro.encoding import Selectivity, selectivity, tuning_curves
from jaxneuro.report import Figure, Table, figures
from jaxneuro.statistics import fdr

SHOWN = 2.0  # s of grating
_INDICES = {"orientation": "orientation_vector",
            "direction": "direction_vector"}  # fmt: skip
_PICTURES = 8  # neurons of the surest orientation


def responses(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Direction (trial,) in degrees and mean response while the grating drifts (trial, neuron)."""
    arrays = recording.arrays
    shown = (arrays["time"] >= 0) & (arrays["time"] < SHOWN)
    return arrays["direction"], arrays["response"][:, :, shown].mean(axis=2).T


def tuned(part: Part, recordings: list[Recording], seed: int, quick: bool) -> None:
    """Adds a table of mice and two pictures to the report."""
    draws = 99 if quick else 999
    given = [responses(recording) for recording in recordings]
    found = [
        selectivity(direction, y, resamples=draws, permutations=draws, seed=seed)
        for direction, y in given
    ]
    indices = {
        name: {
            what: np.concatenate([getattr(getattr(one, field), what) for one in found])
            for what in ("value", "p", "chance")
        }
        for name, field in _INDICES.items()
    }
    q = {name: fdr(index["p"]) for name, index in indices.items()}
    ends = np.cumsum([0, *(y.shape[1] for _, y in given)])
    rows = []
    for recording, (first, last) in zip(recordings, pairwise(ends), strict=True):
        row: list = [recording.name, int(last - first)]
        for name, index in indices.items():
            here = slice(first, last)
            row += [float(np.nanmedian(index["value"][here])),
                    float(np.nanmedian(index["chance"][here])),
                    int((q[name][here] <= 0.05).sum())]  # fmt: skip
        rows.append(tuple(row))
    part.tables.append(
        Table(
            "Selectivity of the mean response to two seconds of grating",
            ("mouse", "neurons", "orientation, median", "by chance", "with q ≤ .05",
             "direction, median", "by chance", "with q ≤ .05"),
            rows,
            "Lengths of the mean vector, of orientation 1 - circular variance (Mazurek et al. "
            "2014); p by permuting the trials' directions, q over all neurons of all mice. Both "
            "are biased upward: compare them with chance.",
        )
    )  # fmt: skip
    part.figures += [
        Figure("selectivity", "Selectivity of every neuron of all mice; filled: q ≤ .05; the "
            "dashed line is what noise alone makes of the median neuron.",
            figures.selectivity({n: i["value"] for n, i in indices.items()}, q,
                                {n: i["chance"] for n, i in indices.items()})),
        Figure("preferred", "Mean response to each direction, with 95 % bands, of the neurons of "
            "the surest orientation; the line is the axis of motion that each prefers.",
            _polar(recordings, given, found, indices["orientation"]["p"],
                   draws, seed)),
    ]  # fmt: skip
    part.results["selective"] = {name: int((value <= 0.05).sum()) for name, value in q.items()}


def _polar(recordings, given, found: list[Selectivity], p: np.ndarray, draws: int, seed: int):
    """The surest neurons of the mouse that has most of them: directions differ between mice."""
    ends = np.cumsum([0, *(y.shape[1] for _, y in given)])
    parts = [p[a:b] for a, b in pairwise(ends)]
    mouse = int(np.argmax([(part <= 0.01).sum() for part in parts]))
    order = np.argsort(parts[mouse], kind="stable")[:_PICTURES]
    curves = tuning_curves(*given[mouse], resamples=draws, seed=seed)
    one = found[mouse]
    names = [f"{recordings[mouse].name}, {i}" for i in order]
    return figures.polar(one.directions, one.mean[:, order], names,
                         one.preferred_orientation.value[order], curves.low[:, order],
                         curves.high[:, order])  # fmt: skip
