"""The work of a traced program: products, and functions that take XLA's own kernels."""

import math
from typing import Any

_SPECIAL = frozenset({
    "exp", "exp2", "expm1", "log", "log1p", "tanh", "logistic", "erf", "erfc", "erf_inv", "lgamma",
    "digamma", "pow", "sin", "cos", "tan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh",
    "cbrt",
})  # fmt: skip
# Operations of products by which one such function is slower by LLVM's own path, which is fast at
# exp alone, where gradients are taken of it: in results, it is not.
_PRICE, _EXP_PRICE = 200, 20


def is_special(jaxpr: Any, steps: bool = True) -> bool:
    """Whether logarithms, sigmoids and the like are a large part of a program's work: of one that
    `steps`, or of another. XLA's own kernels for CPUs run these up to twice as fast, results up to
    nine times, and little else; they take twice as long to compile (benchmarks/RESULTS.md, "First
    runs")."""
    products, special = _counted(jaxpr, _EXP_PRICE if steps else _PRICE)
    return special > products


def _counted(jaxpr: Any, exp_price: int) -> tuple[float, float]:
    """Operations of products, and those that special functions would gain; loops count once."""
    products = special = 0.0
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name in ("dot_general", "conv_general_dilated"):
            products += flops_of(eqn)
        elif name in _SPECIAL:
            special += (exp_price if name == "exp" else _PRICE) * flops_of(eqn)
        for body in inner_of(eqn):
            more_products, more_special = _counted(body, exp_price)
            products, special = products + more_products, special + more_special
    return products, special


def inner_of(eqn: Any) -> list[Any]:
    """The programs inside an equation: of a call, a loop, a branch."""
    found = []
    for value in eqn.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            part = getattr(part, "jaxpr", part)
            if hasattr(part, "eqns"):
                found.append(part)
    return found


def flops_of(eqn: Any) -> float:
    """Floating point operations of an equation: of anything but a product, one for each number
    that it makes."""
    made = sum(math.prod(v.aval.shape) for v in eqn.outvars if hasattr(v.aval, "shape"))
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return 2.0 * made * math.prod(eqn.invars[0].aval.shape[i] for i in contracted)
    if eqn.primitive.name == "conv_general_dilated":
        kernel = eqn.invars[1].aval.shape
        features = kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
        return 2.0 * made * math.prod(kernel) / max(features, 1)
    return float(made)
