"""A person's images with what was shown: from files, in the forms that laboratories hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxneuro.data.events import (
    VolumeLabels,
    label_volumes,
    read_events,
    read_volume_labels,
)
from jaxneuro.data.images import Volume, concatenated, read_volume


class Study(NamedTuple):
    """Volumes and, of each, (time,) its label, run, and block of one label; "" and -1: none."""

    name: str
    volume: Volume
    label: np.ndarray
    run: np.ndarray
    block: np.ndarray

    def kept(self, without: Sequence[str]) -> np.ndarray:
        """(time,) whether a volume has a label that is not left out.

        Raises:
          ValueError: a single run, or a single label.
        """
        kept = ~np.isin(self.label, ["", *without])
        if len(names := np.unique(self.label[kept])) < 2:
            raise ValueError(f"events: the labels are {names.tolist()}: two at least are needed")
        if len(np.unique(self.run[kept])) < 2:
            raise ValueError(
                "events: there is one run, and none can be held out: give an image and an "
                "events.tsv for each run, or a table of volumes with a column run"
            )
        return kept


def from_folder(folder: Path) -> Study:
    """Of bold.nii.gz, mask.nii.gz and attributes_literal.txt (label and run of each volume), as
    PyMVPA holds a slice of Haxby et al. (2001)."""
    volume = read_volume(folder / "bold.nii.gz", folder / "mask.nii.gz")
    return _of(folder.name, volume, [read_volume_labels(folder / "attributes_literal.txt")])


def from_files(
    images: Sequence[str], events: Sequence[str], mask: str | None, delay: float
) -> Study:
    """Of images and their tables.

    Raises:
      ValueError: as many tables as images there are not, or no repetition time is told.
    """
    if len(events) != len(images):
        raise ValueError(f"--events: {len(events)} tables for {len(images)} images")
    volumes = [read_volume(images[0], mask)]
    volumes += [read_volume(path, volumes[0].mask if mask is None else mask) for path in images[1:]]
    labels = []
    for number, (path, table, volume) in enumerate(zip(images, events, volumes, strict=True)):
        if not _has_onsets(table):
            labels.append(read_volume_labels(table))
        elif volume.repetition is None:
            raise ValueError(f"{path}: its header tells no repetition time")
        else:
            found = read_events(table)
            labels.append(
                label_volumes(found, len(volume.values), volume.repetition, delay, number)
            )
    return _of(Path(images[0]).name, concatenated(volumes), labels)


def _of(name: str, volume: Volume, labels: Sequence[VolumeLabels]) -> Study:
    label = np.concatenate([one.label for one in labels])
    if len(label) != len(volume.values):
        raise ValueError(f"events: {len(label)} labels for {len(volume.values)} volumes")
    runs, blocks, run, block = [], [], 0, 0
    for one in labels:  # numbers that no two tables share
        runs.append(one.run + run if len(labels) == 1 else np.full(len(one.run), run))
        blocks.append(np.where(one.block < 0, -1, one.block + block))
        run, block = run + 1, block + int(one.block.max()) + 1
    return Study(name, volume, label, np.concatenate(runs), np.concatenate(blocks))


def _has_onsets(path: str) -> bool:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    with open(path, encoding="utf-8-sig") as file:
        return "onset" in file.readline()
