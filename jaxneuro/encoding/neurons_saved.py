"""`Neurons` to a file and back: each model's result whole, and what was made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.encoding.design import Design
from jaxneuro.encoding.neurons_result import Neurons
from jaxneuro.encoding.repeats import Repeats
from jaxneuro.metrics.ceilings import Ceilings
from jaxneuro.selection import archive, saved
from jaxneuro.statistics import Certainty

KIND = "jaxneuro neurons"
_MANIFEST = "manifest.json"
_MEANS = ("mean", "mean_low", "mean_high", "mean_p")


def save(found: Neurons, path: Path) -> None:
    """See `Neurons.save`."""
    names = list(found.searches)
    arrays: saved.Arrays = {
        "chosen": np.array([names.index(name) for name in found.chosen], np.int32),
        "inner": np.stack([found.inner[name] for name in names]),
        "predictions": found.predictions,
        "middle": found.design.middle,
        "mean": found.design.mean,
    }
    arrays |= {f"sure/{name}": np.asarray(v) for name, v in found.sure._asdict().items()}
    if found.repeats is not None:
        arrays |= {f"ceilings/{n}": v for n, v in found.repeats.ceilings._asdict().items()}
        arrays |= {f"repeats/{n}": getattr(found.repeats, n) for n in ("low", "high", "normalised")}
    facts = {
        "models": names,
        "histories": sorted(found.histories),
        "counts": found.counts,
        "notes": list(found.notes),
        "lags": list(found.design.lags),
        "window": found.design.window,
        "conditions": None if found.repeats is None else found.repeats.conditions,
    }
    texts = {_MANIFEST: saved.manifest_of(KIND, facts)}
    for i, name in enumerate(names):
        own, words = saved.packed(found.searches[name])
        arrays |= {f"{i}/{entry}": values for entry, values in own.items()}
        texts |= {f"{i}/{entry}": text for entry, text in words.items()}
    archive.write(path, arrays, texts)


def unpacked(path: Any, arrays: saved.Arrays, texts: saved.Texts, facts: dict) -> Neurons:
    """What `save` wrote, of the manifest `facts`."""
    searches = {}
    for i, name in enumerate(facts["models"]):
        own, words = saved.under(f"{i}/", arrays), saved.under(f"{i}/", texts)
        searches[name] = saved.unpacked(own, words, saved.facts_of(path, words, [saved.KIND]))
    sure: dict[str, Any] = {name: arrays[f"sure/{name}"] for name in Certainty._fields}
    sure |= {name: float(sure[name]) for name in _MEANS}
    repeated = None
    if facts["conditions"] is not None:
        told = Ceilings(*(arrays[f"ceilings/{name}"] for name in Ceilings._fields))
        low, high, near = (arrays[f"repeats/{name}"] for name in ("low", "high", "normalised"))
        repeated = Repeats(told, low, high, near, facts["conditions"])
    design = Design(tuple(facts["lags"]), arrays["middle"], facts["window"], arrays["mean"])
    return Neurons(
        searches=searches,
        chosen=np.array(facts["models"])[arrays["chosen"]],
        inner=dict(zip(facts["models"], arrays["inner"], strict=True)),
        predictions=arrays["predictions"],
        design=design,
        sure=Certainty(**sure),
        repeats=repeated,
        counts=facts["counts"],
        histories=frozenset(facts["histories"]),
        notes=tuple(facts["notes"]),
    )
