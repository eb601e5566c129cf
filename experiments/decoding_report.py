"""Tables and figures of the decoding experiment."""

from collections.abc import Mapping

import numpy as np

from experiments.runs import Part
from jaxneuro import metrics
from jaxneuro.data import Dataset
from jaxneuro.decoding import Contender
from jaxneuro.report import Figure, Table, figures


def fill(
    part: Part,
    given: Dataset,
    y: np.ndarray,
    held: np.ndarray,
    decoders: Mapping[str, Contender],
    r2: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
) -> None:
    """Adds to `part` the scores of each model, the control, and what was decoded.

    Args:
      y: (sample, output) standardised movement.
      held: (sample,) which samples some fold held out.
      decoders: by model.
      r2: by model, (output,) over all held-out samples.
      predicted: by model, (sample, output).
    """
    names = given.target_names or tuple(f"output {i}" for i in range(y.shape[1]))
    shown = names[:8]
    rows = []
    for model, values in r2.items():
        found = decoders.get(model)
        cost = (found.fits, found.compile_seconds, found.run_seconds) if found else ("", "", "")
        rows.append((model, float(values.mean()), *values[: len(shown)].tolist(), *cost))
    control = np.array(part.results["shifted_r2"])
    rows.append(("linear decoder, shifted: median", float(np.median(control)), *[""] * len(shown),
        "", "", ""))  # fmt: skip
    part.tables.append(Table("Held-out R², each sample scored by the fold that held it out",
        ("model", "mean", *shown, "fits", "compile s", "run s"), rows,
        f"Shifted: the movement rolled in time {len(control)} times, which no decoder can know; "
        f"the best of these reached {control.max():.2f}. Exact ridge: the closed form at the "
        "penalties that the linear decoder chose; gradient descent ended within "
        f"{part.results['gap_to_exact']:.0e} of its objective."))  # fmt: skip
    if given.name.startswith("ECoG"):
        level = 0.5 * (np.percentile(y[held], 5) + np.percentile(y[held], 95))
        moving = (y[held, 0] > level).astype(int)
        part.results["move_rest_auc"] = {
            model: float(metrics.auc(moving, values[held, 0]))
            for model, values in predicted.items()
        }
        part.tables.append(Table("Movement against rest", ("model", "area under the ROC curve"),
            list(part.results["move_rest_auc"].items()),
            "Movement: force above half of its range."))  # fmt: skip
        part.notes.append("Nineteen seconds and three grips: a demonstration, not evidence.")
    window = np.flatnonzero(held)[:400]
    time = window * (given.dt or 1.0)
    best = sorted(decoders, key=lambda model: -np.mean(r2[model]))[:3]  # more hide each other
    for i, name in enumerate(names[:2]):
        traces = {m: predicted[m][window, i] for m in best}
        part.figures.append(Figure(f"decoded_{i}",
            f"Held-out {name} in standard deviations, and what the models of most R² decode.",
            figures.traces(time, y[window, i], traces, f"{name} (SD)")))  # fmt: skip
    values = {**r2, "shifted": control}
    part.figures.append(Figure("scores",
        "Held-out R² of each output, and of each shift of the control; 0 is no better than the "
        "mean.", figures.model_scores(values, "R²", 0.0)))  # fmt: skip
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}
