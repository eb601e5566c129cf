"""`Compared` to a file and back: each contender whole, and what was made of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxneuro.compare.compared import Compared, Job
from jaxneuro.compare.contender import Classifier, Contender, View
from jaxneuro.selection import archive, saved
from jaxneuro.selection.lags import Past
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import Certainty

T = TypeVar("T", bound=Compared)

_MANIFEST = "manifest.json"
_MEANS = ("mean", "mean_low", "mean_high", "mean_p")
_COSTS = ("fits", "compile_seconds", "run_seconds")


def save(found: Compared, path: Path) -> None:
    """See `Compared.save`."""
    arrays: saved.Arrays = {
        "observed": found.observed,
        "centre": found.centre,
        "spread": found.spread,
        "splits/train": found.splits.train,
        "splits/test": found.splits.test,
    }
    if found.groups is not None:
        arrays["groups"] = found.groups
    texts: saved.Texts = {}
    _pack_sure("certain", found.certain, arrays)
    facts = [
        {"name": name} | _packed(str(i), one, found.sure[name], found.job, arrays, texts)
        for i, (name, one) in enumerate(found.contenders.items())
    ]
    manifest = {
        "contenders": facts,
        "chosen": found.chosen,
        "by_fold": list(found.by_fold),
        "classes": list(found.classes),
        "outer": list(found.splits.names),
        "constant": _number(found.constant),
        "dt": found.dt,
        "notes": list(found.notes),
        "balanced": found.balanced,
    }
    archive.write(path, arrays, texts | {_MANIFEST: saved.manifest_of(found.job.kind, manifest)})


def unpacked(made: type[T], path: Any, arrays: saved.Arrays, texts: saved.Texts, facts: dict) -> T:
    """What `save` wrote, as `made`, of the manifest `facts`."""
    contenders, sure = {}, {}
    for i, own in enumerate(facts["contenders" if "contenders" in facts else "decoders"]):
        contenders[own["name"]] = _contender(path, str(i), own, made.job, arrays, texts)
        sure[own["name"]] = _sure(f"{i}/sure", arrays)
    splits = NestedSplits(arrays["splits/train"], arrays["splits/test"], tuple(facts["outer"]))
    by_fold = tuple(facts.get("by_fold", [facts["chosen"]]))  # files of 0.6 had one outer fold
    certain = _sure("certain", arrays) if "by_fold" in facts else sure[facts["chosen"]]
    return made(
        contenders=contenders,
        chosen=facts["chosen"],
        by_fold=by_fold,
        observed=arrays["observed"],
        classes=tuple(facts["classes"]),
        centre=arrays["centre"],
        spread=arrays["spread"],
        sure=sure,
        certain=certain,
        splits=splits,
        constant=_given(facts["constant"]),
        dt=facts["dt"],
        notes=tuple(facts["notes"]),
        balanced=facts.get("balanced", False),
        groups=arrays.get("groups"),
    )


def _pack_sure(where: str, sure: Certainty, arrays: saved.Arrays) -> None:
    arrays |= {f"{where}/{name}": np.asarray(v) for name, v in sure._asdict().items()}


def _sure(where: str, arrays: saved.Arrays) -> Certainty:
    told: dict[str, Any] = {name: arrays[f"{where}/{name}"] for name in Certainty._fields}
    told |= {name: float(told[name]) for name in _MEANS}
    return Certainty(**told)


def _packed(
    i: str, one: Contender, sure: Certainty, job: Job, arrays: saved.Arrays, texts: saved.Texts
) -> dict[str, Any]:
    _pack_sure(f"{i}/sure", sure, arrays)
    arrays[f"{i}/predictions"] = one.predictions
    facts: dict[str, Any] = {
        "inner": _number(one.inner),
        "by_fold": [_number(score) for score in one.by_fold],
        "chosen": dict(one.chosen),
        "costs": {name: getattr(one, name) for name in _COSTS},
        "past": None,
        "ordered": one.view.ordered,
        "turned": one.view.turned,
    }
    if one.view.past is not None:
        facts["past"] = [one.view.past.last, one.view.past.ahead]
        arrays[f"{i}/middle"] = one.view.past.middle
    for kind in job.kinds:
        if isinstance(one.found, kind.of):
            own, told = kind.packed(one.found)
            arrays |= {f"{i}/{name}": values for name, values in own.items()}
            return facts | {"kind": kind.name, kind.name: told}
    if isinstance(one.found, Classifier):
        arrays |= {f"{i}/classifier/{n}": v for n, v in one.found._asdict().items()}
        return facts | {"kind": "classifier"}
    own, words = saved.packed(one.found)
    arrays |= {f"{i}/search/{entry}": values for entry, values in own.items()}
    texts |= {f"{i}/search/{entry}": text for entry, text in words.items()}
    return facts | {"kind": "search"}


def _contender(
    path: Any, i: str, facts: dict, job: Job, arrays: saved.Arrays, texts: saved.Texts
) -> Contender:
    past = None
    if facts["past"] is not None:
        last, ahead = facts["past"]
        past = Past(last, arrays[f"{i}/middle"], ahead)
    own = {kind.name: kind for kind in job.kinds}.get(facts["kind"])
    return Contender(
        found=_found(path, i, facts, job, arrays, texts),
        view=View(
            past, facts["ordered"], own is not None and own.trials, facts.get("turned", False)
        ),
        predictions=arrays[f"{i}/predictions"],
        inner=_given(facts["inner"]),
        chosen=facts["chosen"],
        by_fold=tuple(map(_given, facts.get("by_fold", []))),
        **facts["costs"],
    )


def _found(
    path: Any, i: str, facts: dict, job: Job, arrays: saved.Arrays, texts: saved.Texts
) -> Any:
    for kind in job.kinds:
        if facts["kind"] == kind.name:
            return kind.unpacked(saved.under(f"{i}/", arrays), facts[kind.name])
    if facts["kind"] == "classifier":
        return Classifier(*(arrays[f"{i}/classifier/{name}"] for name in Classifier._fields))
    own, words = saved.under(f"{i}/search/", arrays), saved.under(f"{i}/search/", texts)
    return saved.unpacked(own, words, saved.facts_of(path, words, [saved.KIND]))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _given(value: float | None) -> float:
    return math.nan if value is None else value
