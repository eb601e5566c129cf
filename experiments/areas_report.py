"""Tables and figures of the areas experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.runs import Part, held_out
from jaxneuro import data, metrics
from jaxneuro.areas import Identified
from jaxneuro.data import Dataset
from jaxneuro.report import Figure, Table, figures
from jaxneuro.report.figures.style import INK, WIDTH, new_axes, styled
from jaxneuro.selection.search import Search


@dataclass
class Fitted:
    """A model's search and the probabilities it predicts, averaged over the seeds of its refits."""

    search: Search
    probabilities: np.ndarray


def fill(
    part: Part,
    given: Dataset,
    found: Mapping[str, Fitted],
    scores: Mapping[str, float],
    baseline: float,
    best: str,
    test: np.ndarray,
) -> None:
    """Adds to `part` the scores of each model and where the best goes wrong.

    Args:
      found: by model.
      scores: held-out accuracy by model.
      baseline: accuracy of the commonest fitted class.
      best: the model chosen without the held-out part.
      test: (sample,) bool, held out.
    """
    names = given.target_names or tuple(str(k) for k in range(int(given.y.max()) + 1))
    rows: list[tuple] = [
        ("majority of the fitted part", baseline, 1 / len(names), "", "", 0, "", "")
    ]
    for model, f in found.items():
        alone = held_out(f.search, "accuracy")[:, 0]
        balanced = metrics.balanced_accuracy(given.y[test], f.probabilities[test])
        rows.append((model, scores[model], float(balanced), alone.mean(), np.ptp(alone),
            f.search.total, f.search.compile_seconds, f.search.run_seconds))  # fmt: skip
    part.tables.append(Table("Held-out accuracy",
        ("model", "accuracy", "balanced", "one seed, mean", "range over seeds", "fits",
         "compile s", "run s"), rows,
        "Accuracy is that of the probabilities, averaged over the refits' seeds."))  # fmt: skip
    matrix = metrics.confusion_matrix(given.y[test], found[best].probabilities[test])
    part.figures.append(Figure("confusion", f"Where {best} goes wrong: share of each true area.",
        figures.confusion(np.asarray(matrix), names)))  # fmt: skip
    part.notes.append(
        "Penalties and the model are chosen without the held-out part, but its authors settled the "
        "network's steps and learning rate with the default recording's held-out part in sight."
    )
    part.results["one_seed"] = {
        model: held_out(f.search, "accuracy")[:, 0].tolist() for model, f in found.items()
    }
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}


def maps(
    flat: data.FlatMaps, pixels: np.ndarray, given: Dataset, best: Fitted, test: np.ndarray
) -> list[Figure]:
    """The held-out hemisphere as a map: true, predicted, and where they differ."""
    guess = best.probabilities.argmax(axis=-1)
    true, predicted = (
        np.nan_to_num(data.paint(flat, pixels[test], labels[test])[1], nan=-1).astype(int)
        for labels in (given.y, guess)
    )
    wrong = (true != predicted) & (true >= 0)
    panels = [("True", true), ("Predicted", predicted)]
    return [Figure("flat_maps",
        "The right hemisphere, flattened and mirrored: its networks, those predicted by a model "
        "fitted on the left alone, and where they differ. The maps are group averages: the right "
        "hemisphere is new cortex of the same people, not of new people.",
        figures.label_map(panels, given.target_names, wrong))]  # fmt: skip


def found_of_each(found: Identified) -> Figure:
    """How many of each class's held-out samples are found, with intervals."""
    sure = found.confusion(resamples=499)
    share, low, high = (np.diagonal(a) for a in (sure.estimate, sure.low, sure.high))
    return Figure("found", "Share of each category's held-out samples that is taken for it, with "
        "95 % intervals over resamples"
        + (" of whole groups" if found.groups is not None else "")
        + "; dotted: as many as chance finds.",
        intervals(share, low, high, found.classes))  # fmt: skip


@styled
def intervals(share: np.ndarray, low: np.ndarray, high: np.ndarray, names: Sequence[str]):
    """Shares of named things with their intervals, the greatest on top."""
    order = np.argsort(np.nan_to_num(share, nan=-1.0))
    place = np.arange(len(order))
    figure, axes = new_axes(0.7 * WIDTH, 0.6 + 0.22 * len(order), "share found", "")
    axes.hlines(place, low[order], high[order], color="#0072B2", linewidth=2)
    axes.plot(share[order], place, "o", color="#0072B2")
    axes.axvline(1 / len(names), color=INK, linestyle=":", linewidth=1)
    axes.set_yticks(place, [str(names[int(i)]) for i in order])
    axes.set_xlim(-0.02, 1.02)
    return figure
