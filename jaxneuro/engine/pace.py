"""When the host looks who is done. No result depends on it."""

import math

import numpy as np

from jaxneuro.engine.stages import Limits
from jaxneuro.fit import Fit

_SECONDS_A_CALL = 0.2  # at most between looks at who is done, so that progress is seen ...
_LEAST_SECONDS = 0.002  # ... and at least: a look costs a tenth of that ...
_LEAST_STEPS = 4  # ... and a call prepares a large x anew
_EXCHANGE_SECONDS = 0.25e-3  # and the call of `advance` after it, without its steps
_NEVER = np.iinfo(np.int32).max


class Pace:
    """Of fits in so many `lanes` of each device: `steps` to the next look at who is done, and how
    long lanes are idle before."""

    def __init__(self, fit: Fit, lanes: int):
        stop = fit.stop
        self.lanes = lanes
        self.steps = min(stop.max_steps + 1, 10)
        self._least = min(_LEAST_STEPS, stop.max_steps + 1 if stop.fixed else self.steps)
        self._most = stop.max_steps + 1 if stop.fixed else _NEVER // 2
        self._budget = (5 if stop.fixed else 1) * _SECONDS_A_CALL
        self._step_seconds = self._refill_seconds = math.nan

    def stepped(self, steps: int, seconds: float) -> None:
        """After a call of `advance`."""
        if steps:
            self._step_seconds = max(seconds, 1e-6) / steps
            most = max(self._most, _LEAST_SECONDS / self._step_seconds)
            self.steps = int(np.clip(self._budget / self._step_seconds, self._least, most))

    def refilled(self, seconds: float) -> None:
        """After results were taken and other fits begun."""
        old = self._refill_seconds
        self._refill_seconds = seconds if math.isnan(old) else 0.8 * old + 0.2 * seconds

    def limits(self, ready: bool, open: bool) -> Limits:
        """Of the next call, where rows are ready to begin, or fits that end may bring some."""
        exchange = self._idle(_EXCHANGE_SECONDS)
        host = 0 if ready else self._idle(self._refill_seconds) if open else _NEVER
        return Limits(*(np.int32(limit) for limit in (self.steps, exchange, host)))

    def _idle(self, seconds: float) -> int:
        """Lane-steps of a device that cost as much, one of all lanes at least."""
        steps = seconds / self._step_seconds
        return int(self.lanes * (1 if math.isnan(steps) else np.clip(steps, 1, 1e6)))
