"""What a decoder's weights say of the signals: patterns, not filters (Haufe et al. 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import origin
from jaxneuro.fit.scaling import layer_of
from jaxneuro.selection.result import Search

_NOTHING = 1e-10  # of the greatest variance of a mixture of outputs: one below is rounding


def patterns(
    filters: Search | ArrayLike, x: ArrayLike | None = None, weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Activation patterns: how the signals change with what is decoded,

        A = Σ_x W Σ_s⁻¹,    s = x W

    (Haufe et al. 2014, NeuroImage 87:96, eq. 6; of one output it is the covariance of x with s over
    the variance of s, their eq. 8). A filter must also cancel noise, so a large weight need not
    mean that a channel tells anything; a large pattern does. Where outputs depend on each other, as
    the scores of all classes do, Σ_s⁻¹ is the pseudo-inverse.

    Args:
      filters: a search over a model whose first layer is dense: its patterns are those of each
        outer fold's training samples. Or (..., feature, output) weights, or (feature,).
      x: (sample, *feature) that weights are of; of a search, its own.
      weight: (sample,) 0 = left out; None: all count. Of a search, its own.

    Returns:
      (*axes, outer, *feature, output) of a search, in units of x over those of y; else the shape
      of `filters`.

    Raises:
      ValueError: names the field.
    """
    if isinstance(filters, Search):
        if x is not None or weight is not None:
            raise ValueError("patterns: x and weight of a search are its own")
        return _of_search(filters)
    if x is None:
        raise ValueError("patterns: x is missing, (sample, *feature) that the weights are of")
    kernel, x = np.asarray(filters, np.float64), np.asarray(x, np.float64)
    single = kernel.ndim == 1
    kernel = kernel[:, None] if single else kernel
    flat = x.reshape(len(x), -1)
    if kernel.shape[-2] != flat.shape[1]:
        raise ValueError(
            f"patterns: filters are of {kernel.shape[-2]} features, and x is {x.shape}"
        )
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    if weight.shape != (len(x),) or not (weight >= 0).all() or not weight.any():
        raise ValueError(f"patterns: weight {weight.shape} must be (sample,) = ({len(x)},), from 0")
    found = _patterns(kernel, flat, weight)
    return found[:, 0] if single else found


def _of_search(found: Search) -> NDArray[np.float64]:
    inputs, fits = found.inputs, found.fits
    if inputs is None or isinstance(inputs.x, Mapping) or inputs.weight.ndim > 1:
        raise ValueError("patterns: a search that was not loaded, with one array x, of one subject")
    first: Any = fits.fit.model.first_layer  # pyright: ignore
    if first is None or fits.params is None:
        raise ValueError("patterns: the model has no dense first layer, or no parameters were kept")
    x = origin.undo(np.asarray(inputs.x), inputs.x_origin).astype(np.float64)
    flat, kernel = x.reshape(len(x), -1), np.asarray(layer_of(fits.params, first)["kernel"])
    if kernel.shape[-2] != flat.shape[1]:
        raise ValueError(
            f"patterns: the first layer is of {kernel.shape[-2]} features, and x is {x.shape}: it "
            "must meet all of them at once"
        )
    y = np.asarray(inputs.y)
    there = ~np.isnan(y.reshape(len(y), -1)).all(axis=1) if y.dtype.kind == "f" else True
    train = found.splits.train[:, -1] * there * (np.asarray(inputs.weight) > 0)
    kernel = kernel.reshape(*fits.shape, *kernel.shape[-2:])
    made = [_patterns(kernel[..., k, :, :], flat, weight) for k, weight in enumerate(train)]
    stacked = np.stack(made, axis=-3)
    return stacked.reshape(*fits.shape, *x.shape[1:], stacked.shape[-1])


def _patterns(kernel: NDArray[Any], x: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """(..., feature, output); all kernels in one product with the samples."""
    used = weight > 0
    share = weight[used] / weight.sum()
    x = x[used] - share @ x[used]
    *lead, features, outputs = kernel.shape
    flat = np.moveaxis(kernel.reshape(-1, features, outputs), 0, 1).reshape(features, -1)
    s = x @ flat.astype(np.float64)
    together = ((x * share[:, None]).T @ s).reshape(features, -1, outputs).swapaxes(0, 1)
    by_kernel = s.reshape(len(s), -1, outputs)
    own = np.einsum("tko,t,tkp->kop", by_kernel, share, by_kernel)
    made = together @ _inverse(own)
    return made.reshape(*lead, features, outputs)


def _inverse(square: NDArray[Any]) -> NDArray[np.float64]:
    """(kernel, output, output) of covariances: the inverse, however different the outputs' units;
    where there is none, the pseudo-inverse."""
    size = np.sqrt(np.einsum("koo->ko", square))
    unit = np.where(size > 0, size, 1)
    unit = unit[:, :, None] * unit[:, None]
    values = np.linalg.eigvalsh(square / unit)
    full = values[:, :1, None] > _NOTHING * values[:, -1:, None]
    scaled, plain = (np.linalg.pinv(a, _NOTHING, hermitian=True) for a in (square / unit, square))
    return np.where(full, scaled / unit, plain)
