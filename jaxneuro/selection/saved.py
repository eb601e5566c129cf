"""Results to a file and back: arrays, a JSON manifest, and the prediction as StableHLO."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from jaxneuro.choice import Selection
from jaxneuro.fits import Fits
from jaxneuro.prediction import Frozen
from jaxneuro.selection import archive
from jaxneuro.selection.archive import LoadError
from jaxneuro.selection.halving import Halved
from jaxneuro.selection.program import fit_of, program_of
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits
from jaxneuro.types import Axis, Closed, Origin
from jaxneuro.version import __version__

_FORMAT = 1
KIND = "jaxneuro result"
_PROGRAM, _MANIFEST = "predict.stablehlo", "manifest.json"
_PLAIN = ("status", "warning", "steps", "loss", "gradient_norm", "rows")
_COSTS = ("lanes", "compile_seconds", "run_seconds", "useful")
_ORIGINS = ("x_origin", "y_origin")

T = TypeVar("T")
Arrays = dict[str, np.ndarray]
Texts = dict[str, bytes]


def save(found: Search, path: Path) -> None:
    """See `Search.save`."""
    archive.write(path, *packed(found))


def packed(found: Search) -> tuple[Arrays, Texts]:
    """All that is kept of a result, by the names of its entries."""
    arrays: Arrays = {
        "predictions": found.predictions,
        "observed": found.observed,
        "splits/train": found.splits.train,
        "splits/test": found.splits.test,
    }
    program, facts = program_of(found.fits, found.inputs)
    manifest = {
        "score": found.score,
        "outer": list(found.splits.names),
        "repeats": dict(found.repeats),
        "predict": facts,
        "fits": _keep_fits("fits", found.fits, arrays),
        "inner": found.inner and _keep_fits("inner", found.inner, arrays),
        "selection": found.selection and _keep_selection(found.selection, arrays),
        "halved": found.halved and [found.halved.steps, found.halved.without],
    }
    if found.halved is not None:
        arrays["halved/stopped"] = found.halved.stopped
        arrays["halved/scores"] = found.halved.scores
    return arrays, {_MANIFEST: manifest_of(KIND, manifest), _PROGRAM: program}


def manifest_of(kind: str, facts: dict[str, Any]) -> bytes:
    """A manifest in JSON: what this is, by which versions, and `facts`."""
    versions = {"jaxneuro": __version__, "jax": jax.__version__, "numpy": np.__version__}
    whole = {"kind": kind, "format": _FORMAT, "versions": versions, **facts}
    return json.dumps(whole, indent=1, allow_nan=False).encode()


def under(folder: str, entries: Mapping[str, T]) -> dict[str, T]:
    """The entries whose names begin with `folder`, without it."""
    return {n.removeprefix(folder): v for n, v in entries.items() if n.startswith(folder)}


def facts_of(path: str | os.PathLike, texts: Texts, kinds: Sequence[str]) -> dict[str, Any]:
    """The manifest, of one of `kinds`.

    Raises:
      LoadError: it has none, or is of a later version.
    """
    manifest = json.loads(texts.get(_MANIFEST, b"{}"))
    if manifest.get("kind") not in kinds:
        raise LoadError(f"{path} is no result of jaxneuro: it has no manifest of one")
    if manifest["format"] > _FORMAT:
        raise LoadError(
            f"{path} was written by jaxneuro {manifest['versions']['jaxneuro']}, in a later format "
            f"than this version ({__version__}) reads: update it"
        )
    return manifest


def load(path: str | os.PathLike) -> Search:
    """A result that `Search.save` wrote: tables, scores, choices, parameters and predictions as
    they were, and `predict` of new samples, without the code of the model.

    Raises:
      FileNotFoundError: there is no such file.
      LoadError: it is damaged, no result of jaxneuro, or of a later version.
    """
    arrays, texts = archive.read(Path(path))
    return unpacked(arrays, texts, facts_of(path, texts, [KIND]))


def unpacked(arrays: Arrays, texts: Texts, manifest: dict[str, Any]) -> Search:
    """The result that `packed` took apart."""
    fit = fit_of(texts[_PROGRAM], manifest["predict"])
    inner, selection = manifest["inner"], manifest["selection"]
    halved = manifest.get("halved")  # earlier files have none
    return Search(
        inner=inner and _given_fits("inner", inner, arrays, fit),
        selection=selection and _given_selection(selection, arrays),
        fits=_given_fits("fits", manifest["fits"], arrays, fit),
        score=manifest["score"],
        splits=NestedSplits(
            arrays["splits/train"], arrays["splits/test"], tuple(manifest["outer"])
        ),
        repeats=manifest["repeats"],
        kept={name: arrays[name] for name in ("predictions", "observed")},
        halved=halved and Halved(arrays["halved/stopped"], arrays["halved/scores"], *halved),
    )


def _keep_fits(where: str, fits: Fits, arrays: Arrays) -> dict:
    arrays |= {f"{where}/{name}": getattr(fits, name) for name in _PLAIN}
    arrays |= {f"{where}/scores/{name}": values for name, values in fits.scores.items()}
    origins = [name for name in _ORIGINS if getattr(fits, name) is not None]
    for name in origins:
        for part, values in getattr(fits, name)._asdict().items():
            arrays[f"{where}/{name}/{part}"] = np.asarray(values)
    leaves: list[np.ndarray] = []
    tree = None if fits.params is None else _keep_tree(fits.params, leaves)
    arrays |= {f"{where}/params/{i}": leaf for i, leaf in enumerate(leaves)}
    costs = {name: getattr(fits, name) for name in _COSTS}
    return {
        "axes": [_keep_axis(axis) for axis in fits.axes],
        "row_axes": [_keep_axis(axis) for axis in fits.row_axes],
        "scores": list(fits.scores),
        "params": tree,
        "origins": origins,
        **{name: value if math.isfinite(value) else None for name, value in costs.items()},
    }


def _given_fits(where: str, facts: dict, arrays: Arrays, fit: Frozen) -> Fits:
    origins: dict[str, Any] = {
        name: Origin(*(arrays[f"{where}/{name}/{part}"] for part in Origin._fields))
        for name in facts["origins"]
    }
    costs: dict[str, Any] = {n: math.nan if facts[n] is None else facts[n] for n in _COSTS}
    plain: dict[str, Any] = {name: arrays[f"{where}/{name}"] for name in _PLAIN}
    tree = facts["params"]
    return Fits(
        axes=tuple(_given_axis(*axis) for axis in facts["axes"]),
        params=None if tree is None else _given_tree(tree, f"{where}/params/", arrays),
        scores={name: arrays[f"{where}/scores/{name}"] for name in facts["scores"]},
        row_axes=tuple(_given_axis(*axis) for axis in facts["row_axes"]),
        fit=fit,
        **plain,
        **costs,
        **origins,
    )


def _keep_axis(axis: Axis) -> list:
    """Labels that JSON cannot hold are kept as text."""
    labels = axis.labels and [v.item() if hasattr(v, "item") else v for v in axis.labels]
    if labels and not all(isinstance(label, str | int | float) for label in labels):
        labels = [str(label) for label in labels]
    return [axis.name, axis.size, labels, axis.outer]


def _given_axis(name: str, size: int, labels: list | None, outer: bool) -> Axis:
    given = None if labels is None else tuple(labels)
    return Axis(name, size, Closed(_lost, (name,)), given, outer)


def _lost(name: str, *_: Any) -> Any:
    raise ValueError(f"axis {name!r} is of a loaded result: it has labels, and fits nothing")


def _keep_tree(tree: Any, leaves: list[np.ndarray]) -> Any:
    """The tree of parameters in JSON, by numbers of `leaves`, in JAX's order of them; nodes of
    other kinds than dictionaries and lists become tuples of their leaves."""
    if tree is None or jax.tree_util.all_leaves([tree]):
        leaves += [] if tree is None else [np.asarray(tree)]
        return {"none": []} if tree is None else len(leaves) - 1
    if isinstance(tree, dict):
        return {"dict": [[key, _keep_tree(tree[key], leaves)] for key in sorted(tree)]}
    parts = tree if isinstance(tree, list | tuple) else jax.tree.leaves(tree)
    kind = "list" if isinstance(tree, list) else "tuple"
    return {kind: [_keep_tree(part, leaves) for part in parts]}


def _given_tree(facts: Any, where: str, arrays: Arrays) -> Any:
    if isinstance(facts, int):
        return arrays[f"{where}{facts}"]
    ((kind, parts),) = facts.items()
    if kind == "none":
        return None
    if kind == "dict":
        return {key: _given_tree(value, where, arrays) for key, value in parts}
    made = [_given_tree(value, where, arrays) for value in parts]
    return made if kind == "list" else tuple(made)


def _keep_selection(selection: Selection, arrays: Arrays) -> dict:
    for name in ("chosen", "score", "gain"):
        arrays[f"selection/{name}"] = getattr(selection, name)
    arrays |= {f"selection/values/{name}": v for name, v in selection.values.items()}
    limits = {name: list(pair) for name, pair in selection.limits.items()}
    return {"over": list(selection.over), "limits": limits}


def _given_selection(facts: dict, arrays: Arrays) -> Selection:
    over = tuple(facts["over"])
    values = {name: arrays[f"selection/values/{name}"] for name in over}
    limits = {name: tuple(pair) for name, pair in facts["limits"].items()}
    chosen, score = arrays["selection/chosen"], arrays["selection/score"]
    gain = arrays.get("selection/gain")  # files of 0.10 have none
    gain = np.where(np.isnan(score), np.nan, np.inf) if gain is None else gain
    return Selection(over, chosen, values, score, limits, gain)
