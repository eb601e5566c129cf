"""The prediction of fits as a program of its own, which needs none of the model's code."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import jax

from jaxneuro import compat, several
from jaxneuro.fits import Fits
from jaxneuro.prediction import Frozen, block_of, frozen
from jaxneuro.types import Closed, Inputs


def program_of(fits: Fits, inputs: Inputs | None) -> tuple[bytes, dict]:
    """StableHLO of what a block of fits predicts, for any number of samples; and what to know of
    it. Where the package that JAX writes it with is missing, a warning, and no program."""
    own = frozen(fits.fit)
    facts = {
        "first_layer": own.first_layer,
        "readout": own.readout,
        "better": own.better,
        "block": own.block or block_of(len(fits)),
    }
    if inputs is None:  # loaded before: as it came
        return own.lanes.arguments[0], facts  # pyright: ignore[reportFunctionMemberAccess]
    leaves, structure = jax.tree.flatten(fits.params)
    depth, dtype = len(fits.shape), several.precision(inputs.x)
    tails = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape[inputs.weight.ndim :], a.dtype), inputs.x
    )

    def lanes(leaves, x):
        return own.lanes(jax.tree.unflatten(structure, leaves), x)

    shapes = [jax.ShapeDtypeStruct((facts["block"], *a.shape[depth:]), dtype) for a in leaves]
    try:
        program = compat.export(lanes, shapes, tails)
    except ImportError:
        warnings.warn(
            "save: what is loaded will not predict, since flatbuffers is missing: pip install "
            '"jaxneuro[save]" and save again',
            stacklevel=5,
        )
        program = b""
    return program, facts


def fit_of(program: bytes, facts: dict) -> Frozen:
    """What predicting takes of the fit that `program_of` was made of."""
    first, readout = (facts[name] and tuple(facts[name]) for name in ("first_layer", "readout"))
    better = tuple((name, higher) for name, higher in facts["better"])
    return Frozen(Closed(_call, (program,)), first, readout, better, facts["block"])


def _call(program: bytes, params: Any, x: Any) -> Any:
    if not program:
        raise ValueError(
            "predict: the function was not saved, since flatbuffers was missing then: pip install "
            '"jaxneuro[save]" and save again'
        )
    return _opened(program)(jax.tree.leaves(params), x)


@lru_cache(maxsize=8)
def _opened(program: bytes) -> Any:
    try:
        return jax.jit(compat.exported(program))
    except ImportError as error:
        raise ImportError(
            'predicting by a loaded result needs flatbuffers: pip install "jaxneuro[save]"'
        ) from error
