"""`Decoded` to a file and back: each decoder whole, and what was made of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.decoding.contender import Classifier, Contender, View
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.decoding.kalman import Kalman
from jaxneuro.decoding.state_space import StateSpace
from jaxneuro.selection import archive, saved
from jaxneuro.selection.lags import Past
from jaxneuro.splits import NestedSplits
from jaxneuro.statistics import Certainty

KIND = "jaxneuro decoded"
_MANIFEST = "manifest.json"
_MEANS = ("mean", "mean_low", "mean_high", "mean_p")
_PLAIN = ("predictions", "r2", "noise", "lag", "noises", "lags")  # of a Kalman decoder
_COSTS = ("fits", "compile_seconds", "run_seconds")


def save(found: Decoded, path: Path) -> None:
    """See `Decoded.save`."""
    arrays: saved.Arrays = {
        "observed": found.observed,
        "centre": found.centre,
        "spread": found.spread,
        "splits/train": found.splits.train,
        "splits/test": found.splits.test,
    }
    texts: saved.Texts = {}
    facts = [
        {"name": name} | _packed(str(i), found.decoders[name], found.sure[name], arrays, texts)
        for i, name in enumerate(found.decoders)
    ]
    manifest = {
        "decoders": facts,
        "chosen": found.chosen,
        "classes": list(found.classes),
        "outer": list(found.splits.names),
        "constant": _number(found.constant),
        "dt": found.dt,
        "notes": list(found.notes),
    }
    archive.write(path, arrays, texts | {_MANIFEST: saved.manifest_of(KIND, manifest)})


def unpacked(path: Any, arrays: saved.Arrays, texts: saved.Texts, facts: dict) -> Decoded:
    """What `save` wrote, of the manifest `facts`."""
    decoders, sure = {}, {}
    for i, own in enumerate(facts["decoders"]):
        decoders[own["name"]] = _contender(path, str(i), own, arrays, texts)
        told: dict[str, Any] = {name: arrays[f"{i}/sure/{name}"] for name in Certainty._fields}
        told |= {name: float(told[name]) for name in _MEANS}
        sure[own["name"]] = Certainty(**told)
    splits = NestedSplits(arrays["splits/train"], arrays["splits/test"], tuple(facts["outer"]))
    return Decoded(
        decoders=decoders,
        chosen=facts["chosen"],
        observed=arrays["observed"],
        classes=tuple(facts["classes"]),
        centre=arrays["centre"],
        spread=arrays["spread"],
        sure=sure,
        splits=splits,
        constant=_given(facts["constant"]),
        dt=facts["dt"],
        notes=tuple(facts["notes"]),
    )


def _packed(
    i: str, one: Contender, sure: Certainty, arrays: saved.Arrays, texts: saved.Texts
) -> dict[str, Any]:
    arrays |= {f"{i}/sure/{name}": np.asarray(v) for name, v in sure._asdict().items()}
    arrays[f"{i}/predictions"] = one.predictions
    facts: dict[str, Any] = {
        "inner": _number(one.inner),
        "chosen": dict(one.chosen),
        "costs": {name: getattr(one, name) for name in _COSTS},
        "past": None,
        "ordered": one.view.ordered,
    }
    if one.view.past is not None:
        facts["past"] = [one.view.past.last, one.view.past.ahead]
        arrays[f"{i}/middle"] = one.view.past.middle
    if isinstance(one.found, Kalman):
        arrays |= {f"{i}/kalman/{name}": getattr(one.found, name) for name in _PLAIN}
        arrays |= {f"{i}/space/{n}": np.asarray(v) for n, v in one.found.space._asdict().items()}
        if one.found.errors is not None:
            arrays[f"{i}/kalman/errors"] = one.found.errors
        own = {"folds": list(one.found.folds), "smooth": one.found.smooth}
        return facts | {"kind": "kalman", "kalman": own}
    if isinstance(one.found, Classifier):
        arrays |= {f"{i}/classifier/{n}": v for n, v in one.found._asdict().items()}
        return facts | {"kind": "classifier"}
    own, words = saved.packed(one.found)
    arrays |= {f"{i}/search/{entry}": values for entry, values in own.items()}
    texts |= {f"{i}/search/{entry}": text for entry, text in words.items()}
    return facts | {"kind": "search"}


def _contender(
    path: Any, i: str, facts: dict, arrays: saved.Arrays, texts: saved.Texts
) -> Contender:
    past = None
    if facts["past"] is not None:
        last, ahead = facts["past"]
        past = Past(last, arrays[f"{i}/middle"], ahead)
    return Contender(
        found=_found(path, i, facts, arrays, texts),
        view=View(past, facts["ordered"]),
        predictions=arrays[f"{i}/predictions"],
        inner=_given(facts["inner"]),
        chosen=facts["chosen"],
        **facts["costs"],
    )


def _found(path: Any, i: str, facts: dict, arrays: saved.Arrays, texts: saved.Texts) -> Any:
    if facts["kind"] == "kalman":
        own: dict[str, Any] = {name: arrays[f"{i}/kalman/{name}"] for name in _PLAIN}
        parts: dict[str, Any] = {name: arrays[f"{i}/space/{name}"] for name in StateSpace._fields}
        folds, smooth = tuple(facts["kalman"]["folds"]), facts["kalman"]["smooth"]
        errors = arrays.get(f"{i}/kalman/errors")
        return Kalman(**own, errors=errors, space=StateSpace(**parts), folds=folds, smooth=smooth)
    if facts["kind"] == "classifier":
        return Classifier(*(arrays[f"{i}/classifier/{name}"] for name in Classifier._fields))
    own, words = saved.under(f"{i}/search/", arrays), saved.under(f"{i}/search/", texts)
    return saved.unpacked(own, words, saved.facts_of(path, words, [saved.KIND]))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _given(value: float | None) -> float:
    return math.nan if value is None else value
