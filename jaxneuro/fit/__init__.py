"""One fit as pure functions.

`objective` (parameters -> prediction -> loss and penalties), `verdict` (when a fit ends) and `step`
(which joins them with the optimizer), put together by `make`; `scaling`, `units` and
`precondition` are the coordinates it is fitted in.
"""

from jaxneuro.fit.make import Fit, make_fit
from jaxneuro.fit.step import FitState, clean
from jaxneuro.fit.verdict import Stop
from jaxneuro.metrics import Score

__all__ = ["Fit", "FitState", "Score", "Stop", "clean", "make_fit"]
