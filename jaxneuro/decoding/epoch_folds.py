"""The program behind `decode_epochs`: all folds and orders of the labels, one after the other."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat
from jaxneuro.classify import lda, logistic
from jaxneuro.classify.scaling import measured, scaled
from jaxneuro.decoding.epoch_choice import Setting
from jaxneuro.decoding.spatial import covariances, csp
from jaxneuro.decoding.tangent import tangent_space
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Array

TOGETHER = 16  # orders of the labels


class Kind(NamedTuple):
    """What the program is made for: see `decode_epochs`; no components of the tangent space."""

    features: str
    decoder: str
    components: int
    classes: int


class Program:
    """The program, of epochs whose covariances are made once."""

    def __init__(
        self, x: NDArray[Any], used: NDArray[Any], orders: NDArray[np.int32], kind: Kind
    ) -> None:
        """`x` (trial, channel, time) of `checked`; `orders` (order, trial) of the labels."""
        self.orders, self.trials = orders.shape
        self.size, self.kind = bucket(self.trials), kind
        rows = -(-self.orders // TOGETHER) * TOGETHER if self.orders > 1 else 1
        with compat.own_settings():
            made = covariances(jnp.asarray(x))
            own = np.where(used[:, None, None], made, np.eye(made.shape[1], dtype=np.float32))
        self.covariance = grown(own, self.size, 0)
        self.labels = grown(grown(orders, rows, 0), self.size, 1)

    def __call__(self, setting: Setting, train: NDArray[Any]) -> NDArray[np.int16]:
        """(fold, order, trial) of weights (fold, trial): see `codes`."""
        count = setting.components if self.kind.features == "csp" else 0
        with compat.own_settings():
            found = codes(
                self.covariance, grown(train, self.size, 1, zeros=True), self.labels,
                np.float32(setting.shrinkage), np.float32(setting.l2),
                kind=self.kind._replace(components=count),
            )  # fmt: skip
        return np.asarray(found)[:, : self.orders, : self.trials]


@partial(jax.jit, static_argnames="kind")
def codes(
    covariance: Array, train: Array, labels: Array, shrinkage: Array, l2: Array, *, kind: Kind
) -> Array:
    """(fold, order, trial) the class that each trial is taken for, trained on or not.

    Args:
      covariance: (trial, channel, channel).
      train: (fold, trial) weights.
      labels: (order, trial), as many orders as a multiple of `TOGETHER`, or 1.
      shrinkage, l2: () as of `decode_epochs`.
    """

    def fold(weight: Array) -> Array:
        shared = None
        if kind.features == "tangent":
            shared = tangent_space(covariance, weight, shrinkage).features(covariance)

        def one(y: Array) -> Array:
            own = shared
            if own is None:
                fitted = csp(covariance, y, weight, kind.classes, kind.components)
                own = fitted.features(covariance)
            z = scaled(own, measured(own, weight))
            if kind.decoder == "lda":
                return lda(z, y, weight, kind.classes).predict(z)
            return logistic(z, y, weight, kind.classes, l2).predict(z)

        block = min(TOGETHER, len(labels))
        made = jax.lax.map(jax.vmap(one), labels.reshape(-1, block, labels.shape[1]))
        return made.reshape(labels.shape).astype(jnp.int16)

    return jax.lax.map(fold, train)


def checked(x: ArrayLike, trials: int, used: NDArray[Any]) -> NDArray[np.float32]:
    """`x` (trial, channel, time), each trial about its mean and all of it near 1.

    Raises:
      ValueError: of another shape or kind, or not finite in the trials `used` (trial,).
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf" or x.ndim != 3 or 0 in x.shape or x.shape[2] < 2:
        raise ValueError(f"x is {x.dtype} {x.shape}: it must be numbers (trial, channel, time)")
    if len(x) != trials:
        raise ValueError(f"x has {len(x)} trials and y has {trials}")
    bad = np.flatnonzero(used & ~np.isfinite(x).all(axis=(1, 2)))
    if bad.size:
        raise ValueError(
            f"x: {bad.size} trials have values that are not finite, the first is trial {bad[0]}: "
            "leave them out of the splits"
        )
    made = np.where(used[:, None, None], x, 0).astype(np.float64)
    made -= made.mean(axis=2, keepdims=True)
    largest = np.abs(made).max()
    return np.ldexp(made, -np.frexp(largest if largest > 0 else 1.0)[1]).astype(np.float32)
