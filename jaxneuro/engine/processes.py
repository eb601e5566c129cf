"""Several processes of JAX (`jax.distributed`), each with its share of the rows.

Fits need no collectives: processes speak to each other once before the work, so that all have the
same number of lanes, and once after it, where all are to have all results.
"""

from typing import Any

import jax
import numpy as np

from jaxneuro.engine.results import Results


def several() -> bool:
    return jax.process_count() > 1


def agreed(lanes: int) -> int:
    """The first process' lanes, for all: with another number a fit's bits would be others."""
    return int(_hosts().broadcast_one_to_all(np.int32(lanes))) if several() else lanes


def share(order: np.ndarray, group: int = 1) -> np.ndarray:
    """This process' part of the rows' numbers, of which so many at a time stay together."""
    parts = np.array_split(order.reshape(-1, group), jax.process_count())
    return parts[jax.process_index()].ravel()


def gather(results: Results, out: Any) -> None:
    """Gives each process what the others ran.

    Raises:
      RuntimeError: one of them is gone.
    """
    own = np.flatnonzero(results.done & ~results.resumed).astype(np.int32)
    hosts = _hosts()
    try:
        told = np.array([len(own), results.lane_steps], np.int64).view(np.int32)
        told = np.ascontiguousarray(hosts.process_allgather(told)).view(np.int64)
        counts = told[:, 0]
        fits = np.asarray(hosts.process_allgather(_filled(own, counts.max())))
        for leaf in results.leaves:
            part = np.ascontiguousarray(leaf[own]).reshape(len(own), -1)  # bits: no cast on the way
            sent = _filled(part.view(np.uint8), counts.max())
            for others, found, count in zip(
                fits, np.asarray(hosts.process_allgather(sent)), counts, strict=True
            ):
                found = np.ascontiguousarray(found[:count]).view(leaf.dtype)
                leaf[others[:count]] = found.reshape(count, *leaf.shape[1:])
    except jax.errors.JaxRuntimeError as error:
        safe = "none is kept (out=FOLDER keeps them)" if out is None else f"they are safe in {out}"
        raise RuntimeError(
            f"fit_many: another process is gone. This one has run its share, and {safe}: the same "
            "call, by any number of processes, goes on from there"
        ) from error
    for others, count in zip(fits, counts, strict=True):
        results.done[others[:count]] = True
    results.lane_steps = int(told[:, 1].sum())


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([array, np.zeros((size - len(array), *array.shape[1:]), array.dtype)])


def _hosts() -> Any:
    from jax.experimental import multihost_utils  # takes a while, and few need it

    return multihost_utils
