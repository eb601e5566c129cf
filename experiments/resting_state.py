"""Resting BOLD: every region of every subject predicted from the others, its homologue left out."""

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from experiments.runs import Part, held_out
from experiments.sure import judge
from jaxneuro import Axis, axes, data, encoding, make_inputs, metrics, protocol, stack_subjects
from jaxneuro.report import Figure, Table, figures
from jaxneuro.selection.search import search


def _region(kept, inputs, index):
    """An axis of our own: one region's signal, and which regions may predict it."""
    return inputs._replace(y=inputs.y[:, index], features=kept[index])


def run(seed: int, quick: bool) -> Part:
    """Ridge regressions, first 70 % of the frames -> last 30 %, subjects × regions at once."""
    recording = data.resting_state("hcp")
    bold = recording.arrays["bold"].astype(np.float32)
    bold = bold[:2, :300, :20] if quick else bold
    subjects, frames, regions = bold.shape
    past = np.arange(frames) < 0.7 * frames
    splits = protocol(frames, test=~past, series=True, folds=2 if quick else 4, gap=1)
    mean, spread = bold[:, past].mean(1, keepdims=True), bold[:, past].std(1, keepdims=True)
    signals = (bold - mean) / spread
    inputs = stack_subjects([make_inputs(one, one, key=seed) for one in signals])

    kept = 1 - np.eye(regions, dtype=np.float32)
    kept[np.arange(regions), np.arange(regions) ^ 1] = 0  # left and right alternate
    names = tuple(str(n) for n in recording.arrays["region_names"][:regions])
    found = search(
        encoding.linear(),
        inputs,
        [
            axes.subjects(subjects, labels=range(1, subjects + 1)),
            Axis("region", regions, Partial(_region, jnp.asarray(kept)), names),
        ],
        splits,
        axes.grid(l2=[0.01, 0.1] if quick else [0.01, 0.03, 0.1, 0.3]),
        score="r2",
    )
    r2 = held_out(found, "r2")[..., 0]

    part = Part()
    part.add("resting state", found)
    rows = [
        (f"{s + 1}", np.median(r2[s]), *np.percentile(r2[s], (10, 90))) for s in range(subjects)
    ]
    rows.append(("all", np.median(r2), *np.percentile(r2, (10, 90))))
    part.tables.append(Table("Resting BOLD: a region from the others, homologue left out",
        ("subject", "median R²", "10th percentile", "90th percentile"), rows,
        f"{found.total} fits; last 30 % of the frames held out."))  # fmt: skip
    part.figures.append(Figure("resting_state_r2",
        "Held-out R² of all regions and subjects; dashed: the median.",
        figures.histogram({"regions × subjects": r2.ravel()}, "held-out R²",
            reference=float(np.median(r2)))))  # fmt: skip
    part.results["regions_r2_median"] = float(np.median(r2))
    judge(part, metrics.r2, found.observed, {"ridge": found.predictions}, "ridge",
          what="R², median over regions and subjects", series=True, average=jnp.nanmedian,
          seed=seed, quick=quick)  # fmt: skip
    part.provenance |= {"licence": recording.licence, "citation": recording.citation}
    part.notes.append(
        "Resting state: high R² is shared fluctuation of the BOLD signal, global signal and motion "
        "included, and not evidence of connections.")  # fmt: skip
    return part
