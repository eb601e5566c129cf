"""Where in the brain is the category that a person looks at? A searchlight with its p-map."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from experiments.runs import command_line
from experiments.searchlight_pages import leave
from experiments.searchlight_study import Study, from_files, from_folder
from jaxneuro import areas, splits
from jaxneuro.areas import Clusters, SearchlightMap
from jaxneuro.data.events import standardise_runs

COMMAND = "python -m experiments.searchlight"
LEVEL = 0.05  # family-wise


@dataclass
class Options:
    """Map where a classifier of the voxels around tells categories apart, and write a report.

    Volumes are brought to one scale inside each run, and each run is held out in turn; labels are
    permuted within runs, by whole blocks. Writes accuracy.nii.gz, p.nii.gz, p_alone.nii.gz,
    clusters.csv, PNG slices, summary.json, fits.csv (a row a centre) and report.html.
    """

    data: tuple[str, ...] = ()
    """NIfTI images of time; several files are several runs."""
    events: tuple[str, ...] = ()
    """events.tsv (onset, duration, trial_type) for each file; or, for one file, a table with a line
    a volume: label and run."""
    mask: str | None = None
    """NIfTI mask on the same grid; none: all voxels that change."""
    path: str | None = None
    """In place of these: a folder with bold.nii.gz, mask.nii.gz and attributes_literal.txt."""
    out: Path = Path("results/searchlight")
    """Folder to write into."""
    radius: float = 10.0
    """Of the spheres, in mm."""
    decoder: Literal["ridge", "lda", "max_correlation", "logistic"] = "ridge"
    """What tells the categories apart in a sphere."""
    shrinkage: float = 0.1
    """Of lda."""
    permutations: int = 1000
    """Of the labels."""
    delay: float = 5.0
    """Seconds by which the response follows an event of an events.tsv."""
    without: tuple[str, ...] = ("rest",)
    """Labels that are left out."""
    seed: int = 0
    """Of the permutations."""
    quick: bool = False
    """Few permutations, for a smoke test: its p-values mean little."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    begun = time.perf_counter()
    study = _study(options)
    kept = study.kept(options.without)
    x = standardise_runs(study.volume.patterns(), study.run)[kept]
    label, run, block = study.label[kept], study.run[kept], study.block[kept]
    spheres = areas.spheres(study.volume.mask, study.volume.affine, options.radius)
    with compiling() as seconds:
        found = areas.searchlight(
            x, label, splits.leave_one_group_out(run), spheres, options.decoder,
            shrinkage=options.shrinkage, permutations=19 if options.quick else options.permutations,
            groups=run, blocks=block, seed=options.seed, progress=True,
        )  # fmt: skip
    clusters = significant(found, study, int(kept.sum()))
    return leave(
        options, study, found, clusters, spheres,
        compile_seconds=seconds[0], seconds=time.perf_counter() - begun,
        command=f"{COMMAND} --seed {options.seed}",
    )  # fmt: skip


def significant(found: SearchlightMap, study: Study, samples: int) -> Clusters | None:
    """Clusters of the centres whose p, corrected for the map, is at most `LEVEL`; None where there
    are too few permutations to say."""
    if found.null is None or (rank := int(LEVEL * (len(found.null) + 1))) < 1:
        return None
    threshold = np.sort(found.null)[-rank] + 0.5 / samples  # half a sample above
    return areas.clusters(
        found.accuracy, threshold, study.volume.mask, positions=study.volume.positions,
        p=found.p, null_maps=found.null_maps,
    )  # fmt: skip


@contextmanager
def compiling() -> Iterator[list[float]]:
    """Seconds of tracing and compilation inside, in a list of one."""
    spent = [0.0]

    def add(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            spent[0] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(add)
    try:
        yield spent
    finally:
        jax.monitoring.unregister_event_duration_listener(add)


def _study(options: Options) -> Study:
    if options.path is not None:
        if options.data or options.events or options.mask:
            raise ValueError("--path is given: it stands for --data, --events and --mask")
        return from_folder(Path(options.path))
    if not options.data:
        raise ValueError(
            "--data: name a NIfTI file, with --events and --mask, or a folder by --path"
        )
    return from_files(options.data, options.events, options.mask, options.delay)


if __name__ == "__main__":
    command_line(Options, main, None)
