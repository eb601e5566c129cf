"""What a penalty is: a function of the parameters that it selects, and of hyper-parameters."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.types import Array, Params

Hyper = Mapping[str, Array]
Where = Callable[[tuple[str, ...], Array], bool]


class Penalty(NamedTuple):
    """`value(params, hyper)` is a scalar. With `prox(params, step, hyper)`, the penalty is not
    smooth: it never enters the gradient, and only a proximal optimizer may minimise it.

    A proximal step, argmin_w ½‖w - v‖² + step·penalty(w), is taken in the model's own parameters,
    so such a penalty does not go with `make_fit(precondition=True)`: along principal axes each
    coordinate is a mixture of features, |w| of the features is no longer a sum over coordinates,
    and its step no soft threshold but an optimisation of its own.
    """

    value: Callable[[Params, Hyper], Array]
    prox: Callable[[Params, Array, Hyper], Params] | None = None


def kernels(path: tuple[str, ...], leaf: Array) -> bool:
    """Every leaf but those named `bias`: what is penalised unless you say otherwise."""
    del leaf
    return path[-1:] != ("bias",)


def leaf_path(path: tuple) -> tuple[str, ...]:
    """A key path of `jax.tree_util` as plain names."""
    return tuple(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)


def strength_of(strength: str | float, hyper: Hyper) -> Array:
    """The number, or the hyper-parameter of that name.

    Raises:
      KeyError: there is none.
    """
    if not isinstance(strength, str):
        return jnp.asarray(strength)
    if strength not in hyper:
        raise KeyError(
            f"penalty strength {strength!r} is not in inputs.hyper, which has {sorted(hyper)}: "
            f"pass hyper={{'{strength}': ...}} to make_inputs, or add axes.grid({strength}=[...])"
        )
    return hyper[strength]


def selected(params: Params, where: Where, rows: int | None = None) -> list[Array]:
    """The leaves that are penalised: of those that `where` chooses, those (row, ...) of so many
    rows, where that is asked.

    Raises:
      ValueError: there is none.
    """
    chosen = {
        "/".join(leaf_path(path)): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if _chosen(where, path, leaf)
    }
    if not chosen:
        raise ValueError("penalty: `where` selects no leaf of the parameters (biases never count)")
    found = [leaf for leaf in chosen.values() if _of_rows(leaf, rows)]
    if not found:
        shapes = ", ".join(f"{name} {leaf.shape}" for name, leaf in chosen.items())
        raise ValueError(
            f"penalty: it is for {rows} features, and no leaf that `where` selects has so many "
            f"rows: {shapes}. Its groups or sizes must be those of the flattened features of x"
        )
    return found


def change_selected(
    change: Callable[[Array], Array], params: Params, where: Where, rows: int | None = None
) -> Params:
    """`params` with those leaves changed."""

    def change_one(path: tuple, leaf: Array) -> Array:
        return change(leaf) if _chosen(where, path, leaf) and _of_rows(leaf, rows) else leaf

    return jax.tree_util.tree_map_with_path(change_one, params)


def _chosen(where: Where, path: tuple, leaf: Array) -> bool:
    """Biases never are: a constant that is shrunk says that the mean of `y` ought to be 0."""
    names = leaf_path(path)
    return kernels(names, leaf) and where(names, leaf)


def _of_rows(leaf: Array, rows: int | None) -> bool:
    return rows is None or (leaf.ndim >= 1 and leaf.shape[0] == rows)
