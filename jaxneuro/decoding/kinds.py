"""What decoders find that no other job has, to a file and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxneuro.compare.kinds import Kind
from jaxneuro.decoding.epoch_contenders import SpatialClassifier
from jaxneuro.decoding.kalman import Kalman
from jaxneuro.decoding.spatial import Csp
from jaxneuro.decoding.state_space import StateSpace
from jaxneuro.decoding.tangent import Tangent
from jaxneuro.selection.saved import Arrays, under

_PLAIN = ("predictions", "r2", "noise", "lag", "noises", "lags")


def _packed(found: Kalman) -> tuple[Arrays, dict[str, Any]]:
    arrays = {f"kalman/{name}": getattr(found, name) for name in _PLAIN}
    arrays |= {f"space/{name}": np.asarray(v) for name, v in found.space._asdict().items()}
    if found.errors is not None:
        arrays["kalman/errors"] = found.errors
    return arrays, {"folds": list(found.folds), "smooth": found.smooth}


def _unpacked(arrays: Arrays, facts: dict[str, Any]) -> Kalman:
    own, parts = under("kalman/", arrays), under("space/", arrays)
    plain: dict[str, Any] = {name: own[name] for name in _PLAIN}
    space: dict[str, Any] = {name: parts[name] for name in StateSpace._fields}
    return Kalman(**plain, errors=own.get("errors"), space=StateSpace(**space),
                  folds=tuple(facts["folds"]), smooth=facts["smooth"])  # fmt: skip


_SPACES = {"csp": Csp, "tangent": Tangent}


def _packed_spatial(found: SpatialClassifier) -> tuple[Arrays, dict[str, Any]]:
    arrays = {f"space/{name}": np.asarray(v) for name, v in found.space._asdict().items()}
    arrays |= {"spatial/kernel": found.kernel, "spatial/bias": found.bias}
    name = next(name for name, kind in _SPACES.items() if isinstance(found.space, kind))
    return arrays, {"space": name}


def _unpacked_spatial(arrays: Arrays, facts: dict[str, Any]) -> SpatialClassifier:
    made: Any = _SPACES[facts["space"]]
    space = made(*(arrays[f"space/{name}"] for name in made._fields))
    return SpatialClassifier(space, arrays["spatial/kernel"], arrays["spatial/bias"])


KINDS = (
    Kind("kalman", Kalman, _packed, _unpacked, trials=True),
    Kind("spatial", SpatialClassifier, _packed_spatial, _unpacked_spatial),
)
