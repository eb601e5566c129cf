"""What a searchlight leaves behind: a map of accuracies, and how likely each is by chance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.statistics import p_values

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class SearchlightMap:
    """Of `searchlight`.

    Attributes:
      decoder: its name.
      accuracy: (centre,) share of held-out samples, of all folds together, that are taken for what
        they are; NaN where the centre itself has values that are not finite, or no member varies.
      by_fold: (fold, centre) likewise of each fold.
      sizes: (centre,) members of each sphere.
      classes: (class,) what was told apart.
      folds: (fold,) their names.
      p: (centre,) probability of an accuracy as high anywhere in the map if labels mean nothing:
        corrected for all centres by the maximum (Nichols & Holmes 2002, Hum. Brain Mapp. 15:1);
        None without permutations.
      p_alone: likewise of an accuracy as high at that centre, not corrected.
      null: (permutation,) the greatest accuracy of each permutation's map.
      null_maps: (permutation, centre) these maps, in float32: what `clusters` takes.
      seconds: all in all, compilation included.
    """

    decoder: str
    accuracy: Floats
    by_fold: Floats
    sizes: NDArray[np.int32]
    classes: NDArray[Any]
    folds: tuple[str, ...]
    p: Floats | None
    p_alone: Floats | None
    null: Floats | None
    null_maps: NDArray[np.float32] | None
    seconds: float

    def __repr__(self) -> str:
        told = "all undefined"
        if not np.isnan(self.accuracy).all():
            at = int(np.nanargmax(self.accuracy))
            told = f"best accuracy {self.accuracy[at]:.3g} at centre {at}"
            if self.p is not None:
                told += f", p {self.p[at]:.2g}; {int((self.p <= 0.05).sum())} centres at .05"
        return (
            f"<{self.decoder}, {len(self.classes)} classes, {len(self.folds)} folds, "
            f"{len(self.accuracy)} centres: {told}; {self.seconds:.2g} s>"
        )

    def maps(self) -> dict[str, Floats]:
        """(centre,) values by name: accuracy and, with permutations, p and p_alone."""
        some = {"accuracy": self.accuracy, "p": self.p, "p_alone": self.p_alone}
        return {name: values for name, values in some.items() if values is not None}

    def table(self) -> dict[str, NDArray[Any]]:
        """One row a centre."""
        return {"centre": np.arange(len(self.accuracy)), "members": self.sizes, **self.maps()}

    def save_images(self, volume: Any, folder: str | Path) -> dict[str, Path]:
        """Writes each of `maps` as NIfTI on the grid of a `data.Volume`, whose voxels are the
        centres: `accuracy.nii.gz`, ...

        Returns:
          The files by name of the map.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return {
            name: volume.save(values, folder / f"{name}.nii.gz")
            for name, values in self.maps().items()
        }


def significance(
    right: NDArray[np.float32], total: float, known: NDArray[np.bool_]
) -> dict[str, Any]:
    """`p`, `p_alone`, `null` and `null_maps`, of (permutation, centre) weights of samples that were
    right, the first of the labels as they are, out of `total`; of centres `known` (centre,)."""
    if len(right) == 1:
        return dict.fromkeys(("p", "p_alone", "null", "null_maps"))
    # Weights are whole numbers; where a fit failed under permutation, nothing was right.
    right = np.where(known, np.round(np.nan_to_num(right), 3), -np.inf)
    observed, null = right[0], right[1:]
    greatest = null.max(axis=1)
    p, alone = np.full((2, len(known)), np.nan)
    values, place = np.unique(observed[known], return_inverse=True)
    p[known] = p_values(values, np.repeat(greatest[:, None], len(values), axis=1))[place]
    alone[known] = ((null >= observed).sum(axis=0)[known] + 1) / (len(null) + 1)
    maps = np.where(known, null / np.float32(total), np.nan).astype(np.float32)
    return {
        "p": p,
        "p_alone": alone,
        "null": greatest.astype(np.float64) / total,
        "null_maps": maps,
    }
