"""What many fits leave behind: arrays with the axes' names in front."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import origin
from jaxneuro.fit import Fit
from jaxneuro.fit.scaling import at_layer
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Axis, Origin, Status, Warned

_BLOCK = 64  # fits whose predictions are made at a time


class Selection(NamedTuple):
    """The best of some axes for every index of the others.

    Attributes:
      over: names of the axes chosen among.
      chosen: (*rest, len(over)) which index of each.
      values: by name, (*rest) the labels at these indices.
      score: (*rest) the mean score there; NaN where no candidate has one.
      limits: by name, the least and the greatest label that there was to choose; only of axes of
        three labels or more, which are numbers.
    """

    over: tuple[str, ...]
    chosen: np.ndarray
    values: Mapping[str, np.ndarray]
    score: np.ndarray
    limits: Mapping[str, tuple[float, float]]

    def at_edges(self) -> dict[str, tuple[int, int]]:
        """By name, how many choices lie at the least and at the greatest label: a grid that
        reached further might have been chosen from differently."""
        made = ~np.isnan(self.score)
        return {
            name: tuple(int(((self.values[name] == edge) & made).sum()) for edge in edges)
            for name, edges in self.limits.items()
        }  # pyright: ignore[reportReturnType]


@dataclass(frozen=True)
class Fits:
    """Results of `fit_many`. Every array has the shape (*axes, ...), or (row, ...) for rows.

    It pickles and copies where the fit does (with a user's lambdas, by cloudpickle).

    Attributes:
      axes: the axes, or one axis "row" where a list of rows was fitted.
      params: parameters; None where `keep="scores"`.
      status, warning, steps, loss, gradient_norm: as in `types.Result`.
      scores: held-out scores by name.
      rows: (fit, axis) the indices of each fit on `row_axes`.
      row_axes: the axes that `rows` index.
      lanes: fits that ran together, over all devices.
      compile_seconds, run_seconds: compiling (0 where it was done before) and the rest.
      useful: share of lane-steps that moved a fit.
      fit: what was fitted.
      x_origin, y_origin: what `x` (*feature) and each fit's `y` (*axes, *output) were fitted
        relative to (`jaxneuro.origin`); `params` are for the raw values wherever the model's first
        layer and readout can take that back (then float64).
    """

    axes: tuple[Axis, ...]
    params: Any
    status: np.ndarray
    warning: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    scores: Mapping[str, np.ndarray]
    rows: np.ndarray
    row_axes: tuple[Axis, ...]
    lanes: int
    compile_seconds: float
    run_seconds: float
    useful: float
    fit: Fit
    x_origin: Origin | None = None
    y_origin: Origin | None = None

    def __repr__(self) -> str:
        axes = ", ".join(f"{axis.name}: {axis.size}" for axis in self.axes) or "one fit"
        ended = ", ".join(f"{count} {status}" for status, count in self.statuses().items())
        scores = ", ".join(
            f"{name} {np.nanmedian(values):.4g}" if not np.isnan(values).all() else f"{name} nan"
            for name, values in self.scores.items()
        )
        return (
            f"<{len(self)} fits ({axes}): {ended}; median {scores}; "
            f"{self.compile_seconds:.2g} s to compile, {self.run_seconds:.2g} s to run>"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.status.shape

    def __len__(self) -> int:
        return self.status.size

    def shaped(self, axes: Sequence[Axis]) -> "Fits":
        """The same fits, of a list of rows, seen along axes of that many indices in all."""
        sizes = tuple(axis.size for axis in axes)
        depth = len(self.shape)

        def reshape(leaf: np.ndarray) -> np.ndarray:
            return leaf.reshape(*sizes, *leaf.shape[depth:])

        names = (
            "params", "status", "warning", "steps", "loss", "gradient_norm", "scores", "y_origin"
        )  # fmt: skip
        fields = {name: jax.tree.map(reshape, getattr(self, name)) for name in names}
        return replace(self, axes=tuple(axes), **fields)

    def statuses(self) -> dict[str, int]:
        """How many fits ended how, by lower-case name of the status."""
        found, counts = np.unique(self.status, return_counts=True)
        return {Status(int(s)).name.lower(): int(n) for s, n in zip(found, counts, strict=True)}

    def predict(self, x: Any) -> np.ndarray:
        """What every fit predicts of `x` (sample, *feature), in the units of `y`.

        Returns:
          (*axes, sample) or (*axes, sample, output): rates, probabilities, values.

        Raises:
          ValueError: the parameters were not kept (`keep="scores"`).
        """
        if self.params is None:
            raise ValueError('predict: the parameters were not kept; fit with keep="all"')
        z, depth = origin.apply(x, self.x_origin), len(self.shape)
        samples, z = len(z), grown(z, bucket(len(z)), 0)  # a program serves all of about this size
        params = to_raw(self.fit, self.params, self.x_origin, self.y_origin, back=True)
        flat = jax.tree.map(lambda a: a.reshape(len(self), *a.shape[depth:]), params)
        size, found = min(_BLOCK, bucket(len(self), 1)), []
        for first in range(0, len(self), size):
            places = np.minimum(np.arange(first, first + size), len(self) - 1)  # one program
            part = jax.tree.map(lambda a, p=places: np.asarray(a[p], z.dtype), flat)
            found.append(np.asarray(_predict_all(self.fit.predict, part, z))[:, :samples])
        values = np.concatenate(found)[: len(self)].reshape(*self.shape, *found[0].shape[1:])
        if self.y_origin is None:
            return values
        own = jax.tree.map(lambda a: np.expand_dims(a, depth), self.y_origin)
        while own.offset.ndim < values.ndim:  # a column more
            own = jax.tree.map(lambda a: a[..., None], own)
        return origin.undo(values, own)

    def select(
        self, over: Sequence[str], score: str | None = None, mean: Sequence[str] = ("fold",)
    ) -> Selection:
        """The best indices of the axes `over`, for each index of the axes that remain.

        Args:
          over: axes to choose among, e.g. `["l2"]`.
          score: which held-out score, in the direction that is better; None: the only one.
          mean: axes averaged first; those that the fits do not have are passed over.

        A fold where no candidate has a score (a neuron silent in it) is left out of the mean; a
        candidate without a score where others have one loses. Ties go to the larger label: the
        stronger penalty. Raises ValueError for axes or scores that do not exist.
        """
        names = [axis.name for axis in self.axes]
        over, mean = tuple(over), tuple(m for m in mean if m in names)
        for name in (*over, *mean):
            if name not in names or (name in over and name in mean):
                raise ValueError(f"select: no axis {name!r} to choose among; there are {names}")
        name = self._score_name(score)
        sign = 1 if dict(self.fit.better).get(name, True) else -1
        values = sign * self.score(name)
        rest = [n for n in names if n not in over and n not in mean]
        order = [names.index(n) for n in (*rest, *mean, *over)]
        sizes = [self.axes[names.index(n)].size for n in over]
        head = tuple(self.axes[names.index(n)].size for n in rest)
        values = np.transpose(values, order).reshape(*head, -1, int(np.prod(sizes)))

        defined = ~np.isnan(values)
        fold_counts = defined.any(axis=-1, keepdims=True)
        lost = fold_counts & ~defined
        filled = np.where(defined, values, 0).astype(np.float64)
        total = np.broadcast_to(fold_counts, values.shape).sum(axis=-2)
        means = filled.sum(axis=-2) / np.maximum(total, 1)
        means = np.where(lost.any(axis=-2) | (total == 0), -np.inf, means)

        # Candidates from the largest labels down: argmax takes the first of equals.
        labels = [_label_values(self.axes[names.index(n)]) for n in over]
        grid = list(itertools.product(*[range(s) for s in sizes]))
        strength = [tuple(labels[a][i] for a, i in enumerate(point)) for point in grid]
        down = sorted(range(len(grid)), key=lambda i: strength[i], reverse=True)
        best = np.asarray(down)[means[..., down].argmax(axis=-1)]
        index = np.asarray(grid)[best]
        found = np.take_along_axis(means, best[..., None], axis=-1)[..., 0]
        chosen = {n: np.asarray(labels[a])[index[..., a]] for a, n in enumerate(over)}
        limits = {
            n: (float(min(labels[a])), float(max(labels[a])))
            for a, n in enumerate(over)
            if len(labels[a]) > 2 and all(isinstance(v, int | float) for v in labels[a])
        }
        found = np.where(np.isinf(found), np.nan, sign * found)
        return Selection(over, index, chosen, found, limits)

    def score(self, name: str | None = None) -> np.ndarray:
        """One held-out score (*axes); outputs, where a fit has several, are averaged over those
        for which it is defined."""
        values = self.scores[self._score_name(name)]
        values = values.reshape(*self.shape, -1)
        defined = ~np.isnan(values)
        total = np.where(defined, values, 0).sum(axis=-1)
        count = defined.sum(axis=-1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _score_name(self, name: str | None) -> str:
        if name is None:
            if len(self.scores) != 1:
                raise ValueError(f"which score? There are {sorted(self.scores)}")
            return next(iter(self.scores))
        if name not in self.scores:
            raise ValueError(f"no score {name!r}; there are {sorted(self.scores)}")
        return name

    def table(self) -> dict[str, np.ndarray]:
        """One row a fit: a column for each axis (its labels), then status, warning, steps, ..."""
        columns: dict[str, np.ndarray] = {}
        for position, axis in enumerate(self.row_axes):
            columns[axis.name] = np.asarray(_label_values(axis))[self.rows[:, position]]
        fits = len(self)
        columns["status"] = np.array([Status(int(s)).name.lower() for s in self.status.ravel()])
        columns["warning"] = np.array(
            ["" if w == 0 else Warned(int(w)).name.lower() for w in self.warning.ravel()]
        )
        columns["steps"] = self.steps.ravel()
        columns["loss"] = self.loss.ravel()
        columns["gradient_norm"] = self.gradient_norm.ravel()
        for name, values in self.scores.items():
            parts = values.reshape(fits, -1)
            key = name if name not in columns else f"held_out_{name}"
            for i in range(parts.shape[1]):
                columns[key if parts.shape[1] == 1 else f"{key}_{i}"] = parts[:, i]
        return columns

    def to_pandas(self) -> Any:
        """`table()` as a pandas DataFrame."""
        return _optional("pandas").DataFrame(self.table())

    def to_xarray(self) -> Any:
        """Scores and diagnostics as an xarray Dataset with the axes as coordinates."""
        xarray = _optional("xarray")
        names = [axis.name for axis in self.axes]
        fields = {n: getattr(self, n) for n in ("status", "steps", "loss", "gradient_norm")}
        fields |= {(n if n not in fields else f"held_out_{n}"): v for n, v in self.scores.items()}
        data = {
            name: ([*names, *[f"{name}_{i}" for i in range(v.ndim - len(names))]], v)
            for name, v in fields.items()
        }
        coordinates = {axis.name: list(_label_values(axis)) for axis in self.axes}
        return xarray.Dataset(data, coords=coordinates)


@partial(jax.jit, static_argnums=0)
def _predict_all(predict: Any, params: Any, x: Any) -> Any:
    return jax.vmap(predict, in_axes=(0, None))(params, x)


def to_raw(
    fit: Fit, params: Any, x_origin: Origin | None, y_origin: Origin | None, back: bool = False
) -> Any:
    """Parameters (*axes, ...) for `x` and `y` relative to their origins -> for the raw ones, in
    float64; or back. Where the model has no layer to take it, they stay."""
    steps = [(fit.model.first_layer, origin.of_features, x_origin)]
    steps += [(fit.model.readout, origin.of_outputs, y_origin)]
    for layer, of, own in reversed(steps) if back else steps:
        if layer is not None and own is not None:
            params = at_layer(params, layer, lambda dense, of=of, own=own: of(dense, own, back))
    return params


def take(params: Any, index: tuple[int, ...]) -> Any:
    """The parameters of one fit, out of `Fits.params`."""
    return jax.tree.map(lambda leaf: leaf[index], params)


def _label_values(axis: Axis) -> tuple:
    return axis.labels if axis.labels is not None else tuple(range(axis.size))


def _optional(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{module} is not installed: pip install "jaxneuro[tables]"') from error
