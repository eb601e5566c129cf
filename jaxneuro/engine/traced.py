"""A function as its trace: Python runs once, however many programs are made of it; and what is not
wanted of it is left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from jaxneuro import compat

Flags = Sequence[bool]  # of the leaves of a tree


@dataclass(frozen=True, eq=False)
class Traced:
    """A function of arguments of certain shapes.

    Attributes:
      program: of the arguments' leaves, one after the other.
      taken: the shapes of the arguments.
      made: of what it gives.
    """

    program: ClosedJaxpr
    taken: tuple[Any, ...]
    made: Any

    @classmethod
    def of(cls, function: Callable, *shapes: Any) -> "Traced":
        """What is found at these shapes."""
        program, made = jax.make_jaxpr(function, return_shape=True)(*shapes)
        return cls(program, shapes, jax.tree.map(_plain, made))

    def __call__(self, *arguments: Any) -> Any:
        made = jaxpr_as_fun(self.program)(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(self.made), made)

    def reads(self, wanted: Flags | None = None) -> list[list[bool]]:
        """Of each argument, the leaves that those `wanted` of what it gives are made of."""
        flags = iter(compat.less(self.program, self._wanted(wanted))[1])
        return [[next(flags) for _ in jax.tree.leaves(tree)] for tree in self.taken]

    def less(self, wanted: Flags | None = None, *kept: Flags | None) -> "Traced":
        """Gives those `wanted` of what it gives, None in place of the others; and takes only what
        is `kept` of each argument, None in place of the rest. None keeps all."""
        wanted, given = self._wanted(wanted), []
        for tree, flags in zip(self.taken, kept or (None,) * len(self.taken), strict=True):
            given.append([True] * len(jax.tree.leaves(tree)) if flags is None else flags)
        program, _ = compat.less(self.program, wanted, [flag for flags in given for flag in flags])
        taken = tuple(_masked(*both) for both in zip(self.taken, given, strict=True))
        return replace(self, program=program, taken=taken, made=_masked(self.made, wanted))

    def _wanted(self, wanted: Flags | None) -> Flags:
        return [True] * len(self.program.out_avals) if wanted is None else wanted


def _masked(tree: Any, flags: Flags) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    kept = [leaf if flag else None for leaf, flag in zip(leaves, flags, strict=True)]
    return jax.tree.unflatten(structure, kept)


def _plain(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
