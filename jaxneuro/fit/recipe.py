"""What a fit is made of, checked before anything is traced."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import optax

from jaxneuro.fit.verdict import Stop
from jaxneuro.losses import Loss, as_loss
from jaxneuro.metrics import Score, as_score
from jaxneuro.optimizers import Proximal
from jaxneuro.penalties import Penalty
from jaxneuro.types import Array, Model


class Recipe(NamedTuple):
    """The arguments of `make_fit`, a value: equal recipes are the same fit.

    Attributes:
      smooth, rough: penalties with a gradient, and with a proximal step.
      scores: (name, score) pairs; empty for the held-out loss.
    """

    model: Model
    loss: Loss
    optimizer: Any
    smooth: tuple[Penalty, ...]
    rough: tuple[Penalty, ...]
    stop: Stop
    scores: tuple[tuple[str, Score], ...]
    standardise: bool | str
    precondition: bool
    relative: bool
    batch: int | None

    @property
    def layer(self) -> tuple[str, ...]:
        return self.model.first_layer or ()

    @property
    def in_units(self) -> bool:
        """Whether `y` is fitted about its mean: where loss and readout allow it."""
        return self.loss.equivariant and self.model.readout is not None

    @property
    def random(self) -> bool:
        """Whether the objective differs from step to step, so that its values judge nothing."""
        return self.batch is not None or self.model.train is not None


def make_recipe(
    model: Model,
    loss: Loss | Callable[[Array, Array], Array],
    optimizer: Any,
    penalty: Penalty | Sequence[Penalty],
    stop: Stop,
    scores: Mapping[str, Score | Callable] | None,
    standardise: bool | str,
    precondition: bool,
    relative: bool,
    batch: int | None,
) -> Recipe:
    """Checks types and what cannot go together; see `make_fit`."""
    if not isinstance(model, Model):
        raise TypeError(
            f"model is {model!r}: pass one of jaxneuro.models, such as models.linear(), or "
            "models.from_linen(module)"
        )
    loss = as_loss(loss)
    if not (callable(optimizer) or (hasattr(optimizer, "init") and hasattr(optimizer, "update"))):
        raise TypeError(
            f"optimizer is {optimizer!r}: pass one of jaxneuro.optimizers, an optax transform such "
            "as optax.adam(1e-3), or a function that builds one from hyper-parameters"
        )
    penalties = (penalty,) if isinstance(penalty, Penalty) else penalty
    if not isinstance(penalties, Sequence) or not all(isinstance(p, Penalty) for p in penalties):
        raise TypeError(f"penalty is {penalty!r}: pass one or several of jaxneuro.penalties")
    if not isinstance(standardise, bool | str):
        raise TypeError(
            f"standardise is {standardise!r}: pass True, False or the name of a hyper-parameter, "
            'such as "power" of axes.grid(power=[0.5, 1.0])'
        )
    if not isinstance(stop, Stop):
        raise TypeError(f"stop is {stop!r}: pass jaxneuro.Stop(...)")
    if stop.max_steps < 1:
        raise ValueError(f"stop.max_steps is {stop.max_steps}, must be at least 1")
    if batch is not None and batch < 1:
        raise ValueError(f"make_fit: batch is {batch}, must be at least 1")
    if scores is not None and not isinstance(scores, Mapping):
        raise TypeError(
            f"scores is {scores!r}: pass a dictionary of names and metrics, such as "
            '{"r2": jaxneuro.metrics.r2}'
        )
    rough = tuple(p for p in penalties if p.prox is not None)
    if len(rough) > 1:
        raise ValueError("make_fit: at most one penalty may have a proximal step")
    asked = "standardise" if standardise else "precondition"
    if (standardise or precondition) and model.first_layer is None:
        raise ValueError(
            f"make_fit: {asked}=True needs a model with a dense first layer (model.first_layer)"
            "; scale x yourself by means of the fitted samples"
        )
    if precondition and rough:
        raise ValueError(
            "make_fit: precondition=True goes with smooth penalties: a proximal step is taken in "
            "the model's own parameters (along principal axes it is no soft threshold)"
        )
    if relative and loss.curvature is None:
        raise ValueError("make_fit: relative=True needs a loss whose curvature is known "
                         "(losses.Loss(..., curvature=...))")  # fmt: skip
    return Recipe(
        model=model,
        loss=loss,
        optimizer=optimizer,
        smooth=tuple(p for p in penalties if p.prox is None),
        rough=rough,
        stop=stop,
        scores=tuple((name, as_score(score, name)) for name, score in (scores or {}).items()),
        standardise=standardise,
        precondition=precondition,
        relative=relative,
        batch=batch,
    )


def build_optimizer(recipe: Recipe, hyper: Mapping[str, Array]) -> Any:
    """The optimizer of one fit, from its own hyper-parameters.

    Raises:
      TypeError: it branches on a traced hyper-parameter, or cannot do a proximal step.
      KeyError: it asks for a hyper-parameter that is not there.
    """
    built = recipe.optimizer
    if not hasattr(built, "update"):
        try:
            built = built(hyper)
        except jax.errors.ConcretizationTypeError as error:
            raise TypeError(
                "optimizer: it branches on a hyper-parameter, which is traced (optax's schedules "
                "look at their values). Make the schedule of plain numbers and multiply: "
                "optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(SCHEDULE_TO_1), "
                'optax.scale(-hyper["learning_rate"]))'
            ) from error
        except KeyError as error:
            raise KeyError(
                f"optimizer: hyper-parameter {error} is not in inputs.hyper, which has "
                f"{sorted(hyper)}: add axes.grid({error.args[0]}=[...])"
            ) from error
    if recipe.rough and not isinstance(built, Proximal):
        raise TypeError(
            "this penalty is not smooth and needs optimizer=optimizers.proximal(); "
            "penalties.smooth_lasso goes with any optimizer"
        )
    return built if isinstance(built, Proximal) else optax.with_extra_args_support(built)
