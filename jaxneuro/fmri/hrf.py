"""What an event does to the BOLD signal: canonical responses, their derivatives, and free ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LENGTH = 32.0  # seconds
_LATER = 0.1  # seconds of which the time derivative is a difference
_WIDER = 0.01  # the same of the dispersion
_MARKS = ("", "_derivative", "_dispersion")


class Response(NamedTuple):
    """The kernels of which a condition, or an event, has a column each.

    Attributes:
      marks: (kernel,) what their columns add to the name of the condition; the first "" if it is a
        canonical response.
      sample: (repetition, oversampling) -> the kernels, each (step,) every repetition /
        oversampling seconds from the event's onset.
      ahead: whether a frame stands for the repetition that begins with it, as in free responses;
        otherwise for its instant.
    """

    marks: tuple[str, ...]
    sample: Callable[[float, int], list[NDArray[np.float64]]]
    ahead: bool = False


class DoubleGamma(NamedTuple):
    """A gamma density less a later one (Friston et al. 1998, NeuroImage 7:30).

    Attributes:
      peak, undershoot: seconds.
      width, undershoot_width: their dispersions in seconds.
      ratio: of the undershoot to the peak.
    """

    peak: float
    undershoot: float
    width: float
    undershoot_width: float
    ratio: float

    def sample(self, step: float, later: float = 0.0) -> NDArray[np.float64]:
        """(time,) over 32 s, every `step` seconds, of sum 1; `later` seconds after the onset.

        As nilearn samples it, so that designs agree: 32 / step values from 0 to 32 s, one step
        after the onset.
        """
        time = np.linspace(0, _LENGTH, round(_LENGTH / step)) - later - step
        found = _gamma(time, self.peak, self.width)
        found -= self.ratio * _gamma(time, self.undershoot, self.undershoot_width)
        return found / found.sum()


SPM = DoubleGamma(6.0, 16.0, 1.0, 1.0, 0.167)
GLOVER = DoubleGamma(6.0, 12.0, 0.9, 0.9, 0.48)


def spm(derivatives: int = 0) -> Response:
    """SPM's canonical response.

    Args:
      derivatives: 1 adds that of time, 2 also that of dispersion: a response that is earlier or
        later, narrower or wider, is then fitted too.

    Raises:
      ValueError: another number of derivatives.
    """
    return _canonical(SPM, derivatives)


def glover(derivatives: int = 0) -> Response:
    """The canonical response of Glover (1999, NeuroImage 9:416), of a deeper, earlier undershoot.

    Its derivatives are those of this response. nilearn takes another width of the undershoot, 1 in
    place of .9, in the derivative of dispersion.

    Args, Raises: as `spm`.
    """
    return _canonical(GLOVER, derivatives)


def fir(delays: Sequence[int]) -> Response:
    """A finite impulse response: any shape, a column for each delay.

    Args:
      delays: in frames after the onset, such as range(8).

    Raises:
      ValueError: no delay, one below 0, or one twice.
    """
    chosen = tuple(delays)
    if not chosen or len(set(chosen)) < len(chosen) or min(chosen) < 0:
        raise ValueError(f"delays are {chosen}: they must be frames from 0, each once")

    def sample(repetition: float, oversampling: int) -> list[NDArray[np.float64]]:
        del repetition
        box = np.full(oversampling, 1 / oversampling)
        return [np.concatenate([np.zeros(delay * oversampling), box]) for delay in chosen]

    return Response(tuple(f"_delay_{delay}" for delay in chosen), sample, ahead=True)


def _canonical(shape: DoubleGamma, derivatives: int) -> Response:
    if derivatives not in (0, 1, 2):
        raise ValueError(f"derivatives is {derivatives!r}: 0, 1 (time) or 2 (and dispersion)")

    def sample(repetition: float, oversampling: int) -> list[NDArray[np.float64]]:
        step = repetition / oversampling
        found = shape.sample(step)
        wider = shape._replace(width=shape.width + _WIDER)
        made = [found, (found - shape.sample(step, _LATER)) / _LATER]
        return [*made, (found - wider.sample(step)) / _WIDER][: derivatives + 1]

    return Response(_MARKS[: derivatives + 1], sample)


def _gamma(time: NDArray[np.float64], peak: float, width: float) -> NDArray[np.float64]:
    """The gamma density of shape peak / width and scale width."""
    shape = peak / width
    scaled = np.maximum(time, 0) / width
    with np.errstate(divide="ignore"):
        log = (shape - 1) * np.log(scaled) - scaled - math.lgamma(shape) - math.log(width)
    return np.exp(log)
