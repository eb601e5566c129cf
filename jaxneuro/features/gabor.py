"""Gabor filters and motion energy: what V1 sees of images and movies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.features import checks
from jaxneuro.features.basis import Values
from jaxneuro.features.edges import starts
from jaxneuro.features.quadrature import Scale, make_scale, spatial, temporal

_LARGEST = 2**22  # numbers in the arrays of one block of frames
_OUTPUTS = ("energy", "amplitude", "phases")


class Gabors(NamedTuple):
    """What each filter of a bank is, (filter,) each.

    Attributes:
      x, y: column and row of its centre, in pixels.
      size: standard deviation of its envelope, in pixels.
      frequency: cycles per image height.
      direction: degrees counter-clockwise from rightward, in which a grating that drives it moves;
        of filters without motion, that in which its bars follow each other, below 180.
      rate: temporal frequency, Hz.
    """

    x: Values
    y: Values
    size: Values
    frequency: Values
    direction: Values
    rate: Values


@dataclass(frozen=True)
class GaborBank:
    """See `gabor_bank`."""

    shape: tuple[int, int]
    frequencies: tuple[float, ...]
    orientations: int
    rates: tuple[float, ...]
    fps: float
    window: int
    cycles: float
    largest: float
    spacing: float

    @property
    def filters(self) -> Gabors:
        """What each filter is, in the order of features."""
        rows = []
        for frequency, scale in zip(self.frequencies, self._scales(), strict=True):
            y, x = (grid.ravel() for grid in np.meshgrid(scale.y, scale.x, indexing="ij"))
            for rate in self.rates:
                both = np.concatenate([scale.angles, scale.angles + np.pi])
                for angle in np.degrees(both if rate else scale.angles):
                    one = (x, y, scale.size, frequency, angle, rate)
                    rows.append(np.stack(np.broadcast_arrays(*one)))
        return Gabors(*np.concatenate(rows, axis=1))

    @property
    def names(self) -> tuple[str, ...]:
        """One for each filter: "gabor (12, 20) 4 c 45° 2 Hz"."""
        return tuple(
            f"gabor ({x:.4g}, {y:.4g}) {f:.4g} c {d:.4g}°" + (f" {r:.4g} Hz" if self.fps else "")
            for x, y, _, f, d, r in zip(*self.filters, strict=True)
        )

    def __call__(
        self, images: ArrayLike, trials: ArrayLike | None = None, output: str = "energy"
    ) -> NDArray[np.floating]:
        """The response of every filter to every frame.

        Args:
          images: (frame, y, x), finite, in any unit.
          trials: (frame,) labels: no filter sees frames of another trial. What comes before the
            first frame of a trial counts as uniform.
          output: "energy": the sum of squares of a quadrature pair, which does not depend on phase
            (Adelson & Bergen 1985, J. Opt. Soc. Am. A 2:284); "amplitude": its root; "phases": the
            two linear responses, of the filters cosine and sine.

        Returns:
          (frame, filter), of phases (frame, filter, 2); float64 if `images` is that, else float32.
          In blocks of frames: memory is that of the result and some tens of MB.

        Raises:
          ValueError: names the argument.
        """
        images = checks.numbers("gabor_bank", "images", images)
        if images.ndim != 3 or images.shape[1:] != self.shape:
            raise ValueError(f"gabor_bank: images has shape {images.shape}; it must be (frame, "
                             f"{self.shape[0]}, {self.shape[1]})")  # fmt: skip
        if output not in _OUTPUTS:
            raise ValueError(f"gabor_bank: output is {output!r}; it must be one of {_OUTPUTS}")
        dtype = np.float64 if images.dtype == np.float64 else np.float32
        begins = starts("gabor_bank", trials, len(images))
        past, scales = self.window - 1, self._scales()
        shape = (len(images), len(self.filters.x), *[2] * (output == "phases"))
        out = np.empty(shape, dtype)
        block = max(_LARGEST // max(scale.along_x.size * 4 for scale in scales), 1)
        block = min(block, 64) if past else block  # frames are mixed by a product of matrices
        for start in range(0, len(images), block):
            stop = min(start + block, len(images))
            first = max(start - past, 0)
            seen = images[first:stop].astype(dtype)
            if not np.isfinite(seen).all():
                raise ValueError("gabor_bank: images has values that are not finite")
            new = np.arange(start, stop)
            lags = new[:, None] - np.arange(first, stop)
            lags = np.where(np.arange(first, stop) >= begins[new, None], lags, -1)
            done = 0
            for response in self._responses(scales, seen, lags):
                there = out[start:stop, done : done + response.shape[1]]
                done += response.shape[1]
                if output == "phases":
                    there[..., 0], there[..., 1] = response.real, response.imag
                else:
                    energy = np.square(response.real) + np.square(response.imag)
                    there[...] = energy if output == "energy" else np.sqrt(energy)
        return out

    def _responses(
        self, scales: list[Scale], seen: Values, lags: NDArray[np.intp]
    ) -> Iterator[NDArray[np.complexfloating]]:
        """(new frame, position) of each direction, in the order of `filters`."""
        turns = [temporal(lags, self.window, r / self.fps if r else 0.0) for r in self.rates]
        for scale in scales:
            still = spatial(scale, seen)
            for rate, turn in zip(self.rates, turns, strict=True):
                turn = turn.astype(still.dtype)
                yield from (turn @ one for one in still)
                if rate:  # the other way
                    yield from ((turn.conj() @ one).conj() for one in still)

    def _scales(self) -> list[Scale]:
        height = self.shape[0]
        made = []
        for frequency in self.frequencies:
            size = min(self.cycles / frequency, self.largest) * height
            wave = 2 * np.pi * frequency / height
            made.append(make_scale(self.shape, wave, size, self.orientations, self.spacing * size))
        return made


def gabor_bank(
    shape: tuple[int, int],
    frequencies: Sequence[float] = (2, 4, 8),
    orientations: int = 4,
    *,
    rates: Sequence[float] = (0,),
    fps: float | None = None,
    window: int | None = None,
    cycles: float = 0.6,
    largest: float = 0.3,
    spacing: float = 3.5,
) -> GaborBank:
    """A bank of Gabor filters, positions × frequencies × orientations, and of motion energy where
    `rates` are given (Nishimoto et al. 2011, Curr. Biol. 21:1641, and its defaults).

    g(x, t) = exp(-|x - x₀|² / 2 size²) · h(t) · exp i(k·(x - x₀) + 2π rate t), t frames ago: real
    and imaginary part are a quadrature pair. Less so much of the envelope that a uniform image
    gives exactly 0, and scaled so that a full grating of amplitude 1, at best, gives an energy of
    about 1. Larger filters stand on coarser grids.

    Args:
      shape: (y, x) of the images, in pixels.
      frequencies: spatial, in cycles per image height.
      orientations: how many, evenly over 180°. With motion each has two directions.
      rates: temporal frequencies in Hz; 0: without motion.
      fps: frames a second, for movies.
      window: frames of the past that filters of movies see, the present one included. None: 2/3 of
        a second.
      cycles: standard deviation of the envelope, in cycles of the grating.
      largest: bound on that deviation, in image heights.
      spacing: between neighbours on the grid, in deviations.

    Returns:
      A value; `bank(images)` are features (frame, filter), `bank.filters` says what each is.

    Raises:
      ValueError: names the argument.
    """
    where = "gabor_bank"
    if not isinstance(shape, Sequence) or len(shape) != 2:
        raise ValueError(f"{where}: shape is {shape!r}; it must be (y, x) in pixels")
    height, width = (checks.whole(where, "shape", side, least=2) for side in shape)
    spatial = tuple(checks.positive(where, "frequencies", f) for f in frequencies)
    speeds = tuple(r and checks.positive(where, "rates", r) for r in rates)
    if not spatial or not speeds:
        raise ValueError(f"{where}: frequencies and rates must each have one at least")
    if max(spatial) > height / 2:
        raise ValueError(f"{where}: frequencies has {max(spatial)}; {height} pixels can show "
                         f"{height / 2} cycles at most")  # fmt: skip
    if fps is None and (any(speeds) or window is not None):
        raise ValueError(f"{where}: fps is missing; motion needs frames a second")
    second = 0.0 if fps is None else checks.positive(where, "fps", fps)
    if fps is not None and max(speeds) > second / 2:
        raise ValueError(f"{where}: rates has {max(speeds)}; {second} frames a second can show "
                         f"{second / 2} Hz at most")  # fmt: skip
    if window is None:
        window = max(round(second * 2 / 3), 1)
    return GaborBank(
        (height, width),
        spatial,
        checks.whole(where, "orientations", orientations),
        tuple(float(speed) for speed in speeds),
        second,
        checks.whole(where, "window", window),
        checks.positive(where, "cycles", cycles),
        checks.positive(where, "largest", largest),
        checks.positive(where, "spacing", spacing),
    )
