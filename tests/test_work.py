"""Which programs are worth XLA's own kernels; and flags that are looked at as numbers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.engine.work import is_special
from jaxneuro.flags import any_of

X, W = np.ones((4096, 20), np.float32), np.ones(20, np.float32)


@pytest.mark.parametrize(
    ("function", "in_steps", "in_results"),
    [
        (lambda x, w: x @ w, False, False),
        (lambda x, w: jnp.exp(x @ w), False, True),
        (lambda x, w: jnp.log1p(jnp.abs(x @ w)), True, True),
        (lambda x, w: jnp.exp(x @ jnp.outer(w, jnp.ones(99)) @ jnp.ones(99)), False, False),
        (lambda x, w: jax.lax.fori_loop(0, 9, lambda _, v: jnp.tanh(x @ w) @ x, w), True, True),
    ],
    ids=["a product", "an exponential", "a logarithm", "many products", "within a loop"],
)
def test_special_functions_beside_products(
    function: Callable, in_steps: bool, in_results: bool
) -> None:
    program = jax.make_jaxpr(function)(X, W).jaxpr
    assert is_special(program) == in_steps
    assert is_special(program, steps=False) == in_results


@pytest.mark.parametrize("shape", [(), (1,), (5000,), (40, 3)])
def test_any_of_flags(shape: tuple[int, ...]) -> None:
    none = np.zeros(shape, bool)
    one = none.copy()
    one[(-1,) * one.ndim] = True
    for flags in (none, one, ~none):
        assert any_of(jnp.asarray(flags)) == flags.any()
        if flags.ndim:
            found = any_of(jnp.asarray(flags), axis=0)
            np.testing.assert_array_equal(found, flags.any(axis=0))
