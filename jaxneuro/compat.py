"""What differs between versions of JAX, in one place."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh


def lane_mesh(devices: Sequence[Any]) -> Mesh:
    """A mesh of one axis, "lane". Axes made by `Mesh` are Auto; `jax.make_mesh` made them Explicit
    from some version on."""
    return Mesh(np.asarray(devices), ("lane",))


def per_device(function: Callable, mesh: Mesh, in_specs: Any, out_specs: Any) -> Callable:
    """`shard_map` without its check of replication, which does not know of our while loops."""
    return jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )


def flops(compiled: Any) -> float:
    """Floating point operations of a compiled program, each loop's body counted once; 0 if the
    backend does not tell."""
    analysis = compiled.cost_analysis()
    return float((analysis or {}).get("flops", 0.0))
