"""Areas of a person or an animal left out, by their connections; softmax regression beside."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import areas, data
from jaxneuro.areas import contenders

_STRENGTHS = (0.03, 0.1, 0.3, 1.0)  # of the regression that makes a fingerprint


def people() -> dict[str, Any]:
    """Resting BOLD of 7 people: 47 right regions of a person left out, by their connections to the
    left ones."""
    recording = data.resting_state("hcp").arrays
    names = [str(name) for name in recording["region_names"]]
    series = list(recording["bold"])
    left = np.arange(0, len(names), 2)
    right, labels = left + 1, np.array(names)[left + 1]
    made = {"correlation": areas.fingerprints(series, right, left, clusters=names)}
    plain = areas.parcellate(made, labels)
    for strength in _STRENGTHS:
        made[f"regression {strength}"] = areas.fingerprints(
            series, right, left, clusters=names, kind="regression", strength=strength
        )
    return {
        "correlations": float(plain.accuracy.mean()),
        **_told(areas.parcellate(made, labels)),
        "majority": 1 / len(labels),
    }


def mice(quick: bool = False) -> dict[str, Any]:
    """Diffusion connectomes of 32 mice: 166 left regions of a mouse left out, by their connections
    to the right ones; and by softmax regression of the same, a tenth of the mice left out."""
    recording = data.mouse_connectomes().arrays
    side, region = recording["hemisphere"], recording["region"]
    left, right = np.flatnonzero(side == 0), np.flatnonzero(side == 1)
    connectomes = recording["connectome"][:: 4 if quick else 1]
    x = areas.connectome_fingerprints(np.log1p(connectomes), left, right, clusters=region)
    rows, columns = x.mean(axis=1, keepdims=True), x.mean(axis=2, keepdims=True)
    centred = x - rows - columns + x.mean(axis=(1, 2), keepdims=True)
    labels = region[left]
    made = areas.parcellate({"log": x, "centred": centred}, labels, shrinkages=(0.1, 0.03), folds=2)
    mouse = np.repeat(np.arange(len(x)), len(labels))
    logistic = {
        name: areas.identify(
            part.reshape(-1, part.shape[-1]), np.tile(labels, len(x)), groups=mouse, folds=2,
            classifiers={"softmax": contenders.softmax((1e-4, 1e-3, 1e-2))}, resamples=99,
        ).certain.mean
        for name, part in (("log", x), ("centred", centred))
    }  # fmt: skip
    return {**_told(made), "logistic": logistic, "majority": 1 / len(labels)}


def _told(made: areas.Parcellation) -> dict[str, Any]:
    sure = ~made.individual.unsure
    right = made.individual.labels == made.labels
    return {
        "accuracy": float(made.accuracy.mean()),
        "least": float(made.accuracy.min()),
        "most": float(made.accuracy.max()),
        "sure": float(sure.mean()),
        "accuracy of the sure": float(right[sure].mean()),
    }


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m experiments.parcellation", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/parcellation"))
    parser.add_argument("--quick", action="store_true", help="eight mice, for a smoke test")
    options = parser.parse_args(argv)
    found = {"people": people(), "mice": mice(options.quick)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "summary.json").write_text(json.dumps(found, indent=1))
    for name, figures in found.items():
        print(name, json.dumps(figures))
    return found


if __name__ == "__main__":
    main()
