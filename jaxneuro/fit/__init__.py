"""One fit as pure functions: objective, stopping, scaling, preconditioning, minibatches."""

from jaxneuro.fit.make import Fit, FitState, Score, Stop, clean, make_fit

__all__ = ["Fit", "FitState", "Score", "Stop", "clean", "make_fit"]
