"""The path of ridge regression exactly: a penalty for each of very many targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.blocks import blocks, put, tell_infinite, width_of
from jaxneuro.compat import Once
from jaxneuro.linear.checks import checked, checked_results, used_of
from jaxneuro.linear.columns import centred, groups, in_units, precision, rounded
from jaxneuro.linear.decomposed import Ahead, Decomposed, Kept, decompose, look_ahead, parts_of
from jaxneuro.precision import in_full
from jaxneuro.splits import Splits
from jaxneuro.types import Array

_BLOCK = 256  # targets whose predictions are made at a time: they stay in the cache


class RidgeSearch(NamedTuple):
    """What `ridge_search` found, for P penalties; float64.

    Attributes:
      l2: (target,) the penalty of least held-out error, each target its own.
      kernel, bias: (feature, target), (target,) fitted with it on all samples of any fold; None
        with `keep="scores"`. With `out`, kernel is that.
      errors: (P, target) mean squared error of held-out samples, averaged over folds.
    """

    l2: np.ndarray
    kernel: Any
    bias: Any
    errors: np.ndarray


def ridge_search(
    x: ArrayLike,
    y: Any,
    splits: Splits,
    l2: ArrayLike,
    *,
    keep: Literal["all", "scores"] = "all",
    out: Any = None,
) -> RidgeSearch:
    """Ridge regression of many targets, each with its own penalty chosen by cross-validation.

    One decomposition for each fold serves all targets and penalties (Hastie, Tibshirani & Friedman
    2009, eq. 3.47): of the features' Gram matrix, or of the samples' where these are fewer. Targets
    that miss the same samples share theirs, and are solved on the samples that they have. The
    objective is that of `ridge`. Offsets and units are taken out in float64 first; the rest is of
    float32 (with `jax_enable_x64`, of the precision of `x` and `y`): use float64 where the least
    l2 is below 1e-6 of x's variance.

    Targets go through in blocks, of half a gigabyte with what is made of them: `y` may be larger
    than memory. How many blocks there are changes nothing, to the bit, of targets without missing
    values (of the others, rounding).

    Args:
      x: (sample, *feature), flattened.
      y: (sample, target); NaN = missing. What no fold uses has no influence. An array, or what is
        read from disk by columns, `y[:, first:last]`: `np.load(path, mmap_mode="r")`, an array of
        zarr or h5py. Chunks as wide as a few thousand targets are then read once; those as wide as
        all of them, once for each block.
      splits: from `jaxneuro.splits`: weights of 0 and 1.
      l2: (P,) penalties above 0, in any order. Of equal errors the strongest is chosen.
      keep: "all", or "scores" to leave kernels and biases out.
      out: (feature, target), where the kernels go block by block, in place of memory: anything
        that takes `out[:, first:last] = kernels`, such as `np.lib.format.open_memmap(path, "w+",
        np.float32, (features, targets))`.

    Returns:
      A fold in which a target has nothing to fit or nothing to score is left out of its `errors`.
      A target of which no fold is left is NaN throughout. So is one read from disk that turns out
      to have infinite values, of which a warning tells.

    Raises:
      ValueError: bad shapes or values, or a fold without samples to fit or to score.
    """
    x, y, train, test, l2 = checked("ridge_search", x, y, splits, l2)
    x = x.reshape(len(x), -1)
    shape = (x.shape[1], y.shape[1])
    out = checked_results("ridge_search", keep, out, shape)
    used = used_of(train, test)
    x, train, test = x[used], train[:, used], test[:, used]
    dtype = precision(x.dtype, y.dtype)
    features, unit_x, shared, order, scaled = in_units("ridge_search: x", x, l2, dtype)
    width = width_of(y, 4 * dtype.itemsize * len(x) + 40 * len(features.mean))
    search = _Search(jnp.asarray(shared), train, test, scaled, out is not None, width)
    errors = np.full((len(l2), shape[1]), np.nan)
    best, bias = np.full((2, shape[1]), np.nan)
    infinite = np.zeros(shape[1], bool)
    for at, block in blocks(y, used, width):
        targets = centred("ridge_search: y", block, dtype, missing=True, infinite=True)
        infinite[at] = targets.infinite
        kernel = np.full((shape[0], block.shape[1]), np.nan)
        for columns, seen in groups(block, targets.gaps, targets.infinite):
            found = search(targets.values, columns, seen)
            if found is None:
                continue
            place, unit = columns + at.start, targets.unit[columns]
            errors[:, place], best[place] = found.errors * unit**2, l2[order][found.choice]
            if out is not None:
                found.kernel[features.unit == 0] = 0  # rounding, times an offset that may be large
                kernel[:, columns], bias[place] = found.kernel * (unit / unit_x), found.bias * unit
        if out is not None:
            put(out, bias, at, kernel, targets.mean, features.mean)
    tell_infinite("ridge_search: y", infinite)
    errors = errors[np.argsort(order)]
    return RidgeSearch(best, out, None if out is None else bias, errors)


class _Found(NamedTuple):
    """Errors (P, target), index of the least; kernel and bias, or None."""

    errors: np.ndarray
    choice: np.ndarray
    kernel: Any
    bias: Any


class _Search:
    """What all blocks of targets share: x (sample, feature), both parts of the splits, l2 from the
    strongest, and the decompositions."""

    def __init__(self, x: Array, train, test, l2: np.ndarray, refit: bool, width: int):
        self.x, self.train, self.test, self.l2, self.refit = x, train, test, l2, refit
        self.width = width
        rank = min(train.sum(axis=1).max(), x.shape[1])
        self.kept = Kept(int(rank * (x.shape[0] + x.shape[1]) * x.dtype.itemsize))

    def __call__(self, y: np.ndarray, columns: np.ndarray, seen: np.ndarray) -> _Found | None:
        """Of these columns of y, which have the samples `seen`; None if no fold is left."""
        fitted, scored = (parts_of(m, seen, y.dtype) for m in (self.train, self.test))
        pairs = zip(fitted, scored, strict=True)
        left = [i for i, pair in enumerate(pairs) if all(part.weight.any() for part in pair)]
        if not left:
            return None
        if len(columns) < y.shape[1]:  # of few sizes, so that few programs are compiled
            y = y[:, np.resize(columns, min(len(rounded(columns)), self.width))]
        on_device, key = jnp.asarray(y), seen.tobytes()
        errors: Any = 0
        for fold in left:
            make = partial(look_ahead, self.x, fitted[fold], scored[fold])
            ahead = self.kept((key, fold), make)
            places = fitted[fold].places
            errors += np.asarray(_fold_errors(on_device, places, scored[fold], ahead, self.l2))
        errors, count = errors / len(left), len(columns)
        choice = errors.argmin(axis=0)
        if not self.refit:
            return _Found(errors[:, :count], choice[:count], None, None)
        (every,) = parts_of(used_of(self.train, self.test)[None], seen, y.dtype)
        whole = self.kept((key, None), partial(decompose, self.x, every))
        kernel, bias = _fit_each(on_device, every.places, whole, self.l2[choice])
        return _Found(
            errors[:, :count], choice[:count], np.array(kernel)[:, :count], np.array(bias)[:count]
        )


@Once
@in_full
def _fold_errors(y: Array, fitted: Array, scored: Any, parts: Ahead, l2: Array) -> Array:
    """(P, target) mean squared error of the scored samples."""
    ahead = (parts.ahead / (parts.values + l2[:, None])[:, None]).reshape(-1, len(parts.values))
    share = scored.weight / scored.weight.sum()

    def errors(y: Array) -> Array:
        inside = y[fitted]
        mean = parts.share @ inside
        found = ahead @ (parts.onto @ (inside - mean))  # all penalties in one product
        missed = found.reshape(len(l2), -1, y.shape[1]) - (y[scored.places] - mean)
        return jnp.sum(jnp.square(missed) * share[:, None], axis=1)

    return _by_blocks(errors, y)


@Once
@in_full
def _fit_each(y: Array, places: Array, parts: Decomposed, l2: Array) -> tuple[Array, Array]:
    """Kernel (feature, target) and bias (target,), each target with its own penalty."""

    def fit(y: Array, l2: Array) -> tuple[Array, Array]:
        used = y[places]
        mean = parts.share @ used
        along = (parts.onto @ (used - mean)) / (parts.values[:, None] + l2)
        kernel = parts.back @ along
        return kernel, mean - parts.mean @ kernel

    return _by_blocks(fit, y, l2)


def _by_blocks(function: Callable[..., Any], *columns: Array) -> Any:
    """`function` of blocks of the targets of arrays (..., target), put together again."""
    targets = columns[0].shape[-1]
    blocks = -(-targets // _BLOCK)
    if blocks < 2:
        return function(*columns)
    more = blocks * _BLOCK - targets
    columns = tuple(jnp.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, more)], "edge") for a in columns)

    def one(start: Array) -> Any:
        return function(*(jax.lax.dynamic_slice_in_dim(a, start, _BLOCK, -1) for a in columns))

    def whole(found: Array) -> Array:
        return jnp.moveaxis(found, 0, -2).reshape(*found.shape[1:-1], -1)[..., :targets]

    return jax.tree.map(whole, jax.lax.map(one, _BLOCK * jnp.arange(blocks)))
