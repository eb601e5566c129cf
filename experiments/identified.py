"""Areas or categories from anybody's samples, by the one call of `areas`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from experiments.areas_report import found_of_each
from experiments.categories import LEADS, TITLES, Settings, areas_of
from experiments.runs import Part, finish
from jaxneuro import areas, metrics
from jaxneuro.areas import Identified, contenders
from jaxneuro.compare import Competitor
from jaxneuro.compare.page import pictures, tables
from jaxneuro.data import Dataset
from jaxneuro.report import Figure
from jaxneuro.selection import Search

_FEW = (1e-3, 1e-1, 10.0)  # strengths, for a smoke test


def no_maps(found: Identified) -> Sequence[Figure]:
    return []


def identify(
    options: Settings,
    part: Part,
    given: Dataset,
    command: str,
    images: bool = False,
    maps: Callable[[Identified], Sequence[Figure]] = no_maps,
) -> dict[str, Any]:
    """Compares classifiers, and leaves what they found in `options.out`.

    Args:
      options: of the command.
      part: what is known of the data so far.
      given: samples of categories; groups are each held out once.
      command: that runs this again.
      images: whether x (sample, row, column[, channel]) are images, for a CNN.
      maps: pictures of what was found.
    """
    x = given.x if images or given.x.ndim == 5 else given.x.reshape(len(given.x), -1)
    x = x[..., None] if images and x.ndim == 3 else x
    names = given.target_names or tuple(map(str, range(int(given.y.max()) + 1)))
    found = areas.identify(
        x, np.array(names)[given.y], groups=given.whole, test=given.test, dt=given.dt,
        classifiers=_few(x) if options.quick else None, resamples=99 if options.quick else 999,
        seed=options.seed, progress=True,
    )  # fmt: skip
    record(part, found)
    areas_of(part, found.observed, found.predictions, found.classes, given.dt is not None,
             found.groups, options)  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    part.figures += maps(found)
    part.provenance |= {"licence": given.licence or "as given", "citation": given.citation}
    found.save(options.out / "identified.jaxneuro")
    models = {name: sure.mean for name, sure in found.sure.items()}
    return finish(
        part,
        out=options.out,
        job="brain_areas",
        title=f"{TITLES['brain_areas']}: {given.name.replace('_', ' ')}",
        lead=f"{LEADS['brain_areas']} What each classifier leaves open, and which of them "
        "predicts, is chosen on inner folds, and the held-out samples are scored once.",
        data=options.data,
        model=found.told,
        score=found.certain.mean,
        score_name=f"held-out {found.score_name}",
        baseline=found.constant,
        models={"majority": found.constant, **models, found.told: found.certain.mean},
        command=command,
    )


def record(part: Part, found: Identified) -> None:
    """Adds to `part` the fits, tables, pictures and figures of a comparison."""
    for name, one in found.classifiers.items():
        if isinstance(one.found, Search):
            part.add(name, one.found)
    part.notes += found.notes
    held, sure = found.held, found.certain
    balanced = metrics.balanced_accuracy(found.observed[held], found.predictions[held])
    part.results |= {
        "interval": [sure.mean_low, sure.mean_high],
        "p_score": sure.mean_p,
        "balanced_accuracy": float(balanced),
        "intervals": {n: [s.mean_low, s.mean_high] for n, s in found.sure.items()},
        "chosen_by_fold": list(found.by_fold),
        "chosen": {name: dict(one.chosen) for name, one in found.classifiers.items()},
        "closed_form": {
            n: one.fits for n, one in found.classifiers.items() if not isinstance(one.found, Search)
        },
    }
    part.tables += tables(found)
    part.figures += [*pictures(found), found_of_each(found)]


def _few(x: np.ndarray) -> dict[str, Competitor]:
    """Small ones, for a smoke test."""
    made: dict[str, Competitor] = {
        "softmax regression": contenders.softmax(_FEW),
        "LDA": contenders.closed_form("lda"),
    }
    if x.ndim == 4:
        made["the article's CNN"] = contenders.image_network(steps=30)
    elif x.ndim == 5:
        made["3-D CNN"] = contenders.volume_network(steps=30)
    else:
        made["MLP"] = contenders.classifying_network(steps=60)
    return made
