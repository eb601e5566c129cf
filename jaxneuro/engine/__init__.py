"""Many fits: rows of axis indices flow through lanes of compiled programs."""

from jaxneuro.engine.lanes import Interrupted, fit_many, plan
from jaxneuro.engine.planner import Plan

__all__ = ["Interrupted", "Plan", "fit_many", "plan"]
