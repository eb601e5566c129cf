"""Which programs are worth XLA's own kernels."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.engine.work import is_special

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
