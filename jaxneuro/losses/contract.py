"""What a loss is, and what it must know for all that fits and statistics do with it."""

from collections.abc import Callable
from typing import NamedTuple

from jaxneuro.losses.links import identity, is_finite
from jaxneuro.types import Array


class Loss(NamedTuple):
    """A loss and what goes with it.

    Attributes:
      elementwise: `(prediction, y) -> (sample,)` or (sample, output).
      response: the model's output -> what it predicts of `y` (a rate, probabilities): metrics
        compare this with `y`.
      valid: `y -> bool`, elementwise: which values this loss can take.
      expects: what `valid` asks for, in words, for messages.
      labels: `y` (sample,) are class labels, the prediction is (sample, class).
      constant: mean of `y` (of labels: share of each class) -> the constant prediction of least
        loss, elementwise. None: not known; fits then start where the model does.
      curvature: the same mean -> second derivative of the mean loss in a constant prediction,
        there: what `make_fit(relative=True)` takes penalties relative to, and of a generalised
        linear model the Fisher information of one sample. None: not known.
      equivariant: loss(a·p + c, a·y + c) = a²·loss(p, y), with the identity for response: `y` may
        be fitted in other units.
      most: `y` at most, or None: constants are infinite there.
      normaliser: `(y, φ) ->` what the negative log-likelihood has beside elementwise / φ, of each
        value; it does not depend on the prediction. None: the loss is no likelihood, or not known.
      dispersion: φ, where the likelihood says it: 1 for counts and outcomes. None: estimated.
    """

    elementwise: Callable[[Array, Array], Array]
    response: Callable[[Array], Array]
    valid: Callable[[Array], Array]
    expects: str
    labels: bool = False
    constant: Callable[[Array], Array] | None = None
    curvature: Callable[[Array], Array] | None = None
    equivariant: bool = False
    most: float | None = None
    normaliser: Callable[[Array, Array], Array] | None = None
    dispersion: float | None = None

    def __call__(self, prediction: Array, y: Array) -> Array:
        return self.elementwise(prediction, y)


def as_loss(loss: Loss | Callable[[Array, Array], Array]) -> Loss:
    """A plain elementwise function `(prediction, y)` becomes a `Loss` of identity response.

    Raises:
      TypeError: it is no function, or one that makes a loss and was not called.
    """
    if isinstance(loss, Loss):
        return loss
    if not callable(loss):
        raise TypeError(
            f"loss is {loss!r}: pass one of jaxneuro.losses, such as losses.poisson, or a function "
            "(prediction, y) -> loss of each value"
        )
    if getattr(loss, "__annotations__", {}).get("return") is Loss:
        name = f"losses.{getattr(loss, '__name__', loss)}"
        raise TypeError(f"loss is {name}, which makes losses: call it, as in {name}(0.5)")
    return Loss(loss, identity, is_finite, "finite numbers")
