"""`x` as one array, or as several by name (an image and the running speed), the samples first."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def parts(x: Any, name: str = "x") -> dict[str, Any]:
    """The arrays of `x`, by what messages call them: `x`, or `x['image']`."""
    if not isinstance(x, Mapping):
        return {name: x}
    found: dict[str, Any] = {}
    for key, part in x.items():
        found |= parts(part, f"{name}[{key!r}]")
    return found


def samples(x: Any) -> int:
    return len(jax.tree.leaves(x)[0])


def precision(x: Any) -> Any:
    """The dtype of fits of `x`: of its real numbers, else JAX's own."""
    kinds = [a.dtype for a in jax.tree.leaves(x) if jnp.issubdtype(a.dtype, jnp.floating)]
    return kinds[0] if kinds else jnp.result_type(float)


def seen(x: Any) -> Any:
    """Several arrays as fits see them: whole numbers stay whole."""

    def cast(part: Any) -> np.ndarray:
        array = np.asarray(part)
        return array.astype(np.int32 if array.dtype.kind in "iu" else jnp.result_type(float))

    return {name: seen(a) if isinstance(a, Mapping) else cast(a) for name, a in x.items()}


def taken(x: Any, index: Any) -> Any:
    """The samples `index` of every array."""
    return jax.tree.map(lambda a: a[index], x)


def nbytes(x: Any) -> int:
    return sum(a.nbytes for a in jax.tree.leaves(x))


def flat(x: Any) -> np.ndarray:
    """(sample, number) all that a sample holds."""
    arrays = [np.asarray(a) for a in jax.tree.leaves(x)]
    made = [a.reshape(len(a), -1) for a in arrays]
    return made[0] if len(made) == 1 else np.concatenate(made, axis=1)


def single(x: Any, asks: str) -> Any:
    """`x`, which must be one array.

    Raises:
      ValueError: it is several; `asks` says what takes only one.
    """
    if isinstance(x, Mapping):
        raise ValueError(f"{asks} takes one array, and x is several: {', '.join(parts(x))}")
    return x
