"""What differs between versions of JAX, in one place."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

try:
    from jax import shard_map as _shard_map  # jax >= 0.8
except ImportError:
    from jax.experimental.shard_map import (  # pyright: ignore[reportMissingImports]
        shard_map as _shard_map,
    )


def lane_mesh(devices: Sequence[Any]) -> Mesh:
    """A mesh of one axis, "lane". Axes made by `Mesh` are Auto in every version."""
    return Mesh(np.asarray(devices), ("lane",))


def per_device(function: Callable, mesh: Mesh, in_specs: Any, out_specs: Any) -> Callable:
    """`shard_map` without its check of replication, which does not know of our while loops."""
    specs = {"mesh": mesh, "in_specs": in_specs, "out_specs": out_specs}
    try:
        return _shard_map(function, check_vma=False, **specs)  # pyright: ignore
    except TypeError:
        return _shard_map(function, check_rep=False, **specs)  # pyright: ignore
