"""When the host looks who is done, and what it does then. No result depends on it.

Where fits end at all times, they change places with fits that wait, as soon as the lanes that ended
have been idle for as long as this takes: at most twice the least possible cost (the rent-or-buy
rule: Karlin et al. 1988, Algorithmica 3:79). Where they end nearly together, all begin together.
"""

import math

import numpy as np

from jaxneuro.fit import Fit

_SECONDS_A_CALL = 0.2  # at most between looks at who is done, so that progress is seen ...
_LEAST_SECONDS = 0.002  # ... and at least: a look costs a tenth of that ...
_LEAST_STEPS = 4  # ... and a call prepares a large x anew
_TIMED = 5  # exchanges: the device waits for the host meanwhile ...
_UNTIMED = 0.5  # ... and the others take about half as long
_NEVER = np.iinfo(np.int32).max


class Pace:
    """Of fits in so many `lanes` of each device: `steps` to the next look at who is done, and
    whether there is a program by which they change places."""

    def __init__(self, fit: Fit, lanes: int):
        stop = fit.stop
        self.lanes, self._fixed = lanes, stop.fixed
        self.exchanges = False
        self.steps = min(stop.max_steps + 1, 10)
        self._least = min(_LEAST_STEPS, stop.max_steps + 1 if stop.fixed else self.steps)
        self._most = stop.max_steps + 1 if stop.fixed else _NEVER // 2
        self._step_seconds = self._refill_seconds = self._exchange_seconds = math.nan
        self._timed = 0
        self._mean = self._longest = math.nan  # steps of fits in as many lanes

    def stepped(self, steps: int, seconds: float) -> None:
        """After a call of `advance`."""
        if steps:
            budget = (5 if self._fixed else 1) * _SECONDS_A_CALL
            self._step_seconds = max(seconds, 1e-6) / steps
            most = max(self._most, _LEAST_SECONDS / self._step_seconds)
            self.steps = int(np.clip(budget / self._step_seconds, self._least, most))

    def refilled(self, seconds: float) -> None:
        """After results were taken and other fits begun."""
        self._refill_seconds = _smooth(self._refill_seconds, seconds)

    @property
    def times_exchanges(self) -> bool:
        return self._timed < _TIMED

    def exchanged(self, seconds: float) -> None:
        """After fits that ended and fits that waited changed places. What disturbs a measurement
        makes it longer: the shortest counts."""
        self._timed += 1
        self._exchange_seconds = float(np.fmin(self._exchange_seconds, _UNTIMED * seconds))

    def ended(self, steps: np.ndarray) -> None:
        """After fits of so many steps."""
        if 2 * len(steps) >= self.lanes:
            self._mean = _smooth(self._mean, float(steps.mean()))
            self._longest = _smooth(self._longest, float(steps.max()))

    @property
    def in_waves(self) -> bool:
        """Whether all lanes had better begin together: the slowest of a wave costs the others fewer
        steps than changing places one by one, and being idle before."""
        if self._fixed or not self.exchanges:
            return True
        dear = math.sqrt(2 * self._in_steps(self._exchange_seconds) * self._mean)
        return self._longest - self._mean < dear

    def patience(self, waits: bool, open: bool) -> int:
        """Lane-steps on a device that may be idle until the host looks: where a fit waits, what an
        exchange costs; where fits that end may bring others, what a refill costs."""
        if waits and not self.in_waves:
            return int(self.lanes * self._in_steps(self._exchange_seconds))
        if not waits and open:
            return int(self.lanes * self._in_steps(self._refill_seconds))
        return _NEVER

    def _in_steps(self, seconds: float) -> float:
        """Steps that take as long; one at least, and before any was timed."""
        steps = seconds / self._step_seconds
        return 1.0 if math.isnan(steps) else min(max(steps, 1.0), 1e6)


def _smooth(old: float, new: float) -> float:
    return new if math.isnan(old) else 0.8 * old + 0.2 * new
