"""Flags that are looked at as numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.flags import any_of


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
