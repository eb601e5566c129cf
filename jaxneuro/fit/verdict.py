"""When a fit ends: a state machine over what each step evaluated, knowing nothing of models."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxneuro.types import Array, Status

_LOST_AFTER = 25  # evaluations in a row without a finite value: a line search may need some
_ROUNDING = 10  # units of rounding by which equal objectives may differ
_RISEN = 1e-3  # of the first objective: above it by so much is above it


class Stop(NamedTuple):
    """When a fit ends. Whichever comes first.

    Attributes:
      max_steps: parameter updates at most.
      gradient: converged when the gradient's norm is at most this times its first value. 0: never
        (but for a gradient of exactly zero).
      plateau: ended when the objective has not fallen by `least_fall`, relatively, in so many
        steps. 0: never.
      least_fall: see `plateau`; about the resolution of float32.
      patience: early stopping when the validation loss has no new minimum in so many steps; the
        parameters at the minimum are kept, the last iterate counted. 0: off.
    """

    max_steps: int = 1000
    gradient: float = 1e-5
    plateau: int = 20
    least_fall: float = 1e-7
    patience: int = 0

    @property
    def fixed(self) -> bool:
        """Whether all fits take as many steps."""
        return not (self.gradient or self.plateau or self.patience)


class Progress(NamedTuple):
    """What a fit's end is judged by; all scalars.

    Attributes:
      best_rank: least validation loss with patience, else least objective.
      best_loss, best_gradient: objective and gradient norm at what is kept.
      first_loss, first_gradient: at the start; infinite before.
      reference, since_reference: the objective that a plateau is counted from, and steps since.
      since_best: steps since `best_rank` fell.
      nonfinite: evaluations in a row without a finite value.
      steps: parameter updates taken.
      status: a `Status`.
    """

    best_rank: Array
    best_loss: Array
    best_gradient: Array
    first_loss: Array
    first_gradient: Array
    reference: Array
    since_reference: Array
    since_best: Array
    nonfinite: Array
    steps: Array
    status: Array


def begin(bad: Array, dtype) -> Progress:
    """Before the first step; `bad` (): the fit is not to be started."""
    infinite, unknown = jnp.asarray(jnp.inf, dtype), jnp.asarray(jnp.nan, dtype)
    zero = jnp.zeros((), jnp.int32)
    return Progress(
        best_rank=infinite,
        best_loss=unknown,
        best_gradient=unknown,
        first_loss=infinite,
        first_gradient=infinite,
        reference=infinite,
        since_reference=zero,
        since_best=zero,
        nonfinite=zero,
        steps=zero,
        status=jnp.where(bad, Status.BAD_DATA, Status.RUNNING).astype(jnp.int32),
    )


def judge(
    stop: Stop, was: Progress, value: Array, norm: Array, rank: Array, random: bool = False
) -> tuple[Progress, Array]:
    """The progress after one evaluation, and whether its parameters are the ones to keep.

    Args:
      stop: the rules.
      was: the progress before.
      value, norm: objective and gradient norm at the point evaluated.
      rank: what the best is judged by: the validation loss with patience, else `value`.
      random: the objective is of a minibatch or with dropout, and judges nothing: only the step
        limit ends the fit, or early stopping by an exact `rank`.
    """
    finite = jnp.isfinite(value) & jnp.isfinite(norm)
    starts = finite & jnp.isinf(was.first_loss)
    first_loss = jnp.where(starts, value, was.first_loss)
    first_gradient = jnp.where(starts, norm, was.first_gradient)

    converged = finite & (norm <= stop.gradient * first_gradient)
    better = finite & (rank < was.best_rank)
    if random:
        converged, better = jnp.zeros((), bool), better if stop.patience else finite
    # Objectives that differ by rounding are equal: the smaller gradient is nearer.
    level = was.best_rank + _ROUNDING * jnp.finfo(value.dtype).eps * jnp.abs(was.best_rank)
    nearer = finite & (rank <= level) & (norm < was.best_gradient)
    kept = better if stop.patience or random else better | converged | nearer
    fell = finite & (value < was.reference - stop.least_fall * jnp.abs(was.reference))
    fell |= finite & jnp.isinf(was.reference)
    since_reference = jnp.where(fell, 0, was.since_reference + 1)
    since_best = jnp.where(better, 0, was.since_best + 1)
    nonfinite = jnp.where(finite, 0, was.nonfinite + 1)

    plateau = finite & (since_reference >= stop.plateau) & bool(stop.plateau and not random)
    early = finite & (since_best >= stop.patience) & bool(stop.patience)
    limit = was.steps >= stop.max_steps
    # Never below the start and now above it is no fit at all, whatever rule ended it.
    rose = finite & (value > first_loss + _RISEN * jnp.abs(first_loss)) & (not random)
    rose &= jnp.minimum(was.reference, value) >= first_loss
    status = jnp.select(
        [converged, nonfinite >= _LOST_AFTER, early, (plateau | limit) & rose, plateau, limit],
        [Status.CONVERGED, Status.DIVERGED, Status.EARLY_STOPPED, Status.DIVERGED,
         Status.PLATEAU, Status.STEP_LIMIT],
        Status.RUNNING,
    )  # fmt: skip
    status = jnp.where(limit & ~finite, Status.DIVERGED, status).astype(jnp.int32)
    now = Progress(
        best_rank=jnp.where(better, rank, was.best_rank),
        best_loss=jnp.where(kept, value, was.best_loss),
        best_gradient=jnp.where(kept, norm, was.best_gradient),
        first_loss=first_loss,
        first_gradient=first_gradient,
        reference=jnp.where(fell, value, was.reference),
        since_reference=since_reference,
        since_best=since_best,
        nonfinite=nonfinite,
        steps=was.steps + (status == Status.RUNNING),
        status=status,
    )
    return now, kept
