"""The page of a result: held-out scores, choices, pictures, and one row for each refit."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np

from jaxneuro import report
from jaxneuro.choice import label_values
from jaxneuro.metrics import confusion_matrix
from jaxneuro.report import Figure, Table, figures
from jaxneuro.selection.held_out import averaged
from jaxneuro.selection.result import Search
from jaxneuro.selection.search import edges

_MANY = 30  # targets that are not listed one by one


def write_page(found: Search, folder: Path, title: str | None) -> Path:
    """See `Search.report`."""
    names, scores = _targets(found), _scores(found)
    shown = found.fits.fit.better[0][0]  # the one that its author put first
    values = scores[shown]
    parts = [f"{axis.size} {axis.name}{'s' * (axis.size > 1)}" for axis in found.fits.axes[:-1]]
    what = " × ".join(parts) or "One model"
    folds = len(found.splits.names)
    statuses = Counter(found.fits.statuses())
    statuses.update({} if found.inner is None else found.inner.statuses())
    told = edges(found.selection) if found.selection is not None else ""
    report.write(
        folder,
        title=title or "Held-out predictions",
        lead=f"{what}, {folds} outer fold{'s' * (folds > 1)}: hyper-parameters were chosen on "
        f"inner folds by {found.score}, and held-out samples were scored once, after that.",
        summary={
            "job": "search",
            "data": f"{len(found.observed):,} samples",
            "model": "refits",
            "fits": found.total,
            "compile_seconds": found.compile_seconds,
            "run_seconds": found.run_seconds,
            "score": _mean(values),
            "score_name": f"held-out {shown}, mean",
            "baseline": None,
            "statuses": dict(statuses),
        },
        fits=found.table(),
        tables=[_summary(scores), *_by_target(names, scores), *_choices(found)],
        figures=_pictures(found, names, shown, values),
        notes=[f"{told}: a grid that reaches further may do better."] * bool(told) + _saved(found),
        provenance=report.versions(),
    )
    return folder / "report.html"


def _saved(found: Search) -> list[str]:
    halved = found.halved
    return [] if halved is None else [
        f"Candidates that did worse were stopped early: {halved}. Of the fits with the status "
        f"step_limit, {int(halved.stopped.sum())} are these."
    ]  # fmt: skip


def _targets(found: Search) -> list[str]:
    """A name for each target: the labels of its axes, and the output where there are several."""
    axes = [axis for axis in found.fits.axes[:-1] if axis.name not in found.repeats]
    outputs = found.fits.scores[found.score][(0,) * len(found.fits.shape)].size
    labels = [[f"{axis.name} {label}" for label in label_values(axis)] for axis in axes]
    labels += [[f"output {i}" for i in range(outputs)]] if outputs > 1 or not labels else []
    return [", ".join(parts) for parts in product(*labels)]


def _scores(found: Search) -> dict[str, np.ndarray]:
    """(target,) by name: means over folds for which they are defined, and over seeds."""
    fits, made = found.fits, {}
    for name, values in fits.scores.items():
        defined = ~np.isnan(values)
        last = len(fits.shape) - 1
        total = np.where(defined, values, 0).sum(last) / np.maximum(defined.sum(last), 1)
        total = np.where(defined.any(last), total, np.nan)[..., None]  # as one sample's
        total = np.moveaxis(total, -1, last)
        made[name] = averaged(total, fits.axes[:-1], found.repeats)[0].ravel()
    return made


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _summary(scores: dict[str, np.ndarray]) -> Table:
    rows = []
    for name, values in scores.items():
        there = values[~np.isnan(values)]
        middle = [f(there) if there.size else np.nan for f in (np.mean, np.median, np.min, np.max)]
        rows.append((name, *middle, len(there), len(values)))
    columns = ("score", "mean", "median", "least", "greatest", "defined", "of")
    return Table("Held-out scores", columns, rows, "Over targets, each the mean over outer folds.")


def _by_target(names: list[str], scores: dict[str, np.ndarray]) -> list[Table]:
    if not 1 < len(names) <= _MANY:
        return []
    rows = list(zip(names, *scores.values(), strict=True))
    return [Table("Each target", ("target", *scores), rows)]


def _choices(found: Search) -> list[Table]:
    """How often each value of each hyper-parameter was chosen."""
    tables = []
    for name, values in ({} if found.selection is None else found.selection.values).items():
        labels, counts = np.unique(values, return_counts=True)
        rows = [(str(label), int(count)) for label, count in zip(labels, counts, strict=True)]
        tables.append(Table(f"Chosen {name}", (name, "targets and folds"), rows))
    return tables


def _pictures(found: Search, names: list[str], score: str, values: np.ndarray) -> list[Figure]:
    """Of the targets by their `score`, whose held-out values (target,) are given."""
    made: list[Figure] = []
    if len(names) > 1:
        caption = f"Held-out {score} of each target, mean over outer folds."
        made.append(Figure("scores", caption, figures.scores(values, names, score)))
    y, predicted = found.observed, found.predictions
    if y.dtype.kind in "iu" and y.ndim == 1 and predicted.ndim == 2:  # labels, probabilities
        seen = ~np.isnan(predicted).any(axis=1)
        counts = np.asarray(confusion_matrix(y[seen], predicted[seen]))
        picture = figures.confusion(counts, [str(i) for i in range(predicted.shape[1])])
        made.append(Figure("confusion", "Held-out samples, by class and prediction.", picture))
    elif y.size == predicted.size:
        sign = 1 if dict(found.fits.fit.better)[score] else -1
        rank = np.where(np.isnan(values), np.inf, -sign * values)
        best = np.argsort(rank, kind="stable")[:4]
        seen, told = (a.reshape(len(y), -1)[:, best].astype(float) for a in (y, predicted))
        picture = figures.observed_predicted(seen, told, [names[i] for i in best])
        caption = f"Observed and predicted while held out: the best targets by {score}."
        made.append(Figure("predictions", caption, picture))
    return made
