"""The page of a comparison: contenders, how sure they are, what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxneuro import report
from jaxneuro.compare.compared import Compared
from jaxneuro.metrics import confusion_matrix
from jaxneuro.report import Figure, Table, figures

_SHOWN = 400  # held-out samples whose traces are drawn
_OUTPUTS = 4  # of which there are traces
_NOTE = (
    "Intervals (95 %) and p say how much the held-out samples may vary, with the fits as they are; "
    "p is of y shifted in time (of a time series) or permuted, within groups where there are some. "
    "What is chosen is chosen by inner scores, not by this table."
)


def write_page(
    found: Compared,
    folder: Path,
    title: str | None,
    more_tables: Sequence[Table] = (),
    more_figures: Sequence[Figure] = (),
) -> Path:
    """See `Compared.report`; a job may have more to show behind what all have."""
    sure, words = found.certain, f"{found.job.word}s"
    report.write(
        folder,
        title=title or found.job.title,
        lead=f"{len(found.contenders)} {words} on identical folds; what each leaves open, and "
        "which of them predicts, was chosen on inner folds, and held-out samples scored once.",
        summary={
            "job": found.job.name,
            "data": f"{len(found.observed):,} samples",
            "model": found.chosen,
            "fits": found.total,
            "compile_seconds": found.compile_seconds,
            "run_seconds": found.run_seconds,
            "score": sure.mean,
            "score_name": score_name(found),
            "baseline": found.constant,
            "statuses": found.statuses(),
            "models": {name: told.mean for name, told in found.sure.items()},
            "interval": [sure.mean_low, sure.mean_high],
            "p": np.ravel(sure.p).tolist(),
        },
        fits=found.table(),
        tables=[*tables(found), *more_tables],
        figures=[*pictures(found), *more_figures],
        notes=found.notes,
        provenance=report.versions(),
    )
    return folder / "report.html"


def score_name(found: Compared) -> str:
    return f"held-out {found.score_name}" + ("" if found.classes else ", mean over outputs")


def tables(found: Compared) -> list[Table]:
    """The contenders; what each outer fold chose; each output, where there are several."""
    rows: list[tuple] = [("constant", found.constant, "", "", "", "", "", "", "")]
    for name, one in found.contenders.items():
        sure = found.sure[name]
        chosen = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}"
                           for k, v in one.chosen.items())  # fmt: skip
        rows.append((name, sure.mean, sure.mean_low, sure.mean_high, sure.mean_p, one.inner, chosen,
                     one.fits, one.compile_seconds + one.run_seconds))  # fmt: skip
    score, word = found.score_name, found.job.word
    columns = (word, f"held-out {score}", "from", "to", "p", "inner score", "chosen", "fits",
               "seconds")  # fmt: skip
    if len(found.by_fold) > 1:
        best = found.certain
        rows.append((f"chosen in each of {len(found.by_fold)} outer folds", best.mean,
                     best.mean_low, best.mean_high, best.mean_p, "", found.told, "",
                     ""))  # fmt: skip
    title = f"{word.capitalize()}s, {found.told} chosen"
    made = [Table(title, columns, rows, _NOTE)]
    sure = found.certain
    if np.size(sure.score) > 1:
        each = zip(map(str, range(np.size(sure.score))), *sure[:5], strict=True)
        made.append(Table(f"Each output, {found.told}", ("output", score, "from", "to", "p", "q"),
                          list(each)))  # fmt: skip
    return made


def pictures(found: Compared) -> list[Figure]:
    """Scores by contender; of outputs their traces, of categories the confusion."""
    scores = {name: np.atleast_1d(sure.score) for name, sure in found.sure.items()}
    made = []
    if not found.classes:
        caption = "Held-out R² of each output; 0 is no better than the mean."
        made.append(Figure("scores", caption, figures.model_scores(scores, "R²", 0.0)))
    held = found.held
    if found.classes:
        y, predicted = found.observed[held], found.predictions[held]
        counts = np.asarray(confusion_matrix(y, predicted))
        caption = f"Held-out samples, by category and by what {found.told} takes them for."
        made.append(Figure("confusion", caption, figures.confusion(counts, list(found.classes))))
        return made
    outputs = range(min(_OUTPUTS, found.observed.shape[1]))
    if found.dt is None:
        names = [f"output {i}" for i in outputs]
        told = found.predictions[:, : len(names)].astype(float)
        seen = found.observed[:, : len(names)].astype(float)
        picture = figures.observed_predicted(seen, told, names)
        made.append(Figure("predictions", f"Held-out outputs, and what {found.told} says.",
                           picture))  # fmt: skip
        return made
    window = np.flatnonzero(held)[:_SHOWN]
    shown = list(dict.fromkeys([found.chosen, *found.contenders]))[:3]
    for i in outputs:
        traces = {name: found.predictions_of(name)[window, i] for name in shown}
        picture = figures.traces(window * found.dt, found.observed[window, i], traces,
                                 f"output {i}")  # fmt: skip
        made.append(Figure(f"decoded_{i}", f"Held-out output {i} and what is said of it.", picture))
    return made
