"""How well any model can do of repeated stimuli, whose responses vary.

Responses are `y` (condition, repeat, target), as in `jaxneuro.metrics.repeats`. One is the sum of a
signal of its condition, an effect of its repeat (drift) and noise. Signal power is the variance of
the signal over conditions, noise power that of the noise. Estimates have no bias where there is no
signal, and so lie below 0 for about half of such targets: nothing is clipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.metrics.repeats import (
    ROUNDING,
    Floats,
    average_correlation,
    by_block,
    centred,
    products,
)

_NODES = tuple(
    (a + b) / 2 for a, b in zip(np.polynomial.legendre.leggauss(48), (1, 0), strict=True)
)


class Ceilings(NamedTuple):
    """What repeats say of each target, (target,), or (*resample, target) by weights
    (*resample, condition). NaN where it is undefined.

    Attributes:
      explainable_variance: signal power over total power of single trials; negative by chance.
      reliability: of the mean over repeats: the correlation of two such means of other repeats;
        negative by chance.
      correlation: CCmax, the greatest correlation with the mean over repeats that a model can
        expect; NaN where the signal power is not positive.
      single_trial_correlation: the same with single trials.
      signal_power, noise_power: in the square of the unit of `y`.
    """

    explainable_variance: Floats
    reliability: Floats
    correlation: Floats
    single_trial_correlation: Floats
    signal_power: Floats
    noise_power: Floats


def ceilings(y: ArrayLike, weight: ArrayLike | None = None) -> Ceilings:
    """Ceilings of models of repeated stimuli.

    With all trials there, the powers are those of Sahani & Linden (2003, NIPS 15, eq. 1), and the
    correlation that of Schoppe et al. (2016, Front. Comput. Neurosci. 10:10, eq. 7). Where some are
    missing, effects of conditions and repeats are fitted by least squares; signal power is the
    variance of the former less the noise in it.

    Reliability is the mean of the split-half correlation over all splits, extended by Spearman &
    Brown, which is 1 - 1/F (Cronbach 1951, Psychometrika 16:297), with 1/F relieved of its bias
    (Kristof 1963, Psychometrika 28:221): a mean of 2r/(1 + r) over splits lies below 0 without a
    signal. With unequal repeats that bias is integrated numerically.

    Args:
      y: (condition, repeat, target), NaN = missing.
      weight: (condition,), or (*resample, condition) for a bootstrap over conditions; None: ones.

    Returns:
      NaN for a target with fewer than 4 conditions, or without two repeats of any.

    Raises:
      ValueError: another shape, a single repeat, or infinite values.

    >>> signal = np.array([0.0, 1, 2, 3])[:, None, None]  # (condition, repeat, target)
    >>> ceilings(signal + [[[0.0], [0.0]]]).explainable_variance.tolist()
    [1.0]
    """
    return Ceilings(*by_block(_ceilings, y, weight))


def normalised_correlation(
    y: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None
) -> Floats:
    """CCnorm: the correlation with the mean over repeats, over the greatest that a model can expect
    (Schoppe et al. 2016, eq. 10): about 1 for a perfect model, and above it by chance.

    Args:
      y: (condition, repeat, target), NaN = missing.
      prediction: (condition, target).
      weight: (condition,) or (*resample, condition); None: ones.

    Returns:
      (*resample, target). NaN where the signal power is not positive, or the prediction constant.
    """
    return average_correlation(y, prediction, weight) / ceilings(y, weight).correlation


class _Parts(NamedTuple):
    """Of each condition, (condition, target); 0 where it has no trial.

    Attributes:
      there: 1 where it has any.
      effect: its mean over repeats, free of their effects.
      share: part of the noise power that is left in `effect`.
      residual: sum of squares that neither condition nor repeat explains, and its
      residual_freedom: degrees of freedom.
      total: sum of squares about the means of the repeats, and its
      total_freedom: degrees of freedom.
    """

    there: Floats
    effect: Floats
    share: Floats
    residual: Floats
    residual_freedom: Floats
    total: Floats
    total_freedom: Floats


def _ceilings(y: Floats, weight: Floats) -> tuple[Floats, ...]:
    parts = _parts(y)
    with np.errstate(invalid="ignore", divide="ignore"):
        there, _, share, residual, freedom, total, total_freedom = (weight @ p for p in parts)
        of_means = products(parts.effect, parts.effect, weight, there) / (there - 1)
        noise = residual / np.where(freedom > 0, freedom, np.nan)
        total = total / np.where(total_freedom > 0, total_freedom, np.nan)
        inside = noise * share / there  # the noise left in a mean over repeats
        signal = of_means - inside
        positive = np.where(signal > 0, signal, np.nan)
        bias = _bias(parts.share, weight, signal / noise, of_means / noise)
        found = Ceilings(
            explainable_variance=signal / total,
            reliability=1 - inside / (of_means * bias),
            correlation=np.sqrt(positive / of_means),
            single_trial_correlation=np.sqrt(positive / total),
            signal_power=signal,
            noise_power=noise,
        )
    enough = (there > 3) & (of_means > 0)
    return tuple(np.where(enough, value, np.nan) for value in found)


def _bias(share: Floats, weight: Floats, signal: Floats, means: Floats) -> Floats:
    """E[1/V] E[V] of the variance of means V, (target,), for means whose own variances are unequal:
    V is then a sum of χ² times these, and E[1/V] the integral of E[exp(-tV)] over t.

    Args:
      share: (condition, target) variance of each mean by noise, of unit power.
      weight: (*resample, condition); the mean over resamples counts.
      signal, means: (*resample, target) power of the signal and of the means, in units of the noise
        power.
    """
    weight, signal, means = (
        a.reshape(-1, a.shape[-1]).mean(axis=0) for a in (weight, signal, means)
    )
    count = weight @ (share > 0)
    shrunk = (count - 1) / count  # a mean is taken out
    freedom = shrunk * (weight @ share) ** 2 / (weight @ share**2)
    # A signal that noise may have made must not count: it goes with V.
    sure = np.maximum(signal - means * np.sqrt(2 / freedom), 0)
    scale = np.where(share > 0, share + np.where(np.isfinite(sure), sure, 0), 0)
    scale = scale / (shrunk * (weight @ scale))
    found = (count - 1) / (count - 3)  # the integral, for means of equal variances
    uneven = np.where(share > 0, share, np.inf).min(axis=0) < (1 - ROUNDING) * share.max(axis=0)
    if uneven.any():
        scale, shrunk, integral = scale[:, uneven], shrunk[uneven], np.zeros(uneven.sum())
        for u, du in zip(*_NODES, strict=True):
            ahead = np.log1p(2 * u / (1 - u) * scale)
            integral += du / (1 - u) ** 2 * np.exp(-shrunk / 2 * (weight @ ahead))
        found[uneven] = integral
    return found


def _parts(y: Floats) -> _Parts:
    y, there, _ = centred(y)
    parts = [np.zeros((len(y), y.shape[2])) for _ in _Parts._fields]
    same = np.packbits(there.reshape(-1, y.shape[2]), axis=0)
    _, first, which = np.unique(same, axis=1, return_index=True, return_inverse=True)
    for group, one in enumerate(first):
        columns = which.ravel() == group
        for whole, part in zip(parts, _fitted(y[..., columns], there[..., one]), strict=True):
            whole[:, columns] = part
    return _Parts(*parts)


def _fitted(y: Floats, there: NDArray[np.bool_]) -> _Parts:
    """Least squares of y = effect of condition + effect of repeat, for targets (condition, repeat,
    target) that have the same trials (condition, repeat)."""
    count, by_repeat = there.sum(axis=1), there.sum(axis=0)
    seen, conditions = count > 0, max((count > 0).sum(), 1)
    # Conditions are eliminated first, which leaves equations of the repeats alone.
    portion = there / np.maximum(count, 1)[:, None]
    values, vectors = np.linalg.eigh(np.diag(by_repeat) - there.T @ portion)
    kept = values > ROUNDING * max(values[-1], 1) * len(values)
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    mean = y.sum(axis=1) / np.maximum(count, 1)[:, None]
    rest = np.where(there[..., None], y - mean[:, None], 0)
    offset = inverse @ rest.sum(axis=0)
    shift = portion @ offset
    rest = np.where(there[..., None], rest - offset + shift[:, None], 0)
    about = y - y.sum(axis=0) / np.maximum(by_repeat, 1)[:, None]
    apart = np.where(seen[:, None], portion - portion.sum(axis=0) / conditions, 0)
    own = ((apart @ inverse) * apart).sum(axis=1) * conditions / max(conditions - 1, 1)
    more, trials = np.maximum(count - 1, 0), max(count.sum(), 1)
    return _Parts(
        there=seen[:, None] * 1.0,
        effect=mean - shift,
        share=(seen / np.maximum(count, 1) + own)[:, None],
        residual=np.square(rest).sum(axis=1),
        residual_freedom=(more * max(1 - kept.sum() / max(more.sum(), 1), 0))[:, None],
        total=np.where(there[..., None], np.square(about), 0).sum(axis=1),
        total_freedom=(count * max(1 - (by_repeat > 0).sum() / trials, 0))[:, None],
    )
