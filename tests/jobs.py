"""The jobs as from their commands, small, on recordings made up here; equal shapes share compiled
programs, so most have these."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")

from experiments import brain_areas, neural_decoding, neuron_activity

JOBS = {
    "neuron_activity": neuron_activity,
    "brain_areas": brain_areas,
    "neural_decoding": neural_decoding,
}
SAMPLES, FEATURES = 240, 6
TEST = np.arange(SAMPLES) >= 180
NAMES = np.array(["MT", "V1", "IT"])


def run(job: str, folder: Path, kind: str = "", **fields: Any) -> dict[str, Any]:
    """The summary of a job on a file that holds these fields."""
    file = folder / f"{job}.npz"
    np.savez(file, **fields)
    more = {"kind": kind} if kind else {}
    made = JOBS[job]
    return made.main(made.Options(data=str(file), out=folder / job, quick=True, **more))


def told(summary: dict[str, Any]) -> str:
    return "\n".join(summary["notes"])


def signals(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (sample, feature), the last a clock; y (sample, 3) that most decoders find."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, FEATURES))
    x[:, -1] = np.linspace(-1, 1, SAMPLES)
    y = x @ rng.normal(size=(FEATURES, 3)) + 0.4 * rng.normal(size=(SAMPLES, 3))
    return x, y


def regions(samples: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (sample, feature) of three regions, which are well apart; y (sample,) 0 to 2."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(samples) % 3)
    x = rng.normal(size=(3, FEATURES))[y] * 2.5 + rng.normal(size=(samples, FEATURES))
    return x, y


def told_of_groups(folder: Path, job: str, **fields: Any) -> None:
    """Groups of one value are told and do no harm; groups may be strings."""
    samples = len(fields["x"])
    found = run(job, folder, **fields, groups=np.repeat("all", samples))
    assert "groups has one value only: the samples are split without groups" in told(found)
    named = np.repeat([f"run {i}" for i in range(6)], samples // 6)
    found = run(job, folder, **fields, groups=named)
    assert "one value only" not in told(found)
    assert np.isfinite(found["score"])
