"""Optimizers in optax's shape, each one value-and-gradient a step: they run in lockstep.

Any optax transform serves as well. It is built inside the fit, from traced hyper-parameters:
`optimizer=lambda hyper: optax.adam(hyper["learning_rate"])`.
"""

from jaxneuro.optimizers.lbfgs import lbfgs
from jaxneuro.optimizers.proximal import Proximal, proximal

__all__ = ["Proximal", "lbfgs", "proximal"]
