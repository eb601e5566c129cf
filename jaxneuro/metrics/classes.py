"""Scores of a class, by a number for each class."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxneuro.metrics.contract import checked_weight, cleaned, weighted_mean
from jaxneuro.metrics.score import higher_is_better


@higher_is_better
def accuracy(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted fraction of samples whose largest score is that of their class.

    Args:
      y: class index, (sample,), integers within 0 ... class - 1, or floats where NaN = missing.
      prediction: (sample, class) logits, probabilities or any scores; of equal ones the first
        class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar within [0, 1]. NaN where nothing is scored, or where a scored label is no class or a
      scored prediction holds NaN.
    """
    label, guess, weight = _classified(y, prediction, weight)
    return weighted_mean(label == guess, weight)


@higher_is_better
def balanced_accuracy(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Mean recall over the classes that occur among the scored samples.

    Chance is one over the number of these classes, however unequal (Brodersen et al. 2010, ICPR).

    Args:
      y: class index, (sample,), integers within 0 ... class - 1, or floats where NaN = missing.
      prediction: (sample, class) scores; of equal ones the first class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar within [0, 1]; NaN as for `accuracy`.

    >>> scores = jnp.array([[0.9, 0.1]] * 4)  # of two classes: the first, always
    >>> float(balanced_accuracy([0, 0, 0, 1], scores))
    0.5
    """
    counts = confusion_matrix(y, prediction, weight)
    occurring = counts.sum(1)
    occurs = occurring != 0  # true of NaN, which must come through
    recall = jnp.where(occurs, jnp.diagonal(counts) / occurring, 0.0)
    return recall.sum() / occurs.sum()


@higher_is_better
def confusion_matrix(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted counts of samples by true and by predicted class.

    Args:
      y: class index, (sample,), integers within 0 ... class - 1, or floats where NaN = missing.
      prediction: (sample, class) scores; of equal ones the first class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      (class, class): rows are true, columns predicted. Zeros where nothing is scored; NaN where a
      scored label is no class or a scored prediction holds NaN.

    >>> scores = jnp.array([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
    >>> confusion_matrix([0, 0, 1], scores).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    label, guess, weight = _classified(y, prediction, weight)
    classes = jnp.shape(prediction)[1]
    true = jax.nn.one_hot(label, classes, dtype=weight.dtype) * weight[:, None]
    predicted = jax.nn.one_hot(guess, classes, dtype=weight.dtype)
    counts = jnp.matmul(true.T, predicted, precision=lax.Precision.HIGHEST)  # no TF32 of weights
    return jnp.where(jnp.isnan(weight).any(), jnp.nan, counts)  # XLA makes one-hot x NaN a select


def _classified(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Label, predicted class and weight, each (sample,).

    The weight is 0 where the label is missing, NaN where one that is scored is no class or its
    prediction is NaN.
    """
    y, prediction = jnp.asarray(y), jnp.asarray(prediction)
    if y.ndim != 1 or prediction.ndim != 2 or len(y) != len(prediction):
        raise ValueError(
            "y must be (sample,) and prediction (sample, class); "
            f"got {y.shape} and {prediction.shape}"
        )
    weight = jnp.where(jnp.isnan(y), 0, checked_weight(weight, prediction))
    y, prediction = cleaned(y, weight), cleaned(prediction, weight)
    label = y.astype(jnp.int32)
    valid = (label == y) & (label >= 0) & (label < prediction.shape[1])
    valid &= ~jnp.isnan(prediction).any(1)
    return label, jnp.argmax(prediction, axis=1), jnp.where(valid, weight, jnp.nan)
