"""Categories from images of the brain: files in, maps out on the same grid."""

from typing import Any, Protocol

import numpy as np

from experiments.identified import identify
from experiments.runs import Part
from experiments.searchlight_pages import slices
from experiments.searchlight_study import Study, from_files
from jaxneuro import metrics
from jaxneuro.areas import Identified
from jaxneuro.data import Dataset
from jaxneuro.data.events import standardise_runs
from jaxneuro.report import Figure
from jaxneuro.statistics import certainty


class Settings(Protocol):
    """What is asked of images."""

    data: str
    events: tuple[str, ...]
    mask: str | None
    runs: int | None
    each: Any
    delay: float
    without: tuple[str, ...]
    out: Any
    seed: int
    quick: bool


def run(options: Settings, part: Part, command: str) -> dict[str, Any]:
    """Identifies what was shown, each run held out once, and writes patterns.nii.gz.

    Raises:
      ValueError: no events, or runs that do not divide the images.
    """
    study = _study(options)
    kept = study.kept(options.without)
    x = standardise_runs(study.volume.patterns(), study.run)[kept]
    label, runs, block = study.label[kept], study.run[kept], study.block[kept]
    part.notes.append("Each voxel is taken about its line in time and over its deviation, inside "
                      "each run.")  # fmt: skip
    if options.each == "block":
        x, label, runs = _means(x, label, runs, block)
        part.notes.append(f"Samples are the means of {len(x)} events.")
    names, codes = np.unique(label, return_inverse=True)
    given = Dataset(study.name, x, codes.astype(np.int32), target_names=tuple(names.tolist()),
                    groups=runs)  # fmt: skip

    def leave(found: Identified) -> list[Figure]:
        if options.each == "volume":
            by_block(part, found, block, runs, options.seed, 99 if options.quick else 999)
        return maps(options, part, study, found, x)

    more = "".join(f" --events {table}" for table in options.events)
    more += f" --mask {options.mask}" if options.mask else ""
    return identify(options, part, given, command + more, maps=leave)


def by_block(
    part: Part, found: Identified, block: np.ndarray, runs: np.ndarray, seed: int, resamples: int
) -> None:
    """Adds to `part` what the mean of an event's volumes says of it. Volumes of an event are not
    exchangeable, events of a run are: this p is the one to go by."""
    events = np.unique(block)
    told = np.stack([found.predictions[block == b].mean(axis=0) for b in events])
    first = np.array([np.flatnonzero(block == b)[0] for b in events])
    sure = certainty(metrics.accuracy, found.observed[first], told, groups=runs[first],
                     resamples=resamples, nulls=resamples, seed=seed)  # fmt: skip
    part.results |= {"block_accuracy": sure.mean, "block_p": sure.mean_p,
                     "block_interval": [sure.mean_low, sure.mean_high],
                     "blocks": len(events)}  # fmt: skip
    part.notes.append(f"Of {len(events)} events, {sure.mean:.3f} are found by the mean of their "
                      f"volumes' probabilities (p {sure.mean_p:.3g}, events permuted within runs). "
                      "Volumes of one event are alike, so that the p of single volumes is too "
                      "small.")  # fmt: skip


def maps(
    options: Settings, part: Part, study: Study, found: Identified, x: np.ndarray
) -> list[Figure]:
    """Writes the pattern of each category, and shows how far they lie apart."""
    name = found.chosen if _linear(found, found.chosen) else "LDA"
    if name not in found.classifiers:
        part.notes.append("No linear classifier was compared: there are no maps.")
        return []
    patterns = found.patterns(x, name)
    study.volume.save(patterns.astype(np.float32), options.out / "patterns.nii.gz")
    part.notes.append(f"patterns.nii.gz holds the patterns of {name}, in the order "
                      f"{', '.join(found.classes)}: how each voxel changes with the category's "
                      "score (Haufe et al. 2014), over all runs.")  # fmt: skip
    below = study.volume.array(study.volume.values.mean(axis=0))
    laid = study.volume.array(np.ptp(patterns, axis=0))
    figure = slices(below, laid, study.volume.affine, 0.0, None)
    figure.axes[-1].set_ylabel("range of patterns")
    return [Figure("patterns", f"How far apart the categories' patterns ({name}) are in a voxel. "
                   "Right is right.", figure)]  # fmt: skip


def _linear(found: Identified, name: str) -> bool:
    try:
        found.weights(name)
    except ValueError:
        return False
    return True


def _means(
    x: np.ndarray, label: np.ndarray, runs: np.ndarray, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples of whole events."""
    events, first = np.unique(block, return_index=True)
    return np.stack([x[block == b].mean(axis=0) for b in events]), label[first], runs[first]


def _study(options: Settings) -> Study:
    images = tuple(options.data.split(","))
    if not options.events:
        raise ValueError("--events: name a table of what was shown, for each file of images")
    study = from_files(images, options.events, options.mask, options.delay)
    if options.runs is None:
        return study
    count = len(study.run)
    if len(images) > 1 or options.runs < 2 or count % options.runs:
        raise ValueError(f"--runs {options.runs}: one file of {count} volumes does not hold so "
                         "many runs of equal length")  # fmt: skip
    return study._replace(run=np.repeat(np.arange(options.runs), count // options.runs))
