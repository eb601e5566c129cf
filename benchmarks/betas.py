"""How strongly did each event drive each voxel? Linear models of a run, prewhitened or separate."""

from typing import Any

import numpy as np

from benchmarks.peers import find
from benchmarks.timing import Case, Contestant
from jaxneuro import fmri
from jaxneuro.data.events import Events

_REPETITION = 2.0
_SOME = 3  # events of which the peer fits the models, of all


def prewhitened(quick: bool) -> Case:
    """All events in one model, noise an autoregression estimated in each voxel: nilearn's "ar1"."""
    design, y = _run(quick)

    def ours() -> np.ndarray:
        return fmri.betas(y, design, noise="ar1").values

    contestants = [Contestant("jaxneuro", ours)]
    if level := find("nilearn.glm.first_level"):
        wide = y.astype(np.float64)

        def theirs() -> np.ndarray:
            return _coefficients(level, wide, design.matrix, "ar1")[: design.responses]

        contestants.append(Contestant("nilearn run_glm ar1", theirs, compiles=False))
    return _case("betas_ar1", "together, prewhitened by ρ of each voxel", design, y, contestants)


def separate(quick: bool) -> Case:
    """Each event in a model of its own, where all others share a column."""
    design, y = _run(quick)
    events = design.responses

    def ours() -> np.ndarray:
        return fmri.betas(y, design, method="lss").values

    contestants = [Contestant("jaxneuro", ours)]
    if level := find("nilearn.glm.first_level"):
        wide, some = y.astype(np.float64), min(_SOME, events)

        def theirs() -> np.ndarray:
            found = []
            for event in range(some):
                own, rest = np.split(design.matrix, [events], axis=1)
                others = own.sum(axis=1, keepdims=True) - own[:, event : event + 1]
                x = np.concatenate([own[:, event : event + 1], others, rest], axis=1)
                found.append(_coefficients(level, wide, x, "ols")[0])
            return np.stack(found)

        contestants.append(
            Contestant("nilearn run_glm ols, a loop", theirs, some / events, compiles=False)
        )
    return _case("betas_separate", "each in a model of its own", design, y, contestants)


def _case(name: str, work: str, design: fmri.Design, y: np.ndarray, contestants: list) -> Case:
    def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
        return float(np.median(np.abs(ours[: len(theirs)] - theirs)) / np.std(theirs))

    return Case(
        name=name,
        work=f"{design.responses} events {work}, {y.shape[1]} voxels × {len(y)} frames",
        contestants=contestants,
        fits=design.responses * y.shape[1],
        quality=lambda found: float(np.nanstd(found)),
        quality_name="deviation of betas",
        disagree=apart,
        differ_name="median difference over deviation",
    )


def _coefficients(level: Any, y: np.ndarray, x: np.ndarray, noise: str) -> np.ndarray:
    labels, results = level.run_glm(y, x, noise_model=noise)
    found = np.empty((x.shape[1], y.shape[1]))
    for label, result in results.items():
        found[:, labels == label] = result.theta
    return found


def _run(quick: bool) -> tuple[fmri.Design, np.ndarray]:
    """A run of the size of an event-related study, with responses and slow noise."""
    frames, voxels, events = (60, 200, 6) if quick else (300, 30_000, 80)
    rng = np.random.default_rng(0)
    onset = 4 + np.arange(events) * (frames * _REPETITION - 20) / events
    shown = Events(onset, np.ones(events), np.tile(["face", "house"], events // 2))
    design = fmri.design(shown, frames, _REPETITION, per="event")
    y = rng.normal(size=(frames, voxels)).astype(np.float32)
    for frame in range(1, frames):
        y[frame] += rng.normal(0.3, 0.1, voxels).astype(np.float32) * y[frame - 1]
    weight = rng.normal(1, 1, (events, voxels)).astype(np.float32)
    y += design.matrix[:, :events].astype(np.float32) @ weight + 100
    return design, y
