"""When the host looks who is done, and when it refills. No result depends on it.

Lanes whose fits have ended are refilled once their waiting has cost as much as a refill: at most
twice the least possible cost (the rent-or-buy rule: Karlin et al. 1988, Algorithmica 3:79), and the
least where fits end evenly spread.
"""

import math

import numpy as np

from jaxneuro.fit import Fit

_SECONDS_A_CALL = 0.2  # at most between looks at who is done, so that progress is seen ...
_LEAST_SECONDS = 0.002  # ... and at least: a look costs a tenth of that ...
_LEAST_STEPS = 4  # ... and a call prepares a large x anew


class Pace:
    """Of fits in so many `lanes`, all devices together: `steps` to the next look at who is done,
    and whether a refill pays by then."""

    def __init__(self, fit: Fit, lanes: int):
        stop = fit.stop
        self.fixed = stop.fixed
        self.lanes = lanes
        self.steps = min(stop.max_steps + 1, 10)  # between two looks
        self.most = stop.max_steps + 1 if self.fixed else self.steps
        self.step_seconds = self.refill_seconds = self.typical = math.nan
        self.idle = 0.0  # lane-steps since the last refill

    def stepped(self, steps: int, seconds: float, idle: float) -> None:
        """After a call of `advance` with so many lanes idle."""
        budget = 5 * _SECONDS_A_CALL if self.fixed else _SECONDS_A_CALL
        self.step_seconds = max(seconds, 1e-6) / max(steps, 1)
        most = max(self.most, _LEAST_SECONDS / self.step_seconds)
        self.steps = int(np.clip(budget / self.step_seconds, min(_LEAST_STEPS, self.most), most))
        self.idle += steps * idle

    @property
    def refill_pays(self) -> bool:
        if math.isnan(self.refill_seconds):
            return self.idle >= self.lanes
        return self.idle * self.step_seconds >= self.lanes * self.refill_seconds

    def refilled(self, steps: np.ndarray, seconds: float) -> None:
        """After fits of so many `steps` ended and their lanes took new ones."""
        self.idle = 0.0
        self.refill_seconds = _smooth(self.refill_seconds, seconds)
        if len(steps) and not self.fixed:
            self.typical = _smooth(self.typical, float(steps.mean()))
            self.most = int(np.clip(self.typical / 8, 4, 200))


def _smooth(old: float, new: float) -> float:
    return new if math.isnan(old) else 0.8 * old + 0.2 * new
