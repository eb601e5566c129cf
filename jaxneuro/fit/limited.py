"""A fit that waits after so many steps, and goes on from its state where its limit is raised."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.fit.make import Fit
from jaxneuro.fit.step import FitState
from jaxneuro.types import Array, Closed, Inputs, Result, Status

NO_LIMIT = np.int32(2**31 - 1)
_NAME = "step limit"  # among the hyper-parameters: traced, so that one program serves all limits


class Limited(NamedTuple):
    """A fit under way, and after how many steps it waits."""

    state: FitState
    limit: Array


def limited(fit: Fit, inputs: Inputs, limit: int) -> tuple[Fit, Inputs]:
    """The same fit with a step limit of its own, and inputs by which it begins as `limit`.

    At the limit its status is STEP_LIMIT, its result is that of the best parameters evaluated so
    far, and a step changes nothing. With another limit in its state it goes on as if it had not
    waited.
    """
    made = fit._replace(
        init=Closed(_init, (fit,)),
        step=Closed(_step, (fit,)),
        status=Closed(_status, (fit,)),
        result=Closed(_result, (fit,)),
    )
    return made, inputs._replace(hyper={**inputs.hyper, _NAME: jnp.asarray(limit, jnp.int32)})


def _init(fit: Fit, inputs: Inputs) -> Limited:
    return Limited(fit.init(inputs), inputs.hyper[_NAME])


def _step(fit: Fit, inputs: Inputs, was: Limited) -> Limited:
    goes_on = _status(fit, was) == Status.RUNNING
    new: Any = fit.step(inputs, was.state)
    return was._replace(state=jax.tree.map(lambda a, b: jnp.where(goes_on, a, b), new, was.state))


def _status(fit: Fit, was: Limited) -> Array:
    own = fit.status(was.state)
    waits = (own == Status.RUNNING) & (was.state.progress.steps >= was.limit)
    return jnp.where(waits, Status.STEP_LIMIT, own).astype(own.dtype)


def _result(fit: Fit, inputs: Inputs, was: Limited) -> Result:
    return fit.result(inputs, was.state)._replace(status=_status(fit, was))
