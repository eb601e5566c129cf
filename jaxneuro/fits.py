"""What many fits leave behind: arrays with the axes' names in front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from jaxneuro import origin
from jaxneuro.choice import Selection, best, label_values, over_outputs
from jaxneuro.extras import needed
from jaxneuro.fit import Fit
from jaxneuro.prediction import Frozen, never_fitted, predict, to_raw
from jaxneuro.several import seen
from jaxneuro.types import Axis, Origin, Status, Warned


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
      lanes: fits that ran together, over all devices; with an executor, on each device of a worker.
      compile_seconds, run_seconds: compiling (0 where it was done before) and the rest.
      useful: share of lane-steps that moved a fit.
      fit: what was fitted; of a loaded result, what predicting takes of it.
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
    fit: Fit | Frozen
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
        """What every fit predicts of `x` (sample, *feature), or of several arrays by name as for
        fitting, in the units of `y`.

        Returns:
          (*axes, sample) or (*axes, sample, output): rates, probabilities, values; NaN of fits
          that never ran (status bad_data or lost).

        Raises:
          ValueError: the parameters were not kept (`keep="scores"`).
        """
        if self.params is None:
            raise ValueError('predict: the parameters were not kept; fit with keep="all"')
        z = seen(x) if isinstance(x, Mapping) else origin.apply(x, self.x_origin)
        params = to_raw(self.fit, self.params, self.x_origin, self.y_origin, back=True)
        return predict(
            self.fit, params, self.shape, z, self.y_origin, never_fitted(np.asarray(self.status))
        )

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
        name = self._score_name(score)
        return best(self.axes, self.score(name), dict(self.fit.better).get(name, True), over, mean)

    def score(self, name: str | None = None) -> np.ndarray:
        """One held-out score (*axes); outputs, where a fit has several, are averaged over those
        for which it is defined."""
        return over_outputs(self.scores[self._score_name(name)], len(self.shape))

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
            columns[axis.name] = np.asarray(label_values(axis))[self.rows[:, position]]
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
        return needed("pandas", "tables").DataFrame(self.table())

    def to_xarray(self) -> Any:
        """Scores and diagnostics as an xarray Dataset with the axes as coordinates."""
        xarray = needed("xarray", "tables")
        names = [axis.name for axis in self.axes]
        fields = {n: getattr(self, n) for n in ("status", "steps", "loss", "gradient_norm")}
        fields |= {(n if n not in fields else f"held_out_{n}"): v for n, v in self.scores.items()}
        data = {
            name: ([*names, *[f"{name}_{i}" for i in range(v.ndim - len(names))]], v)
            for name, v in fields.items()
        }
        coordinates = {axis.name: list(label_values(axis)) for axis in self.axes}
        return xarray.Dataset(data, coords=coordinates)
