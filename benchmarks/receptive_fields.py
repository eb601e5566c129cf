"""Population receptive fields: a nonlinear model, many starts for each voxel."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from benchmarks.peers import find
from benchmarks.timing import Case, Contestant
from jaxneuro.data.simulate.retinotopy import RetinotopicPopulation, retinotopic_population
from jaxneuro.encoding import field_arrays
from jaxneuro.encoding.receptive_fields import fit_receptive_fields

_LOOP = "scipy least_squares loop"


def case(quick: bool) -> Case:
    """1 000 voxels × 20 starts, bars over 41 × 41 pixels, 300 frames, signal to noise of 5."""
    voxels, starts, side = (8, 3, 15) if quick else (1000, 20, 41)
    truth = retinotopic_population(voxels, seed=0, side=side)
    kept: dict[str, Any] = {}

    def ours() -> np.ndarray:
        found = fit_receptive_fields(truth.x, truth.y, truth.positions, truth.hrf, starts=starts)
        kept["found"] = found
        return found.r2

    contestants = [Contestant("jaxneuro", ours)]
    if find("scipy") is not None:
        few = 2 if quick else 5

        def peer(name: str, derivatives: bool) -> Contestant:
            def loop() -> np.ndarray:
                r2 = np.full(voxels, np.nan)
                with _one_thread():
                    r2[:few] = _loop(truth, kept["found"], few, derivatives)
                return r2

            return Contestant(name, loop, share=few / voxels, compiles=False)

        contestants += [peer(_LOOP, False), peer(f"{_LOOP}, own derivatives", True)]

    def near() -> float:
        place, size, _ = _errors(truth, kept["found"])
        return float(np.mean((place < 0.1) & (size < 0.1)))

    def facts() -> dict[str, Any]:
        place, size, found = _errors(truth, kept["found"])
        told = {"place within .1": np.mean(place < 0.1), "size within 10 %": np.mean(size < 0.1)}
        told = {name: float(value) for name, value in told.items()}
        words = ", ".join(f"{name} {value:.1%}" for name, value in told.items())
        return {**told, "statuses": found.fits.statuses(), "note": f"; {words}"}

    return Case(
        name="receptive_fields",
        work=f"{voxels} voxels × {starts} starts, T={len(truth.x)}, {side}² pixels, "
        "Gaussian fields, gain and baseline",
        contestants=contestants,
        fits=voxels * starts,
        quality=lambda r2: near(),
        quality_name="share of fields within .1° and 10 % of their size",
        disagree=lambda ours, theirs: float(np.nanmax(np.abs(ours - theirs))),
        differ_name="largest difference of a voxel's r²",
        at_least={_LOOP: 20.0},
        facts=facts,
    )


def _one_thread() -> AbstractContextManager:
    """Products as small as the loop's are slower by several threads, which wait for each other."""
    module = find("threadpoolctl")
    return module.threadpool_limits(1) if module is not None else nullcontext()


def _errors(truth: RetinotopicPopulation, found) -> tuple[np.ndarray, np.ndarray, Any]:
    off = np.stack([found.params["x"], found.params["y"]], axis=1) - truth.centre
    return np.hypot(*off.T), np.abs(found.params["size"] / truth.size - 1), found


def _loop(truth: RetinotopicPopulation, found, voxels: int, derivatives: bool) -> np.ndarray:
    """r² of the first voxels by `scipy.optimize.least_squares` in all five parameters, from the
    same starts; `x` convolved with the response beforehand, unlit pixels left out, as ours are."""
    from scipy.optimize import least_squares

    drive = field_arrays.convolved(truth.x.astype(float), truth.hrf.astype(float), None)
    lit = drive.any(axis=0)
    drive, (right, up) = np.ascontiguousarray(drive[:, lit]), truth.positions[lit].T.astype(float)
    reach = float(np.abs(truth.positions).max())
    low, high = [-2 * reach, -2 * reach, 0.05, -np.inf, -np.inf], [2 * reach] * 3 + [np.inf] * 2
    ones, r2 = np.ones(len(drive)), np.zeros(voxels)

    def field(p: np.ndarray) -> tuple[np.ndarray, ...]:
        across, above = right - p[0], up - p[1]
        square = across**2 + above**2
        return np.exp(-square / (2 * p[2] ** 2)), across, above, square

    def slopes(p: np.ndarray) -> np.ndarray:
        shape, across, above, square = field(p)
        bends = [across / p[2] ** 2, above / p[2] ** 2, square / p[2] ** 3]
        made = drive @ np.stack([*(p[3] * shape * b for b in bends), shape], axis=1)
        return np.column_stack([made, ones])

    for voxel in range(voxels):
        y = truth.y[:, voxel].astype(float)
        total = np.square(y - y.mean()).sum()
        for place in found.starts[voxel]:
            design = np.stack([drive @ field(place)[0], ones], axis=1)
            made = least_squares(
                lambda p, y=y: p[3] * (drive @ field(p)[0]) + p[4] - y,
                np.r_[place, np.linalg.lstsq(design, y, rcond=None)[0]],
                jac=slopes if derivatives else "2-point",  # pyright: ignore[reportArgumentType]
                bounds=(low, high),
            )
            r2[voxel] = max(r2[voxel], 1 - 2 * made.cost / total)
    return r2
