"""Scores of a prediction, pure and weighted: `metric(y, prediction, weight=None)`.

The observed `y` comes first, as in scikit-learn, nemos and himalaya. (Losses take the prediction
first, as optax does.) Every metric obeys one contract:

- `y` and `prediction` are both `(sample,)`, which gives a scalar, or both `(sample, output)`, which
  gives `(output,)`: each target on its own. The classification metrics say their own shapes.
- `weight` is `(sample,)` and non-negative: 0 leaves a sample out, 2 counts it twice, None is all
  ones. A sample left out has no influence, whatever stands in it, NaN and infinity included.
- Where a score is undefined (no samples, nothing to explain in `y`, a NaN or a value outside its
  domain in a scored sample), it is NaN: never an error, never a plausible number.
- Shapes and dtypes are checked when traced (ValueError). Values are never branched on, so a metric
  may be jitted, and vmapped over anything. Sums are of at least float32.

>>> import numpy as np
>>> y, prediction = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 2.0, 2.0, 7.0])
>>> float(r2(y, prediction, weight=np.array([1.0, 1.0, 1.0, 0.0])))
0.5
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import xlog1py, xlogy
from jax.typing import ArrayLike

__all__ = [
    "accuracy",
    "auc",
    "balanced_accuracy",
    "bits_per_spike",
    "confusion_matrix",
    "correlation",
    "explained_deviance_bernoulli",
    "explained_deviance_poisson",
    "mean_squared_error",
    "poisson_deviance",
    "pseudo_r2",
    "r2",
]


def r2(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Coefficient of determination, 1 - SSE / SST, per target.

    SST is about the weighted mean of the scored samples, so a held-out score compares with the
    mean of the held-out samples themselves. 1 is perfect, 0 as good as that mean; no lower bound.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape and unit of `y`.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,). NaN where `y` is constant or nothing is scored (scikit-learn gives 1
      for a constant predicted exactly).
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        offset, unit = _mean(y, weight), _spread(y, weight)  # a square in tesla leaves float32
        return _explained(_gaussian, (y - offset) / unit, (prediction - offset) / unit, weight)

    return _per_target(one, y, prediction, weight)


def correlation(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Pearson's correlation, weighted, per target.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape of `y`, any unit.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), within [-1, 1]. NaN where `y` is constant or nothing is scored; 0 where
      only the prediction is constant: such a model predicts nothing, and is scored so.
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        spread_y, spread = _spread(y, weight), _spread(prediction, weight)
        a = _centred(y, weight) / spread_y
        b = _centred(prediction, weight) / spread
        norm = jnp.sqrt((weight * a * a).sum()) * jnp.sqrt((weight * b * b).sum())
        r = jnp.where(spread == 0, 0.0, jnp.clip((weight * a * b).sum() / norm, -1, 1))
        return jnp.where(spread_y > 0, r, jnp.nan)

    return _per_target(one, y, prediction, weight)


def mean_squared_error(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Weighted mean of (y - prediction)², per target.

    Args:
      y: observed, (sample,) or (sample, output), any unit.
      prediction: shape and unit of `y`.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), in the square of the unit of `y`. NaN where nothing is scored.
    """

    def one(y: Array, prediction: Array, weight: Array) -> Array:
        return _mean(_gaussian(y, prediction), weight)

    return _per_target(one, y, prediction, weight)


def poisson_deviance(y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted mean of the unit Poisson deviance 2 (y log(y / rate) - y + rate), per target.

    Args:
      y: spike counts, (sample,) or (sample, output), not negative; y log y is 0 at 0.
      rate: shape of `y`: expected counts *per sample*, not per second.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), in nats. Infinite where a spike falls on a rate of 0; NaN where
      nothing is scored, or where a scored count or rate is negative.
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        return _mean(_poisson(y, rate), weight)

    return _per_target(one, y, rate, weight)


def explained_deviance_poisson(
    y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Fraction of Poisson deviance explained, 1 - D(rate) / D(mean rate), per target.

    The R² of count models of Cameron & Windmeijer (1997, J. Econometrics 77:329, R²_KL), also
    known as pseudo-R² (`pseudo_r2` is the same function) and D². As in McFadden's, 0 is a constant
    rate; but the ceiling is the saturated model, so that 1 can be reached. The constant rate is the
    weighted mean of the scored samples.

    Args:
      y: spike counts, (sample,) or (sample, output), not negative.
      rate: shape of `y`: expected counts per sample.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), at most 1. -inf where a spike falls on a rate of 0; NaN where `y` is
      constant (no spikes at all included), nothing is scored, or a count or rate is negative.
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        return _explained(_poisson, y, rate, weight)

    return _per_target(one, y, rate, weight)


pseudo_r2 = explained_deviance_poisson


