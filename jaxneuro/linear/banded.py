"""Banded ridge regression exactly: a strength for each group of features, chosen per target."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.blocks import blocks, held, put, tell_infinite, width_of
from jaxneuro.linear.banded_errors import Dual, Part, Primal, search
from jaxneuro.linear.banded_refit import refit
from jaxneuro.linear.checks import checked, checked_results, used_of
from jaxneuro.linear.columns import centred, groups, in_units, precision, rounded
from jaxneuro.precision import in_full
from jaxneuro.splits import Splits

_BLOCK = 256  # targets in a product: they stay in the cache
_HELD = 2**28  # numbers held of the targets' products with features, for all folds


class BandedSearch(NamedTuple):
    """What `banded_ridge_search` found; float64.

    Attributes:
      bands: (band,) their ids, in the order of the weights.
      weights: (band, target) of the candidate of least held-out error, each target its own.
      l2: (target,) the penalty chosen with it.
      kernel, bias: (feature, target), (target,) fitted with both on all samples of any fold; None
        with `keep="scores"`. With `out`, kernel is that.
      errors: (candidate, target) mean squared error of held-out samples, averaged over folds, by
        the best penalty of each candidate.
    """

    bands: np.ndarray
    weights: np.ndarray
    l2: np.ndarray
    kernel: Any
    bias: Any
    errors: np.ndarray


def banded_ridge_search(
    x: ArrayLike,
    y: Any,
    splits: Splits,
    bands: ArrayLike,
    candidates: ArrayLike,
    l2: ArrayLike,
    *,
    keep: Literal["all", "scores"] = "all",
    out: Any = None,
) -> BandedSearch:
    """Banded ridge regression of many targets, each with its own weights of bands and penalty.

    Of each candidate γ and penalty l2, minimises

        ½·Σ (ŷ - y)² / n + ½·l2·Σ_b Σ kernel_b² / γ_b,    ŷ = x·kernel + bias

    over the n samples that are fitted: band b has the penalty l2 / γ_b of `ridge_search`, and of
    weight 0 the kernel 0. That is ridge regression on features scaled by √γ_b, or with the kernel
    matrix Σ γ_b·x_b·x_bᵀ (Nunez-Elizalde, Huth & Gallant 2019, §2.3; the random search is that of
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant 2022, §2.4). himalaya's alpha is l2·n.

    Candidates come from `dirichlet`, `simplex` or your own knowledge. Each costs an
    eigendecomposition in each fold, of the features' Gram matrix, or of the samples' where these
    are fewer; all targets and penalties share it, and the number of penalties costs little (see
    `jaxneuro.linear.banded_errors`). Targets that miss the same samples share theirs. Precision is
    as in `ridge_search`; the rounding of `errors` is that of the variance of `y`.

    Args:
      x: (sample, *feature), flattened.
      y: (sample, target); NaN = missing. What no fold uses has no influence. As in `ridge_search`
        an array, or what is read from disk by columns; each block of these then decomposes anew.
      splits: from `jaxneuro.splits`: weights of 0 and 1.
      bands: (*feature,) an id for each feature, integers or strings.
      candidates: (candidate, band) weights from 0, none all 0; bands in sorted order of their ids.
      l2: (P,) penalties above 0, in any order. Of equal errors the strongest is chosen, then the
        first candidate.
      keep, out: as in `ridge_search`.

    Returns:
      A fold in which a target has nothing to fit or nothing to score is left out of its `errors`.
      A target of which no fold is left is NaN throughout; one with infinite values, as there.

    Raises:
      ValueError: bad shapes or values, or a fold without samples to fit or to score.
    """
    x, y, train, test, l2 = checked("banded_ridge_search", x, y, splits, l2)
    names, band, candidates = _checked_bands(x.shape[1:], bands, candidates)
    x = x.reshape(len(x), -1)
    shape = (x.shape[1], y.shape[1])
    out = checked_results("banded_ridge_search", keep, out, shape)
    used = used_of(train, test)
    x, train, test = x[used], train[:, used], test[:, used]
    dtype = precision(x.dtype, y.dtype)
    features, unit_x, shared, order, scaled = in_units("banded_ridge_search: x", x, l2, dtype)
    design = _design(shared, band, train)
    problem = _Problem(design, candidates.astype(dtype), scaled, train, test, out is not None)
    errors = np.full((len(candidates), shape[1]), np.nan)
    weights = np.full((len(names), shape[1]), np.nan)
    best, bias = np.full((2, shape[1]), np.nan)
    infinite = np.zeros(shape[1], bool)
    each = 6 * dtype.itemsize * len(x) + 40 * shape[0]
    for at, block in blocks(y, used, shape[1] if held(y) else width_of(y, each)):
        targets = centred("banded_ridge_search: y", block, dtype, missing=True, infinite=True)
        infinite[at] = targets.infinite
        kernel = np.full((shape[0], block.shape[1]), np.nan) if out is not None else None
        for columns, seen in groups(block, targets.gaps, targets.infinite):
            for some in np.array_split(columns, -(-len(columns) // problem.most())):
                found = problem.solve(targets.values[:, some], seen)
                if found is None:
                    continue
                missed, candidate, penalty, slope, level = found
                place, unit = some + at.start, targets.unit[some]
                errors[:, place], best[place] = missed * unit**2, l2[order][penalty]
                weights[:, place] = candidates[candidate].T
                if kernel is not None:
                    slope[features.unit == 0] = 0  # rounding, times an offset that may be large
                    kernel[:, some], bias[place] = slope * (unit / unit_x), level * unit
        if kernel is not None:
            put(out, bias, at, kernel, targets.mean, features.mean)
    tell_infinite("banded_ridge_search: y", infinite)
    return BandedSearch(names, weights, best, out, None if out is None else bias, errors)


class _Problem(NamedTuple):
    """What all targets share: the design, candidates (candidate, band), l2 from the strongest,
    both parts of the splits, bool (fold, sample), and whether kernels are wanted."""

    design: Primal | Dual
    candidates: np.ndarray
    l2: np.ndarray
    train: np.ndarray
    test: np.ndarray
    refit: bool

    def most(self) -> int:
        """Targets at a time."""
        samples, features = self.design.x.shape
        height = 2 * features if isinstance(self.design, Primal) else samples
        return max(_BLOCK, _HELD // (len(self.train) * height))

    def solve(self, y: np.ndarray, seen: np.ndarray) -> tuple[Any, ...] | None:
        """Errors (candidate, target), indices of candidate and penalty, kernel and bias (or None)
        of targets y (sample, target) that have the samples `seen`; None if no fold is left."""
        left = (self.train & seen).any(axis=1) & (self.test & seen).any(axis=1)
        if not left.any():
            return None
        train, test = (_part(mask[left], seen, y.dtype) for mask in (self.train, self.test))
        # of few sizes, so that few programs are compiled
        width = min(_BLOCK, max(8, 1 << (y.shape[1] - 1).bit_length()))
        count = len(rounded(np.arange(-(-y.shape[1] // width)))) * width
        padded = np.resize(np.arange(y.shape[1]), count)
        blocks = np.ascontiguousarray(y[:, padded].reshape(len(y), -1, width).swapaxes(0, 1))
        found = search(self.design, jnp.asarray(blocks), train, test, self.candidates, self.l2)
        errors, candidate, penalty = (np.array(a)[..., : y.shape[1]] for a in found)
        if not self.refit:
            return errors, candidate, penalty, None, None
        every = _part(used_of(self.train, self.test)[None], seen, y.dtype)
        kernel, bias = refit(self.design, y, every, self.candidates, candidate, self.l2[penalty])
        return errors, candidate, penalty, kernel, bias


def _part(masks: np.ndarray, seen: np.ndarray, dtype) -> Part:
    """Each mask's samples, as many for all (the rest of weight 0): one program serves them."""
    places = np.zeros((len(masks), int(masks.sum(axis=1).max())), int)
    share = np.zeros(places.shape, dtype)
    for fold, mask in enumerate(masks):
        (at,) = np.nonzero(mask)
        places[fold] = np.resize(at, places.shape[1])
        share[fold, : len(at)] = seen[at] / seen[at].sum()
    return Part(jnp.asarray(places), jnp.asarray(share))


