"""Many fits: rows of axis indices flow through lanes of compiled programs."""

from jaxneuro.engine.contest import Contest
from jaxneuro.engine.lanes import Interrupted, fit_many, plan
from jaxneuro.engine.planner import Plan

__all__ = ["Contest", "Interrupted", "Plan", "fit_many", "plan"]
