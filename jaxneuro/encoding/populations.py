"""One fit for all neurons: a core that they share, with a readout for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax.numpy as jnp
import optax

from jaxneuro import losses, models, penalties
from jaxneuro.encoding.fits import COUNTS, TRACES
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.losses import Loss
from jaxneuro.penalties import Hyper, Penalty
from jaxneuro.penalties.arguments import checked_strength
from jaxneuro.penalties.contract import strength_of
from jaxneuro.types import Array, Closed, Model, Params


def core_readout(
    neurons: int,
    channels: Sequence[int] = (16, 16),
    *,
    readout: Literal["gaussian", "factorised"] = "gaussian",
    dropout: float = 0.0,
    steps: int = 1000,
    batch: int | None = 200,
    patience: int = 0,
    scores: Mapping[str, Any] | None = None,
) -> Fit:
    """A shared core with a readout for each neuron (`models.core_readout`) of responses, under ½
    squared error: one fit of all neurons, `y` (sample, neuron).

    Adam with "learning_rate" (0.01 is a start), which falls to 0 along a cosine; "smooth" on the
    core and "l1" on the readouts (`core_penalties`). Images and responses should have about unit
    variance: nothing standardises them.

        fit = encoding.core_readout(neurons)
        inputs = jn.make_inputs(images, y, hyper={"learning_rate": 0.01, "smooth": 1e-3})
        search(fit, inputs, [], splits, axes.grid(l1=[1e-3, 1e-2]), score="mean_squared_error")

    There is no axis of neurons: `crossval.search` and `fit_many` take it as it is, and choose a
    strength for all neurons together; `encode` fits each neuron by itself, and does not take it.

    Args:
      neurons: columns of `y`.
      channels, readout, dropout: of the model.
      steps: parameter updates at most.
      batch: images a step; None for all.
      patience: early stopping by the loss of all neurons on `inputs.validation`, after so many
        steps without a new minimum. 0: none.
      scores: held-out scores of each neuron, by name.
    """
    model = models.core_readout(neurons, channels, readout=readout, dropout=dropout)
    scores = scores or TRACES
    return _fit(model, losses.half_squared_error, steps, batch, patience, scores)


def poisson_core_readout(
    neurons: int,
    channels: Sequence[int] = (16, 16),
    *,
    readout: Literal["gaussian", "factorised"] = "gaussian",
    dropout: float = 0.0,
    steps: int = 1000,
    batch: int | None = 200,
    patience: int = 0,
    scores: Mapping[str, Any] | None = None,
) -> Fit:
    """`core_readout` of spike counts, under Poisson loss. The rate is the softplus of the
    prediction: the exponential of a deep model blows up on an image unlike the others."""
    model = models.core_readout(neurons, channels, readout=readout, dropout=dropout)
    return _fit(model, losses.poisson_softplus, steps, batch, patience, scores or COUNTS)


def core_penalties(smooth: str | float = "smooth", sparse: str | float = "l1") -> list[Penalty]:
    """The penalties of `models.core_readout`, for `make_fit(..., relative=True)`:

        neurons·½·smooth·Σ(∇² of the first layer's kernels)² + sparse·Σ|weights of readouts|

    ∇² is the 5-point Laplacian, with zeros outside the kernel, so that it fades towards its edge;
    the weights are of features and, with a factorised readout, of the masks. (Klindt, Ecker, Euler
    & Bethge 2017, NeurIPS 30, penalise the same, and groups of deeper kernels, which is not done
    here.) |w| has a rounded corner (`penalties.smooth_lasso`): no exact zeros.

    The loss is a mean over neurons and `relative` divides penalties by their number. With the
    factor above, each neuron weighs its own loss against its own readout and the shared core, and
    a strength means the same for 10 neurons as for 10 000.

    Args:
      smooth, sparse: strengths, numbers from 0 or names of hyper-parameters.
    """
    smooth = checked_strength("core_penalties", smooth, "smooth")
    sparse = checked_strength("core_penalties", sparse, "sparse")
    return [
        Penalty(Closed(_roughness, (smooth,))),
        penalties.smooth_lasso(sparse, where=_of_readouts),
    ]


def _fit(
    model: Model,
    loss: Loss,
    steps: int,
    batch: int | None,
    patience: int,
    scores: Mapping[str, Any],
) -> Fit:
    return make_fit(
        model,
        loss,
        Closed(_adam, (steps,)),
        core_penalties(),
        Stop(max_steps=steps, gradient=0, plateau=0, patience=patience),
        scores=scores,
        relative=True,
        batch=batch,
    )


def _adam(steps: int, hyper: Hyper) -> Any:
    """Positions that are drawn make gradients noisy: steps must shrink for it to average out."""
    return optax.chain(
        optax.scale_by_adam(),
        optax.scale_by_schedule(optax.cosine_decay_schedule(1.0, steps)),
        optax.scale(-hyper["learning_rate"]),
    )


def _roughness(strength: str | float, params: Params, hyper: Hyper) -> Array:
    kernel = params["core"]["conv_0"]["kernel"]
    neurons = params["readout"]["bias"].shape[0]
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    total = jnp.square(around - 4 * kernel).sum()
    return 0.5 * neurons * strength_of(strength, hyper) * total


def _of_readouts(path: tuple[str, ...], leaf: Array) -> bool:
    del leaf
    return path[0] in ("readout", "mask")