def bits_per_spike(y: ArrayLike, rate: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Poisson log-likelihood above that of the mean rate, in bits for each spike, per target.

    sum(y log(rate / mean) - (rate - mean)) / (sum(y) log 2), with the mean of the scored samples
    (Pillow et al. 2008, Nature 454:995). For the true rate it estimates the single-spike
    information of Brenner et al. (2000, Neural Computation 12:1531).

    Args:
      y: spike counts, (sample,) or (sample, output), not negative.
      rate: shape of `y`: expected counts per sample.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), bits per spike. -inf where a spike falls on a rate of 0; NaN where no
      spike is scored, or where a scored count or rate is negative.
    """

    def one(y: Array, rate: Array, weight: Array) -> Array:
        mean = _mean(y, weight)
        nats = xlogy(y, rate / mean) - (rate - mean)
        nats = jnp.where((y >= 0) & (rate >= 0), nats, jnp.nan)
        spikes = (weight * y).sum()
        bits = (weight * nats).sum() / (spikes * jnp.log(2.0))
        return jnp.where(spikes > 0, bits, jnp.nan)

    return _per_target(one, y, rate, weight)


def explained_deviance_bernoulli(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Fraction of Bernoulli deviance explained, 1 - D(probability) / D(mean of y), per target.

    R²_KL of Cameron & Windmeijer (1997, J. Econometrics 77:329); for `y` in {0, 1} it is McFadden's
    pseudo-R². The mean is the weighted one of the scored samples.

    Args:
      y: 0 or 1 (or a fraction of trials between), (sample,) or (sample, output).
      probability: shape of `y`, within [0, 1]. Float32 resolves it to 6e-8 below 1.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), at most 1. -inf where a certain prediction was wrong; NaN where `y` is
      constant, nothing is scored, or a value lies outside [0, 1].
    """

    def one(y: Array, probability: Array, weight: Array) -> Array:
        return _explained(_bernoulli, y, probability, weight)

    return _per_target(one, y, probability, weight)


def auc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Area under the ROC curve, weighted, per target.

    The probability that a random positive outranks a random negative, ties counted half: the
    Mann-Whitney statistic (Hanley & McNeil 1982, Radiology 143:29). One sort, O(n log n).

    Args:
      y: 0 or 1, (sample,) or (sample, output).
      score: shape of `y`; only its order matters, so logits or probabilities, infinities too.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar or (output,), within [0, 1]; 0.5 is chance. NaN where only one class is scored, or
      where a scored `y` is neither 0 nor 1 or its score is NaN.
    """

    def one(y: Array, score: Array, weight: Array) -> Array:
        ranked, negative, positive = lax.sort(
            (score, weight * (y == 0), weight * (y == 1)), num_keys=1
        )
        upto = jnp.cumsum(negative)
        step, end = ranked[1:] != ranked[:-1], jnp.ones(1, bool)
        first, last = jnp.concatenate([end, step]), jnp.concatenate([step, end])  # of equal scores
        below = lax.cummax(jnp.where(first, upto - negative, 0.0))
        upto = lax.cummin(jnp.where(last, upto, jnp.inf), reverse=True)
        area = (positive * (below + upto) / 2).sum() / (positive.sum() * negative.sum())
        valid = ((y == 0) | (y == 1)) & ~jnp.isnan(score)
        return jnp.where(valid.all(), jnp.clip(area, 0, 1), jnp.nan)

    return _per_target(one, y, score, weight)


def accuracy(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted fraction of samples whose largest score is that of their class.

    Args:
      y: class index, (sample,) integers within 0 ... class - 1.
      prediction: (sample, class) logits, probabilities or any scores; of equal ones the first
        class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar within [0, 1]. NaN where nothing is scored, or where a scored label is no class or a
      scored prediction holds NaN.
    """
    label, guess, weight = _classified(y, prediction, weight)
    return _mean(label == guess, weight)


