"""What the tests share: float64, gradients by finite differences, and one fit run to its end."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import Fit, Inputs, Status, compat
from jaxneuro.types import Result

try:
    from jax import enable_x64
except ImportError:  # jax < 0.8
    from jax.experimental import enable_x64

# A third of the time to compile, and these programs are small.
compat.with_options(lambda asked: jax.jit(lambda: 0, compiler_options=asked)(), "cpu", "once")
HASTY = compat.compiler_options("cpu", "once") | {"xla_backend_optimization_level": 0}


def float64():
    """`with float64():` computes in double precision."""
    return enable_x64(True)


def differences(function: Callable[[Any], Any], point: Any, step: float = 1e-6) -> Any:
    """The gradient of a scalar function of a pytree by central differences; within `float64`."""
    leaves, structure = jax.tree.flatten(point)
    function = jax.jit(function)
    found = []
    for i, leaf in enumerate(leaves):
        leaf = np.asarray(leaf, np.float64)
        slope = np.zeros_like(leaf)
        for at in np.ndindex(leaf.shape):
            ends = []
            for sign in (1, -1):
                moved = leaf.copy()
                moved[at] += sign * step
                trial = [*leaves[:i], jnp.asarray(moved), *leaves[i + 1 :]]
                ends.append(float(function(jax.tree.unflatten(structure, trial))))
            slope[at] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return jax.tree.unflatten(structure, found)


def run(fit: Fit, inputs: Inputs) -> Result:
    """One fit from its start to its end; compiled once for the same `fit` and shapes."""
    return _whole(fit)(inputs)


@functools.lru_cache(maxsize=16)
def compiled(fit: Fit) -> Fit:
    """The fit with its functions compiled, once for the same `fit` and shapes."""
    functions = {
        name: jax.jit(getattr(fit, name), compiler_options=HASTY)
        for name in ("init", "step", "result")
    }
    return fit._replace(**functions)


@functools.lru_cache(maxsize=16)
def _whole(fit: Fit) -> Callable[[Inputs], Result]:
    def going(state):
        return fit.status(state) == Status.RUNNING

    def whole(inputs):
        state = jax.lax.while_loop(going, lambda s: fit.step(inputs, s), fit.init(inputs))
        return fit.result(inputs, state)

    return jax.jit(whole, compiler_options=HASTY)


def trees_close(found: Any, wanted: Any, rtol: float = 1e-7, atol: float = 0.0) -> None:
    """Two pytrees of the same structure with close leaves; a failure names the leaf."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    paths = [jax.tree_util.keystr(p) for p, _ in jax.tree_util.tree_leaves_with_path(found)]
    both = zip(paths, jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True)
    for path, a, b in both:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=path)
