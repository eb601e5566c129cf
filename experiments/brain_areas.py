"""Job 2, brain area identification: imaging data -> functional area or category."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments import areas_images
from experiments.areas_report import maps
from experiments.categories import classify
from experiments.identified import identify
from experiments.runs import Part, command_line, told
from jaxneuro import data, models
from jaxneuro.adapters.read import Picks
from jaxneuro.data import Dataset

COMMAND = "python -m experiments.brain_areas"


@dataclass
class Options(Picks):
    """Identify brain areas from imaging data and write a report.

    Default: patches of seven maps of the human cortex -> its functional network (Yeo-7), fitted on
    the left hemisphere, tested on the right: the seed article's CNN, of patches of 31 pixels,
    beside softmax regressions, of 15. About four minutes on two cores, and 69 MB to download once;
    compiled programs are kept in ~/.cache/jaxneuro. Writes summary.json, fits.csv, PNG figures and
    report.html. Of a file also identified.jaxneuro, for jaxneuro.load; of images
    patterns.nii.gz, a map for each category.
    """

    data: str = "cortical-maps"
    """"cortical-maps"; a FILE.npz with x (sample, *feature), y (sample,) labels, and if you like
    groups, test, dt; .nwb, .mat, .csv or MNE's -epo.fif; or a FILE.nii.gz of images over time with
    --events, several of them, one a run, parted by commas."""
    events: tuple[str, ...] = ()
    """Of images: events.tsv (onset, duration, trial_type) for each file; or, for one file, a table
    with a line a volume: label and run."""
    mask: str | None = None
    """Of images: a NIfTI mask on the same grid; none: all voxels that change."""
    runs: int | None = None
    """Of one file of images: it holds so many runs of equal length."""
    each: Literal["volume", "block"] = "volume"
    """Of images, what is a sample: a volume, or the mean of those of one event."""
    delay: float = 5.0
    """Of images: seconds by which the response follows an event of an events.tsv."""
    without: tuple[str, ...] = ("rest",)
    """Of images: labels that are left out."""
    kind: Literal["auto", "images", "features"] = "auto"
    """What x is. auto: (sample, row, column, channel), or (sample, row, column) of as many rows as
    columns, are images, for a CNN; all else is features."""
    out: Path = Path("results/brain_areas")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> dict[str, Any]:
    """Runs the experiment and returns its summary."""
    part = Part()
    command = f"{COMMAND} --data {options.data} --seed {options.seed}{options.told()}"
    with told(part.notes):
        if options.data == "cortical-maps":
            flat = data.raster(data.cortical_maps(), millimetre=6.0 if options.quick else 2.5)
            small, wide = (7, 15) if options.quick else (15, 31)
            patches = data.patches(flat, small)
            cnn = models.region_cnn(len(patches.dataset.target_names))
            network = models.of_patches(cnn, patches.images, wide), patches.pixels
            return classify(
                options, part, patches.dataset, "brain_areas", command, True,
                lambda *found: maps(flat, patches.pixels, *found), (1e-2, 1e-1, 1.0), network,
            )  # fmt: skip
        if options.data.endswith((".nii", ".nii.gz")):
            return areas_images.run(options, part, command)
        if not options.is_file(options.data):
            raise ValueError(f"--data {options.data}: neither cortical-maps nor a file")
        given = data.dataset_from_npz(options.npz(options.data, options.out), "areas")
        part.notes.extend(given.notes)
        images = _are_images(given, options.kind, part)
        return identify(options, part, given, command, images)


def _are_images(given: Dataset, kind: str, part: Part) -> bool:
    shape = given.x.shape
    could = given.x.ndim in (3, 4) and min(shape[1:3]) >= 4
    if kind == "images" and not could:
        raise ValueError(
            f"--kind images: x has shape {shape}, and images are (sample, row, column) or "
            "(sample, row, column, channel) of at least 4 by 4"
        )
    images = could and (given.x.ndim == 4 or shape[1] == shape[2]) if kind == "auto" else (
        kind == "images"
    )  # fmt: skip
    if could:
        taken, other = ("images", "features") if images else ("features, not images", "images")
        word = f"x {shape} is taken as {taken}; --kind {other} takes it otherwise."
        part.notes.append(word)
        print(word, flush=True)
    return images


if __name__ == "__main__":
    command_line(Options, main, None)