def balanced_accuracy(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Array:
    """Mean recall over the classes that occur among the scored samples.

    Chance is one over the number of these classes, however unequal (Brodersen et al. 2010, ICPR).

    Args:
      y: class index, (sample,) integers within 0 ... class - 1.
      prediction: (sample, class) scores; of equal ones the first class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      Scalar within [0, 1]; NaN as for `accuracy`.
    """
    counts = confusion_matrix(y, prediction, weight)
    occurring = counts.sum(1)
    occurs = occurring != 0  # true of NaN, which must come through
    recall = jnp.where(occurs, jnp.diagonal(counts) / occurring, 0.0)
    return recall.sum() / occurs.sum()


def confusion_matrix(y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Weighted counts of samples by true and by predicted class.

    Args:
      y: class index, (sample,) integers within 0 ... class - 1.
      prediction: (sample, class) scores; of equal ones the first class wins.
      weight: (sample,), 0 = left out; None = all ones.

    Returns:
      (class, class): rows are true, columns predicted. Zeros where nothing is scored; NaN where a
      scored label is no class or a scored prediction holds NaN.
    """
    label, guess, weight = _classified(y, prediction, weight)
    classes = jnp.shape(prediction)[1]
    true = jax.nn.one_hot(label, classes, dtype=weight.dtype) * weight[:, None]
    predicted = jax.nn.one_hot(guess, classes, dtype=weight.dtype)
    counts = jnp.matmul(true.T, predicted, precision=lax.Precision.HIGHEST)  # no TF32 of weights
    return jnp.where(jnp.isnan(weight).any(), jnp.nan, counts)  # XLA makes one-hot x NaN a select


def _per_target(
    metric: Callable[[Array, Array, Array], Array],
    y: ArrayLike,
    prediction: ArrayLike,
    weight: ArrayLike | None,
) -> Array:
    """A metric of one target, `(sample,)` three times -> scalar, of one or of each target.

    `metric` is given floats of one dtype, with y = prediction = 0 wherever weight = 0.
    """
    y, prediction = jnp.asarray(y), jnp.asarray(prediction)
    if y.shape != prediction.shape or y.ndim not in (1, 2):
        raise ValueError(
            "y and prediction must both be (sample,) or both (sample, output); "
            f"got {y.shape} and {prediction.shape}"
        )
    weight = _checked_weight(weight, y, prediction)
    y, prediction = (_cleaned(a, weight).astype(weight.dtype) for a in (y, prediction))
    if y.ndim == 2:
        metric = jax.vmap(metric, in_axes=(1, 1, None))
    return metric(y, prediction, weight)


def _classified(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Label, predicted class and weight, each (sample,); the weight is NaN where neither holds."""
    y, prediction = jnp.asarray(y), jnp.asarray(prediction)
    if y.ndim != 1 or prediction.ndim != 2 or len(y) != len(prediction):
        raise ValueError(
            "y must be (sample,) and prediction (sample, class); "
            f"got {y.shape} and {prediction.shape}"
        )
    weight = _checked_weight(weight, prediction)
    y, prediction = _cleaned(y, weight), _cleaned(prediction, weight)
    label = y.astype(jnp.int32)
    valid = (label == y) & (label >= 0) & (label < prediction.shape[1])
    valid &= ~jnp.isnan(prediction).any(1)
    return label, jnp.argmax(prediction, axis=1), jnp.where(valid, weight, jnp.nan)


def _checked_weight(weight: ArrayLike | None, *values: Array) -> Array:
    """The weight, (sample,), 0 wherever it is not above 0; float32, or as wide as any given."""
    samples = len(values[0])
    weight = jnp.ones(samples, bool) if weight is None else jnp.asarray(weight)
    if weight.shape != (samples,):
        raise ValueError(f"weight must be (sample,) = ({samples},); got {weight.shape}")
    weight = weight.astype(jnp.result_type(jnp.float32, weight, *values))
    return jnp.where(weight > 0, weight, 0.0)


def _cleaned(values: Array, weight: Array) -> Array:
    """`values`, (sample,) or (sample, output), with 0 for the samples left out."""
    scored = jnp.expand_dims(weight > 0, tuple(range(1, values.ndim)))
    return jnp.where(scored, values, jnp.zeros((), values.dtype))


def _mean(x: Array, weight: Array) -> Array:
    return (weight * x).sum() / weight.sum()


def _centred(x: Array, weight: Array) -> Array:
    """`x` about its weighted mean; the second pass removes what the first lost to an offset."""
    x = x - _mean(x, weight)
    return x - _mean(x, weight)


def _spread(x: Array, weight: Array) -> Array:
    """Largest minus smallest scored value: exactly 0 for a constant, -inf for no samples."""
    scored = weight > 0
    highest = jnp.max(x, where=scored, initial=-jnp.inf)
    return highest - jnp.min(x, where=scored, initial=jnp.inf)


def _explained(
    deviance: Callable[[Array, Array], Array], y: Array, prediction: Array, weight: Array
) -> Array:
    """1 - D(prediction) / D(weighted mean of y); NaN where y is constant: nothing to explain."""
    model = (weight * deviance(y, prediction)).sum()
    constant = (weight * deviance(y, _mean(y, weight))).sum()
    return jnp.where(_spread(y, weight) > 0, 1 - model / constant, jnp.nan)


def _gaussian(y: Array, mean: Array) -> Array:
    return (y - mean) ** 2


def _poisson(y: Array, rate: Array) -> Array:
    """2 (rate - y - y log1p((rate - y) / y)): log1p, for log(rate / y) cancels where y is large."""
    positive = jnp.where(y > 0, y, 1.0)
    excess = jnp.where(y > 0, y * jnp.log1p((rate - positive) / positive), 0.0)
    return jnp.where((y >= 0) & (rate >= 0), 2 * (rate - y - excess), jnp.nan)


def _bernoulli(y: Array, probability: Array) -> Array:
    saturated = xlogy(y, y) + xlog1py(1 - y, -y)
    model = xlogy(y, probability) + xlog1py(1 - y, -probability)
    valid = (y >= 0) & (y <= 1) & (probability >= 0) & (probability <= 1)
    return jnp.where(valid, 2 * (saturated - model), jnp.nan)
