"""What it takes to start fits: seldom more memory than their steps, but for those of few samples
each (`make_fit(batch=...)`), which begin with a look at all."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxneuro import compat
from jaxneuro.engine import stages
from jaxneuro.engine.lane import make_lane, shape_of
from jaxneuro.engine.programs import program_key
from jaxneuro.engine.recent import Recent
from jaxneuro.fit import Fit
from jaxneuro.types import Inputs

_weights = Recent(256)


def weigh_start(
    fit: Fit, inputs: Inputs, selects: tuple[Partial, ...], width: int, lanes: int
) -> int:
    """Bytes of scratch and lane state of one device's `start`, compiled for so many lanes."""
    key = (*program_key(fit, inputs, selects), width, lanes)
    if key not in _weights:
        inputs, selects = jax.tree.map(shape_of, (inputs, selects))
        lane = make_lane(fit, inputs, selects, width)

        def sized(leaf):
            return jax.ShapeDtypeStruct((lanes, *leaf.shape), leaf.dtype)

        own, state, _ = stages.shapes(lane, inputs, selects, width)
        flags = jax.ShapeDtypeStruct((lanes,), bool)
        blank = stages.Lanes(*jax.tree.map(sized, (own, state)), active=flags)  # pyright: ignore
        rows = jax.ShapeDtypeStruct((lanes, width), jnp.int32)
        program = jax.jit(partial(stages.start, lane), donate_argnums=5)
        lowered = program.lower(inputs, selects, rows, flags, flags, blank)
        options = compat.compiler_options(jax.local_devices()[0].platform, "weigh")
        memory = lowered.compile(compiler_options=options).memory_analysis()
        _weights[key] = 0 if memory is None else (
            memory.temp_size_in_bytes + memory.output_size_in_bytes
        )  # fmt: skip
    return _weights[key]
