"""Penalties on parameters, added to the mean loss.

A strength is a number, or the name of a hyper-parameter in `inputs.hyper`: then it is traced, and
a grid over it is one more axis. Which leaves are penalised is declared by `where(path, leaf)`;
leaves named `bias` never are, whatever `where` says. With `make_fit(standardise=True)` parameters
are in units of the standardised features.

`make_fit` takes one penalty or several, and adds them up. At most one may have a proximal step
(`lasso`, `group_lasso`, `sparse_group_lasso`: exact zeros, `optimizers.proximal()`), beside any
smooth ones: the elastic net is `[lasso(), ridge()]`.

Penalties are values: two of the same kind, strength, `where` and options are equal. Keep one
function as `where` rather than a new lambda at each call, which is another function.
"""

from jaxneuro.penalties.contract import Hyper, Penalty, Where, kernels, leaf_path
from jaxneuro.penalties.groups import group_lasso, sparse_group_lasso
from jaxneuro.penalties.lasso import lasso, smooth_lasso
from jaxneuro.penalties.ridge import banded_ridge, ridge
from jaxneuro.penalties.smoothness import smoothness

__all__ = [
    "Hyper",
    "Penalty",
    "Where",
    "banded_ridge",
    "group_lasso",
    "kernels",
    "lasso",
    "leaf_path",
    "ridge",
    "smooth_lasso",
    "smoothness",
    "sparse_group_lasso",
]
