"""Online, searches whose fits see the past side by side: the state is the last bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro import compat, origin
from jaxneuro.decoding.contender import Classifier
from jaxneuro.decoding.units import Units, units_of
from jaxneuro.fit.scaling import layer_of
from jaxneuro.precision import in_full
from jaxneuro.prediction import Frozen, block_of, frozen, to_raw
from jaxneuro.selection.result import Search
from jaxneuro.types import Closed, Origin

_LOOKED_AT = 2000  # samples, for the order of the bins
ROWS = 64  # of a step, one of them the sample: products of fewer are summed in another order than
# those of a recording, which of 1 700 features makes 1e-6 to 1e-5 of a prediction's deviation


class _Layout(NamedTuple):
    """What the program is made for; a value.

    Attributes:
      lanes: as of `Frozen`.
      newest: "first" or "last".
      tail: (*feature) of a sample as the fits see it.
      fits: how they are laid out, (*axes).
      averaged: over which of these.
    """

    lanes: Any
    newest: str
    tail: tuple[int, ...]
    fits: tuple[int, ...]
    averaged: tuple[int, ...]


def of_search(
    found: Search, bins: int | None, newest: str | None, centre: ArrayLike | None
) -> dict[str, Any]:
    """What `Stream` takes; see `stream`."""
    fits = found.fits
    if fits.params is None:
        raise ValueError('stream: the parameters were not kept; fit with keep="all"')
    own, tail = frozen(fits.fit), tail_of(found)
    by_bin = _by_bin(tail, bins)
    newest = _order(found, own, by_bin, newest)
    params = to_raw(fits.fit, fits.params, fits.x_origin, fits.y_origin, back=True)
    sizes, averaged, (params, back) = _chosen(found, (params, fits.y_origin))
    back = jax.tree.map(lambda a: a[tuple(0 if i in averaged else slice(None)
                                          for i in range(len(sizes)))], back)  # fmt: skip
    weights, start, x_units = _from_origin(fits.x_origin, by_bin, newest, centre)
    layout = _Layout(own.lanes, newest, tail, sizes, averaged)
    return {
        "program": Closed(_step, (layout,)),
        "weights": weights | {"parts": _parts(own, params, sizes)},
        "start": start,
        "shape": by_bin[1:],
        "x_units": x_units,
        "y_units": units_of(back),
    }


def of_classifier(
    found: Classifier, bins: int, newest: str, centre: ArrayLike | None
) -> dict[str, Any]:
    """Likewise, of a classifier of `bins` bins side by side."""
    by_bin = (bins, len(found.kernel) // bins)
    weights, start, x_units = _from_origin(None, by_bin, newest, centre)
    parts = [(np.float32(found.kernel[None]), np.float32(found.bias[None]))]
    layout = _Layout(Closed(_classified), newest, (len(found.kernel),), (1,), (0,))
    return {
        "program": Closed(_step, (layout,)),
        "weights": weights | {"parts": parts},
        "start": start,
        "shape": by_bin[1:],
        "x_units": x_units,
        "y_units": None,
    }


@in_full
def _classified(params: Any, x: Any) -> Any:
    kernel, bias = params
    return jax.nn.softmax(x @ kernel + bias[:, None], axis=-1)


def _step(layout: _Layout, weights: Mapping[str, Any], state: Any, bin: Any) -> tuple[Any, Any]:
    if layout.newest == "first":
        state = jnp.concatenate([bin[None], state[:-1]])
    else:
        state = jnp.concatenate([state[1:], bin[None]])
    seen = state
    if "ratio" in weights:
        seen = state * weights["ratio"] + weights["shift"]
    x = seen.reshape(1, *layout.tail)
    rest = jnp.zeros((ROWS - 1, *layout.tail), x.dtype)
    x = jax.lax.optimization_barrier(jnp.concatenate([x, rest]))
    every = jnp.concatenate([layout.lanes(part, x)[:, 0] for part in weights["parts"]])
    every = every[: int(np.prod(layout.fits))]
    return every.reshape(*layout.fits, *every.shape[1:]).mean(axis=layout.averaged), state


def tail_of(found: Search) -> tuple[int, ...]:
    """(*feature) of a sample of `x` as it was searched."""
    if found.inputs is None:
        program = found.fits.fit.lanes.arguments[0]  # pyright: ignore
        if not program:
            raise ValueError("stream: the function was not saved with this result")
        shapes = compat.taken_by(program)
        if len(shapes) != len(jax.tree.leaves(found.fits.params)) + 1:
            raise ValueError("stream: x must be one array, and the fits take several")
        return tuple(int(n) for n in shapes[-1].shape[1:])
    if isinstance(found.inputs.x, Mapping) or found.inputs.weight.ndim > 1:
        raise ValueError("stream: x must be one array, of one subject")
    return tuple(found.inputs.x.shape[1:])


def _by_bin(tail: tuple[int, ...], bins: int | None) -> tuple[int, ...]:
    """(bin, *feature) of a sample."""
    first, *rest = tail
    if bins is None:
        bins = first if rest else 1
    if rest and bins == first:
        return tail
    if bins == 1:
        return 1, *tail
    if rest or bins < 1 or first % bins:
        raise ValueError(f"stream: bins is {bins}, which x, a sample of which is {tail}, is not of")
    return bins, first // bins


def _order(found: Search, own: Frozen, by_bin: tuple[int, ...], newest: str | None) -> str:
    """Where the newest bin lies in a sample: what the sample before held is one place on."""
    if newest not in (None, "first", "last"):
        raise ValueError(f'stream: newest is {newest!r}, must be "first" or "last"')
    if by_bin[0] == 1:
        return "first"
    if found.inputs is None:
        if newest is not None:
            return newest
        rows = own.first_layer and layer_of(found.fits.params, own.first_layer)["kernel"].shape[-2]
        if not rows:
            raise ValueError('stream: of this model it must be told whether newest is "first" or '
                             '"last"')  # fmt: skip
        return "first" if rows == int(np.prod(by_bin)) else "last"
    x = origin.undo(np.asarray(found.inputs.x[:_LOOKED_AT]), found.inputs.x_origin)
    x = x.reshape(len(x), by_bin[0], -1)
    near = 1e-5 * (np.ptp(x, axis=(0, 1)) + 1e-30)
    pairs = {"first": (x[1:, 1:], x[:-1, :-1]), "last": (x[1:, :-1], x[:-1, 1:])}
    share = {
        name: (np.abs(a - b) <= near).all(axis=(1, 2)).mean() for name, (a, b) in pairs.items()
    }
    best = newest or max(share, key=lambda name: share[name])
    if len(x) > 1 and share[best] <= 0.5:
        raise ValueError(
            f"stream: of {share[best]:.0%} of the samples of x, the bins behind the newest (taken "
            f"to be the {best}) are those of the sample before: bins=1 if x holds no past, or "
            "search samples in the order of time"
        )
    return best


def _chosen(found: Search, tree: Any) -> tuple[tuple[int, ...], tuple[int, ...], Any]:
    """Sizes of the axes of fits that a prediction is made of, which of them it is the mean over,
    and the leaves of `tree` (*axes, ...) of these fits: see `held_out.averaged`."""
    axes, sizes, averaged = found.fits.axes, [], []
    index: list[Any] = []
    for place, axis in enumerate(axes):
        if not found.repeats.get(axis.name, True):
            index.append(0)
            continue
        if axis.name in found.repeats or place == len(axes) - 1:
            averaged.append(len(sizes))
        sizes.append(axis.size)
        index.append(slice(None))
    own = jax.tree.map(lambda a: np.asarray(a)[tuple(index)], tree)
    return tuple(sizes), tuple(averaged), own


def _from_origin(
    x_origin: Origin | None, by_bin: tuple[int, ...], newest: str, centre: ArrayLike | None
) -> tuple[dict[str, Any], NDArray[np.float32], Units | None]:
    """What brings a bin in units of the newest place to those of each place; the state before the
    first bin, which is 0 in the units of `x`; and the units of a bin."""
    away = None if centre is None else Units(np.asarray(centre, np.float64), np.ones(by_bin[1:]))
    if away is not None and away.centre.shape != by_bin[1:]:
        raise ValueError(f"stream: centre is {away.centre.shape}, and a bin is {by_bin[1:]}")
    every = units_of(x_origin)
    if every is None:
        return {}, np.zeros(by_bin, np.float32), away
    every = Units(*(np.reshape(a, by_bin) for a in every))
    own = Units(*(a[0 if newest == "first" else -1] for a in every))
    weights = {"ratio": own.unit / every.unit, "shift": (own.centre - every.centre) / every.unit}
    start = np.broadcast_to(-own.centre / own.unit, by_bin).astype(np.float32)
    units = own if away is None else away.after(own)
    return {name: a.astype(np.float32) for name, a in weights.items()}, start, units


def _parts(own: Frozen, params: Any, sizes: tuple[int, ...]) -> list[Any]:
    """Parameters of the fits, as many at a time as `own.lanes` takes."""
    fits, depth = int(np.prod(sizes)), len(sizes)
    flat = jax.tree.map(lambda a: np.asarray(a, np.float32).reshape(fits, *a.shape[depth:]), params)
    size = own.block or block_of(fits)
    every = [np.minimum(np.arange(i, i + size), fits - 1) for i in range(0, fits, size)]
    return [jax.tree.map(lambda a, p=places: a[p], flat) for places in every]
