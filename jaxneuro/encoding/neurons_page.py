"""The page of `fit_neurons`: models compared, how sure they are, ceilings, pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from jaxneuro import report
from jaxneuro.encoding import neurons_responses
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.report import Figure, Table, figures

_MANY = 40  # neurons that are not listed one by one
_SHOWN = 4  # the best neurons, of which there are pictures
_FIELDS = (
    "Receptive fields are the weights of linear models as fitted, drawn toward 0 by their penalty. "
    "Their bands say how much the estimate scatters, that pull not included."
)
_NOTE = (
    "Intervals (95 %) and p say how much the held-out samples may vary, with the fits as they are; "
    "p is of responses shifted in time (of a time series) or permuted, q its false discovery rate."
)


def write_page(found: Neurons, folder: Path, title: str | None) -> Path:
    """See `Neurons.report`."""
    statuses: Counter[str] = Counter()
    for search in found.searches.values():
        statuses.update(search.fits.statuses())
        statuses.update({} if search.inner is None else search.inner.statuses())
    searches = found.searches.values()
    drawn = pictures(found)
    told = (_FIELDS,) if any(picture.name == "fields" for picture in drawn) else ()
    report.write(
        folder,
        title=title or "Neurons predicted",
        lead=f"{len(found.chosen)} neurons by {len(found.searches)} models on identical folds; "
        "strengths, lags and each neuron's model were chosen on inner folds, and held-out samples "
        "scored once.",
        summary={
            "job": "neuron_activity",
            "data": f"{len(found.observed):,} samples",
            "model": "of each neuron its own",
            "fits": sum(s.total for s in searches),
            "compile_seconds": sum(s.compile_seconds for s in searches),
            "run_seconds": sum(s.run_seconds for s in searches),
            "score": found.sure.mean,
            "score_name": "held-out correlation, mean over neurons",
            "baseline": 0.0,
            "statuses": dict(statuses),
            "interval": [found.sure.mean_low, found.sure.mean_high],
            "p": found.sure.p.tolist(),
            "q": found.sure.q.tolist(),
        },
        fits=found.table(),
        tables=tables(found),
        figures=drawn,
        notes=(*found.notes, *told),
        provenance=report.versions(),
    )
    return folder / "report.html"


def tables(found: Neurons) -> list[Table]:
    """The models' held-out scores; each neuron, where they are few; the ceilings."""
    names = list(next(iter(found.scores.values())))
    rows = []
    for model, scores in found.scores.items():
        means = [_mean(scores[name]) for name in names]
        rows.append((model, *means, int((found.chosen == model).sum())))
    made = [
        Table("Held-out scores, means over neurons", ("model", *names, "chosen for"), rows,
            "Each neuron's model is chosen by its inner folds, not by this table.")
    ]  # fmt: skip
    sure = found.sure
    row = ("each neuron's own", sure.mean, sure.mean_low, sure.mean_high, sure.mean_p,
           int((sure.q <= 0.1).sum()), len(sure.q))  # fmt: skip
    columns = ("model", "correlation", "from", "to", "p", "neurons with q ≤ .1", "of")
    made.append(Table("How sure the correlation is", columns, [row], _NOTE))
    if found.repeats is not None:
        made.append(_ceilings(found))
    if 1 < len(found.chosen) <= _MANY:
        each = zip(map(str, range(len(found.chosen))), found.chosen, sure.score, sure.low,
                   sure.high, sure.p, sure.q, strict=True)  # fmt: skip
        columns = ("neuron", "model", "correlation", "from", "to", "p", "q")
        made.append(Table("Each neuron", columns, list(each)))
    return made


def _ceilings(found: Neurons) -> Table:
    assert found.repeats is not None
    told = found.repeats.ceilings
    rows = [
        ("explainable variance, signal over total power", told.explainable_variance),
        ("reliability of the mean over repeats", told.reliability),
        ("greatest correlation with that mean", told.correlation),
        ("held-out correlation over the greatest", found.repeats.normalised),
    ]
    made = [(name, _mean(v), int((~np.isnan(v)).sum()), len(v)) for name, v in rows]
    columns = ("ceiling", "mean", "defined", "of")
    return Table(f"Ceilings, {found.repeats.conditions} repeated stimuli", columns, made,
                 "Explainable variance has no bias, and so is negative for some neurons of noise; "
                 "the greatest correlation is undefined for them.")  # fmt: skip


def pictures(found: Neurons) -> list[Figure]:
    """Scores by model; scores against ceilings; the best neurons, observed and predicted, and
    what they respond to."""
    by_model = {model: scores["correlation"] for model, scores in found.scores.items()}
    made = [
        Figure("scores", "Held-out correlation of every neuron, by model.",
            figures.model_scores(by_model, "correlation", 0.0))
    ]  # fmt: skip
    if found.repeats is not None:
        ceiling = found.repeats.ceilings.single_trial_correlation
        made.append(Figure("ceilings", "Held-out correlation of every neuron, and the greatest "
            "that its repeats allow of single trials.",
            figures.scatter(ceiling, found.sure.score, "ceiling", "correlation")))  # fmt: skip
    score = np.where(np.isnan(found.sure.score), -np.inf, found.sure.score)
    best = np.argsort(-score, kind="stable")[:_SHOWN]
    names = [f"neuron {i}, {found.chosen[i]}" for i in best]
    picture = figures.observed_predicted(
        found.observed[:, best].astype(float), found.predictions[:, best].astype(float), names
    )
    caption = "Observed and predicted while held out: the best neurons."
    made.append(Figure("predictions", caption, picture))
    return made + neurons_responses.pictures(found, best)


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