@in_full
def _design(x: np.ndarray, band: np.ndarray, train: np.ndarray) -> Primal | Dual:
    if x.shape[1] <= train.sum(axis=1).max():
        return Primal(jnp.asarray(x), jnp.asarray(band))
    parts = [jnp.asarray(x[:, band == which]) for which in range(band.max() + 1)]
    grams = jnp.stack([part @ part.T for part in parts])
    return Dual(jnp.asarray(x), jnp.asarray(band), grams)


def _checked_bands(shape, bands, candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of the bands, the band (feature,) of each feature, and the candidates as float64."""
    bands, candidates = np.asarray(bands), np.asarray(candidates, np.float64)
    if bands.shape != shape:
        raise ValueError(
            f"banded_ridge_search: bands {bands.shape} must have an id for each feature, {shape}"
        )
    if bands.dtype.kind not in "biuUS":
        raise ValueError(f"banded_ridge_search: bands ({bands.dtype}) must be integers or strings")
    names, band = np.unique(bands, return_inverse=True)
    if candidates.ndim != 2 or not len(candidates) or candidates.shape[1] != len(names):
        raise ValueError(
            f"banded_ridge_search: candidates {candidates.shape} must be (candidate, band), "
            f"and there are {len(names)} bands"
        )
    usable = np.isfinite(candidates) & (candidates >= 0)
    if not usable.all() or not candidates.any(axis=1).all():
        raise ValueError(
            "banded_ridge_search: candidates must be finite weights from 0, in none of them all 0"
        )
    return names, band.ravel(), candidates
