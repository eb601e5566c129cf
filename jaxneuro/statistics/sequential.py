"""Permutation tests that stop where the verdict is settled: most targets need a few hundred."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxneuro.engine.lanes import fit_many
from jaxneuro.engine.progress import Progress
from jaxneuro.engine.rows import flatten_axes
from jaxneuro.fit import Fit
from jaxneuro.statistics.arrays import Floats, fraction
from jaxneuro.statistics.significance import average
from jaxneuro.statistics.stopping import Rule, make_rule
from jaxneuro.types import Axis, Inputs


class Sequential(NamedTuple):
    """What a sequential permutation test found.

    Attributes:
      observed: (*target) the score of the data as observed, in its own direction.
      p: (*target) valid under the stopping rule, about (exceedances + 1) / (permutations + 1); NaN
        where the score is undefined.
      exceedances, permutations: (*target) how many did at least as well, of how many drawn.
      settled: (*target) False where all permutations were drawn and the verdict is still close.
      fits: that were run, those of the data as observed included.
      saved: fits that drawing all permutations for all targets would have taken besides.
      compile_seconds, run_seconds: over all batches.
    """

    observed: Floats
    p: Floats
    exceedances: NDArray[np.int64]
    permutations: NDArray[np.int64]
    settled: NDArray[np.bool_]
    fits: int
    saved: int
    compile_seconds: float
    run_seconds: float


def sequential(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]],
    null: str = "permutation",
    *,
    score: str | None = None,
    mean: Sequence[str] = ("fold",),
    alpha: float | None = 0.05,
    error: float = 1e-3,
    exceedances: int = 10,
    batch: int = 64,
    out: Any = None,
    **options: Any,
) -> Sequential:
    """Permutations in batches that grow, each for the targets that are not settled, through one
    compiled program.

    A target is settled when its true p-value lies to one side of `alpha` but for a chance of
    `error` (Gandy 2009); p-values far below `alpha` are then no finer than about 1/190. With
    `alpha=None` it is settled when so many permutations as `exceedances` did as well (Besag &
    Clifford 1991): small p-values get all permutations, as corrections for many targets want.
    Either way the p-values are exact (see `jaxneuro.statistics.stopping`). A permutation without a
    score counts as one that did as well.

    Args:
      fit, inputs, axes: as for `fit_many`; one axis is a null, from `axes.permutations` or
        `axes.shifts`, which says how many there are at most.
      null: its name.
      score: which held-out score; None: the only one.
      mean: axes over which scores are averaged, over what is defined; all others are targets.
      alpha: the level that verdicts are at.
      error: chance that a verdict is not that of infinitely many permutations.
      exceedances: see above.
      batch: permutations of the first batch.
      out: a folder as for `fit_many`, of one for each batch: a run that was stopped goes on from
        there, to the same bits.
      options: handed to `fit_many` (key, lanes, devices, progress).

    Raises:
      ValueError: no such axis or score, or numbers out of range.
    """
    every = flatten_axes(axes)
    names = [axis.name for axis in every]
    if null not in names:
        raise ValueError(f"null is {null!r}: the axes are {names}")
    most = every[names.index(null)].size - 1
    if most < 1:
        raise ValueError(f"axis {null!r} has its observed index only: there is nothing to draw")
    for name, value in (("batch", batch), ("exceedances", exceedances)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}: it must be a whole number from 1")
    name, sign = _score(fit, score)
    level = None if alpha is None else fraction("alpha", alpha)
    rule = make_rule(most, int(batch), level, fraction("error", error), int(exceedances))
    run = _Run(fit, inputs, every, null, mean, name, out, options)
    observed, p, above, drawn, settled = (a.reshape(run.targets) for a in _test(run, rule, sign))
    return Sequential(
        observed=observed,
        p=p,
        exceedances=above,
        permutations=drawn,
        settled=settled,
        fits=run.fits,
        saved=(most + 1) * observed.size * run.repeats - run.fits,
        compile_seconds=run.compile_seconds,
        run_seconds=run.run_seconds,
    )


def _test(run: _Run, rule: Rule, sign: int) -> tuple[NDArray, ...]:
    """Observed scores, p, exceedances, permutations and whether settled, each (target,)."""
    count, before = int(np.prod(run.targets)), 0
    above, drawn = np.zeros((2, count), np.int64)
    p, observed, settled = np.full(count, np.nan), np.full(count, np.nan), np.ones(count, bool)
    waiting = np.arange(count)
    for look, (n, low, high) in enumerate(zip(rule.looks, rule.lower, rule.upper, strict=True)):
        scores = run.batch(look, waiting, range(before + 1 if look else 0, n + 1))
        if not look:
            observed, scores = scores[:, 0], scores[:, 1:]
            waiting, scores = waiting[~np.isnan(observed)], scores[~np.isnan(observed)]
        worse = sign * scores < sign * observed[waiting, None]  # not true of NaN
        above[waiting] += (~worse).sum(axis=1)
        drawn[waiting], before = n, int(n)
        settled[waiting] = (above[waiting] <= low) | (above[waiting] >= high)
        done = settled[waiting] | (n == rule.looks[-1])
        p[waiting[done]] = [rule.p[before, int(b)] for b in above[waiting[done]]]
        waiting = waiting[~done]
        run.tell(before, len(waiting), int(rule.looks[-1]))
        if not waiting.size:
            break
    return observed, p, above, drawn, settled


class _Run:
    """The batches of one test."""

    def __init__(self, fit, inputs, axes, null, mean, score, out, options):
        self.fit, self.inputs, self.axes, self.score, self.out = fit, inputs, axes, score, out
        self.options = dict(options)
        names = [axis.name for axis in axes]
        self.null = names.index(null)
        self.mean = [i for i, name in enumerate(names) if name in mean and name != null]
        self.target = [i for i in range(len(names)) if i != self.null and i not in self.mean]
        self.targets = tuple(axes[i].size for i in self.target)
        self.repeats = int(np.prod([axes[i].size for i in self.mean]))
        self.shown = Progress(1, 0, options.get("progress")).shown
        self.fits, self.compile_seconds, self.run_seconds = 0, 0.0, 0.0

    def batch(self, look: int, targets: NDArray, indices: range) -> Floats:
        """Scores (target, index) of these targets at these indices of the null axis."""
        means = [self.axes[i].size for i in self.mean]
        place = np.indices((len(targets), len(indices), self.repeats)).reshape(3, -1)
        rows = np.zeros((place.shape[1], len(self.axes)), np.int32)
        rows[:, self.null] = np.asarray(indices)[place[1]]
        for part, which, sizes in (
            (self.target, targets[place[0]], self.targets),
            (self.mean, place[2], means),
        ):
            if part:
                rows[:, part] = np.stack(np.unravel_index(which, sizes), axis=1)
        out = None if self.out is None else Path(self.out) / f"batch-{look:03d}"
        found = fit_many(
            self.fit, self.inputs, self.axes, rows=rows, keep="scores", out=out, **self.options
        )
        # One number of lanes for all batches: one program, and bits that a resumed run finds again.
        devices = len(self.options.get("devices") or jax.local_devices())
        if self.options.get("executor") is not None:  # lanes are told on each device
            devices = 1
        self.options["lanes"] = found.lanes // devices
        self.fits += len(found)
        self.compile_seconds += found.compile_seconds
        self.run_seconds += found.run_seconds
        scores = found.score(self.score).reshape(len(targets), len(indices), self.repeats)
        return average(scores, ["target", "null", "fold"], ["fold"], "target")

    def tell(self, n: int, left: int, most: int) -> None:
        if not self.shown:
            return
        fits = left * (most - n) * self.repeats
        seconds = fits * self.run_seconds / max(self.fits, 1)
        more = f", at most {fits} more fits in {seconds:.0f} s" if left else ": done"
        of = int(np.prod(self.targets))
        sys.stderr.write(f"{n} permutations: {left} of {of} targets are open{more}\n")
        sys.stderr.flush()


def _score(fit: Fit, score: str | None) -> tuple[str, int]:
    """The name of the score, and 1 where higher is better, -1 where lower is."""
    better = dict(fit.better)
    if score is None and len(better) == 1:
        score = next(iter(better))
    if score not in better:
        raise ValueError(f"score is {score!r}: the fit has {sorted(better)}")
    return score, 1 if better[score] else -1
