"""What lies around each vertex of a surface, or pixel of a flat map: means of its maps, ever wider.

With a network of each vertex's means behind them these are a graph convolution whose kernels are
fixed and whose weights lie between maps alone (Wu et al. 2019, ICML 97:6861; of several widths side
by side Frasca et al. 2020, arXiv:2004.11198). Any classifier of samples then labels vertices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.areas.label_models import smoothed
from jaxneuro.areas.neighbours import Neighbours, around_of
from jaxneuro.types import Array

_STEPS = (0, 2, 8, 32, 128)  # each twice as wide as the one before


def surroundings(
    maps: ArrayLike,
    graph: Neighbours | Sequence[ArrayLike],
    steps: Sequence[int] = _STEPS,
) -> NDArray[np.float32]:
    """Means of each map around each vertex: after so many steps, in each of which a vertex takes
    the mean of its own value and those of its neighbours. Widths grow with the root of the steps.

    No label has a say, so that held-out vertices may be among those averaged. But wide means of
    vertices side by side are alike: folds within one hemisphere flatter them. Tiles of the left
    flat map preferred a network of these to the article's CNN, .758 to .745; on the right, looked
    at once, it had .789 and the CNN, of 15 pixels, .828. Hold out whole hemispheres or subjects
    where you can.

    Args:
      maps: (vertex, map) numbers. A vertex with a NaN (the medial wall) is nobody's neighbour.
      graph: which vertices lie beside each: lists of them, as `mesh_edges` gives, or `Neighbours`.
      steps: from 0, ascending.

    Returns:
      (vertex, step, map); NaN where `maps` is.

    Raises:
      ValueError: maps of another shape or infinite, a graph of others, or steps out of order.
    """
    given = np.asarray(maps)
    if given.ndim != 2 or not given.size or given.dtype.kind not in "biuf" or np.isinf(given).any():
        raise ValueError(f"maps {given.dtype} {given.shape} must be numbers (vertex, map)")
    wanted = [int(step) for step in steps]
    if not wanted or wanted[0] < 0 or wanted != sorted(set(wanted)) or wanted != list(steps):
        raise ValueError(f"steps = {tuple(steps)}: whole numbers from 0, ascending")
    there = np.asarray(~np.isnan(given).any(axis=1))
    if not there.any():
        raise ValueError("maps: every vertex has a NaN")
    around = around_of(graph, len(given))
    around = np.where((around >= 0) & there[around], around, -1)
    centre = given[there].mean(axis=0, dtype=np.float64)  # off, so that float32 suffices
    clean = np.where(there[:, None], given - centre, 0).astype(np.float32)
    means = np.asarray(_means(clean, around, tuple(wanted))) + centre
    return np.where(there[:, None, None], means, np.nan).astype(np.float32)


@partial(jax.jit, static_argnames="steps")
def _means(maps: Array, around: Array, steps: tuple[int, ...]) -> Array:
    """(vertex, step, map) of `around` (vertex, place), -1 where there is nobody."""
    found, past = [], 0
    for step in steps:
        maps = jax.lax.fori_loop(past, step, lambda _, m: smoothed(m, around), maps)
        past = step
        found.append(maps)
    return jnp.stack(found, axis=1)
