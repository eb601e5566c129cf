"""What the fits of receptive fields leave behind: the best of each voxel, solved for and scored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.encoding import field_arrays
from jaxneuro.encoding.field_arrays import Given
from jaxneuro.fits import Fits
from jaxneuro.models.receptive_field import Screen, gaussian
from jaxneuro.types import Status, Warned

_NUMBERS = 2**22  # of the fields that are laid out at a time
_SAME = 5e-4  # difference of losses of fits that ended in the same place: r2 within a thousandth


@dataclass(frozen=True, repr=False)
class ReceptiveFields:
    """The receptive field of each voxel.

    Attributes:
      params: `x`, `y`, `size` in the unit of `positions`, `gain` and `baseline` in that of the
        responses (as in the formula of `encoding.receptive_fields`), each (voxel,) float64; NaN
        where there is none: of bad data, and places of a constant voxel.
      r2: (voxel,) squared correlation of prediction and response over the frames fitted, which is
        what the fit maximised: some is reached in noise. NaN where the response is constant.
      held_out_r2: (voxel,) 1 - squared error / squared deviation over the frames held out, with all
        parameters as fitted: below 0 where their mean predicts better. None: no frame was.
      status, warning: (voxel,) of the best fit, a `Status` and a `Warned`.
      start: (voxel,) which start led to it; 0 is the best of the coarse grid.
      agreeing: (voxel,) how many starts ended there.
      starts: (voxel, start, 3) the x, y and size that each fit began with.
      fits: all of them, (voxel, start); their loss is half the share of variance left, less what no
        field could explain.
      positions, hrf: as given.
      run_seconds: of all but compiling.
    """

    params: dict[str, np.ndarray]
    r2: np.ndarray
    held_out_r2: np.ndarray | None
    status: np.ndarray
    warning: np.ndarray
    start: np.ndarray
    agreeing: np.ndarray
    starts: np.ndarray
    fits: Fits
    positions: np.ndarray
    hrf: np.ndarray
    run_seconds: float

    @classmethod
    def of(
        cls,
        fits: Fits,
        screen: Screen,
        places: np.ndarray,
        given: Given,
        drive: np.ndarray,
        begun: float,
    ) -> ReceptiveFields:
        """The best of the `fits` (voxel, start), by their loss.

        Args:
          places: (voxel, start, 3) the free coordinates that they began at, on the `screen`.
          drive: (time, pixel) aperture convolved with the response to blood flow.
          begun: when the work did, by `time.perf_counter`.
        """
        loss = np.where(np.isfinite(fits.loss), fits.loss, np.inf)
        start = loss.argmin(axis=1)
        best = np.take_along_axis(loss, start[:, None], axis=1)
        own, began = (np.arange(len(start)), start), screen.field(places)
        status, warning = fits.status[own], fits.warning[own]
        gone = (status == Status.BAD_DATA) | ~np.isfinite(best[:, 0])
        centre, size = screen.field(fits.params["place"][own].astype(np.float64))
        place = {"x": centre[:, 0], "y": centre[:, 1], "size": size}
        place = {name: np.where(gone, np.nan, values) for name, values in place.items()}
        params, r2, held_out_r2 = _solve(place, given, drive)
        return cls(
            params=params,
            r2=r2,
            held_out_r2=held_out_r2 if given.held_out.any() else None,
            status=status,
            warning=warning,
            start=start,
            agreeing=(loss <= best + _SAME).sum(axis=1) * ~gone,
            starts=np.concatenate([began[0], began[1][..., None]], axis=-1),
            fits=fits,
            positions=given.positions,
            hrf=given.hrf,
            run_seconds=time.perf_counter() - begun - fits.compile_seconds,
        )

    def __repr__(self) -> str:
        ended = ", ".join(f"{count} {status}" for status, count in self.statuses().items())
        scored = "" if self.held_out_r2 is None else f", held out {_median(self.held_out_r2):.3g}"
        return (
            f"<{len(self)} receptive fields of {self.total} fits: {ended}; median r2 "
            f"{_median(self.r2):.3g}{scored}; {self.compile_seconds:.2g} s to compile, "
            f"{self.run_seconds:.2g} s to run>"
        )

    def __len__(self) -> int:
        return len(self.r2)

    @property
    def total(self) -> int:
        """Fits run: voxels × starts."""
        return len(self.fits)

    @property
    def compile_seconds(self) -> float:
        return self.fits.compile_seconds

    @property
    def eccentricity(self) -> np.ndarray:
        """(voxel,) distance of the centre from the origin of `positions`."""
        return np.hypot(self.params["x"], self.params["y"])

    @property
    def angle(self) -> np.ndarray:
        """(voxel,) radians from the right, positive upwards."""
        return np.arctan2(self.params["y"], self.params["x"])

    def statuses(self) -> dict[str, int]:
        """How the best fits of how many voxels ended; of all fits, `fits.statuses()`."""
        found, counts = np.unique(self.status, return_counts=True)
        return {Status(int(s)).name.lower(): int(n) for s, n in zip(found, counts, strict=True)}

    def table(self) -> dict[str, np.ndarray]:
        """One row a voxel."""
        columns = {"voxel": np.arange(len(self)), **self.params}
        columns |= {"eccentricity": self.eccentricity, "angle": self.angle, "r2": self.r2}
        if self.held_out_r2 is not None:
            columns["held_out_r2"] = self.held_out_r2
        columns["status"] = np.array([Status(int(s)).name.lower() for s in self.status])
        columns["warning"] = np.array(
            ["" if w == 0 else Warned(int(w)).name.lower() for w in self.warning]
        )
        return columns | {"start": self.start, "agreeing": self.agreeing}

    def predict(self, x: ArrayLike, trials: ArrayLike | None = None) -> np.ndarray:
        """Responses to another aperture, in the unit of `y`.

        Args:
          x: (time, pixel) of the same pixels, frame rate and unit.
          trials: (time,) labels of runs.

        Returns:
          (time, voxel) float64.

        Raises:
          ValueError: `x` has other pixels, or is not finite.
        """
        x = field_arrays.numbers("x", x, "(time, pixel)", 2)
        if x.shape[1] != len(self.positions):
            raise ValueError(f"x has {x.shape[1]} pixels; fitted were {len(self.positions)}")
        drive = field_arrays.convolved(x, self.hrf, trials)
        gain, baseline = self.params["gain"], self.params["baseline"]
        found = np.empty((len(x), len(self)))
        for some, shape in _shapes(self.params, self.positions, drive):
            found[:, some] = np.where(gain[some] == 0, 0, gain[some] * shape) + baseline[some]
        return found


def _solve(
    place: dict[str, np.ndarray], given: Given, drive: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """`params` of fields at a `place`, with gain and baseline by least squares; `r2`; and
    `held_out_r2`."""
    gain, baseline, r2, held_out_r2 = found = np.full((4, len(place["size"])), np.nan)
    for some, shape in _shapes(place, given.positions, drive):
        found[:, some] = _least_squares(shape, given.y[:, some], given)
    found[:, np.isnan(place["size"])] = np.nan
    place = {name: np.where(np.isnan(r2), np.nan, values) for name, values in place.items()}
    return {**place, "gain": gain, "baseline": baseline}, r2, held_out_r2


def _least_squares(
    shape: np.ndarray, y: np.ndarray, given: Given
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gain, baseline, r2 and held-out r2, each (voxel,), of `y` (time, voxel) by its `shape`."""
    there = np.isfinite(y)
    fitted, scored = there & given.fitted[:, None], there & given.held_out[:, None]
    y, unit = field_arrays.in_units(np.where(there, y, 0), fitted)
    a, middle = _about_mean(shape, fitted)
    b, level = _about_mean(y, fitted)
    both, squares = (a * b).sum(axis=0), np.square(a).sum(axis=0)
    gain = np.divide(both, squares, out=np.zeros_like(both), where=squares != 0)
    baseline = level - gain * middle
    r2 = _ratio(gain * both, np.square(b).sum(axis=0))
    error = np.square(np.where(scored, gain * shape + baseline - y, 0)).sum(axis=0)
    held_out_r2 = 1 - _ratio(error, np.square(_about_mean(y, scored)[0]).sum(axis=0))
    return gain * unit, baseline * unit, r2, held_out_r2


def _about_mean(values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (time, voxel) less their mean (voxel,) over those that are `there`, 0 elsewhere."""
    mean = np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, values - mean, 0), mean


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _shapes(
    place: dict[str, np.ndarray], positions: np.ndarray, drive: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Some voxels, and the response (time, voxel) of their fields at gain 1 and baseline 0."""
    centre = np.stack([place["x"], place["y"]], axis=1)
    block = max(1, _NUMBERS // len(positions))
    for first in range(0, len(centre), block):
        some = slice(first, first + block)
        yield some, drive @ gaussian(centre[some], place["size"][some], positions).T


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else np.nan
