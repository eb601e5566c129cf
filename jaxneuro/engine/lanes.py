"""Many fits: rows of axis indices flow through a fixed number of lanes, refilled as fits end."""

import math
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxneuro import compat
from jaxneuro.axes import unchanged
from jaxneuro.engine import buckets, checks
from jaxneuro.engine.lane import selects_of
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.planner import Plan, available_bytes, plan_lanes, whole_vectors
from jaxneuro.engine.programs import Engine, get_engine
from jaxneuro.engine.results import Results
from jaxneuro.engine.rows import flatten_axes, groups_of, outer_inputs, rows_of, run_facts
from jaxneuro.engine.stages import Lanes
from jaxneuro.engine.store import Store
from jaxneuro.fit import Fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_key
from jaxneuro.prediction import to_raw
from jaxneuro.types import Axis, Device, Inputs, Warned

_FEW = 4  # fits on a device that are not worth a plan


def fit_many(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]] = (),
    *,
    rows=None,
    key: int | jax.Array | None = None,
    lanes: int | str = "auto",
    keep: str = "all",
    out: Any = None,
    devices: Sequence[Device] | None = None,
    progress: bool | None = None,
) -> Fits:
    """Runs a fit for every combination of axis indices, in one compiled program.

    A fit's result has the same bits whatever its neighbours, their order, the number of devices,
    or an interruption; against another number of lanes it agrees to rounding. A fit that fails
    says so in its status and changes no other.

    Args:
      fit: from `make_fit`.
      inputs: from `make_inputs`, or `stack_subjects` with `axes.subjects`.
      axes: applied in this order, outer ones first; nested sequences (`axes.grid`) are flattened.
      rows: (fit, axis) indices of the fits to run; None for all combinations.
      key: a seed or key in place of `inputs.key`.
      lanes: fits side by side on each device: a number, of which 1, 2, 4 or the next multiple of
        8 is taken, or "auto" (see `plan`).
      keep: "all", or "scores" to leave the parameters out.
      out: a folder: results go there in chunks as they come, and a run that was stopped resumes
        with the same bits.
      devices: to run on; None for all of this process.
      progress: on stderr; None: if that is a terminal.

    Raises:
      ValueError: bad input, named with its field and fit, before the work starts.
      Interrupted: by Ctrl-C; says what is safe and how to go on.
    """
    with compat.own_settings():
        return _fit_many(fit, inputs, axes, rows, key, lanes, keep, out, devices, progress)


def _fit_many(fit, inputs, axes, rows, key, lanes, keep, out, devices, progress) -> Fits:
    if keep not in ("all", "scores"):
        raise ValueError(f'keep is {keep!r}: "all" or "scores"')
    axes = flatten_axes(axes)
    if key is not None:
        inputs = inputs._replace(key=make_key(key))
    inputs, chosen = checks.as_they_are(fit, inputs), rows_of(axes, rows)
    devices = tuple(devices or jax.local_devices())
    checks.check_fit(fit, inputs, axes)
    if out is not None and lanes == "auto":
        lanes = Store.lanes_of(out) or lanes

    begun = time.perf_counter()
    padded, grown = buckets.fill(inputs, axes)
    outer = [axis for axis in grown if axis.outer]
    first = jax.eval_shape(fit.prepare, outer_inputs(padded, outer, chosen[0][: len(outer)]))
    compile_seconds = 0.0
    selects = selects_of([axis for axis in grown if not axis.outer])
    if lanes == "auto" and len(chosen) <= _FEW * len(devices):
        lanes = -(-len(chosen) // len(devices))  # planning would take longer than it saves
    if lanes == "auto":
        lanes = plan_lanes(fit, first, grown, len(chosen), lanes, devices, exact=False).lanes
        compile_seconds = time.perf_counter() - begun
    if not isinstance(lanes, int | np.integer) or lanes < 1:
        raise ValueError(f'lanes is {lanes!r}: a number from 1, or "auto"')
    lanes = whole_vectors(int(lanes))
    engine, built = get_engine(fit, first, selects, len(axes), lanes, devices)
    compile_seconds += engine.compile_seconds if built else 0.0
    available = available_bytes(devices[0])
    if engine.temporary_bytes > available:
        raise MemoryError(
            f"{lanes} lanes need {engine.temporary_bytes / 1e9:.2f} GB on each device and "
            f"{available / 1e9:.2f} GB are free: fewer lanes, make_fit(batch=...) or fewer samples"
        )

    results = Results(engine.result, len(chosen), len(devices), keep == "all", progress)
    try:
        if out is not None:
            results.resume(Store(out, run_facts(fit, inputs, axes, chosen, lanes, keep)))
        _run(fit, engine, padded, selects, outer, chosen, results)
    except KeyboardInterrupt:
        raise Interrupted(int(results.done.sum()), len(chosen), out) from None
    finally:
        results.flush()
    found = _assemble(fit, results, axes, chosen, rows is None, engine, begun, compile_seconds)
    found = _in_raw_units(found, fit, inputs)
    _tell_unscored(found)
    return found


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the midst of many fits."""

    def __init__(self, done: int, fits: int, out: Any):
        if out is None:
            told = "none is kept: with out=FOLDER they are, and the same call goes on from there"
        else:
            told = f"they are safe in {out}: the same call goes on from there, to the same bits"
        super().__init__(f"stopped after {done} of {fits} fits; {told}")


def _in_raw_units(found: Fits, fit: Fit, inputs: Inputs) -> Fits:
    """Parameters for the raw `x` and `y`, where these were shifted or scaled for float32."""
    if inputs.x_origin is None and found.y_origin is None:
        return found
    x_origin = jax.tree.map(np.asarray, inputs.x_origin)
    params = found.params and to_raw(fit, found.params, x_origin, found.y_origin)
    return replace(found, params=params, x_origin=x_origin)


def _tell_unscored(found: Fits) -> None:
    """Scores that are NaN because nothing was there to score, where other fits have theirs."""
    unscored = found.warning == Warned.NOT_SCORED
    if unscored.any() and (found.warning == Warned.NOTHING).any():
        row = found.rows[np.flatnonzero(unscored.ravel())[0]]
        first = ", ".join(f"{a.name} {i}" for a, i in zip(found.row_axes, row, strict=True))
        warnings.warn(
            f"{int(unscored.sum())} of {len(found)} fits have no held-out value, the first is "
            f"{first}: their scores are NaN (folds that reach into padding or missing values)",
            stacklevel=5,
        )


def plan(
    fit: Fit,
    inputs: Inputs,
    axes: Iterable[Axis | Iterable[Axis]] = (),
    *,
    rows=None,
    lanes: int | str = "auto",
    devices: Sequence[Device] | None = None,
) -> Plan:
    """What `fit_many` would do: fits, lanes, memory, compilations. Nothing is fitted."""
    axes, inputs = flatten_axes(axes), checks.as_they_are(fit, inputs)
    checks.check_axes(inputs, axes)
    chosen = rows_of(axes, rows)
    inputs, axes = buckets.fill(inputs, axes)
    outer = [axis for axis in axes if axis.outer]
    first = jax.eval_shape(fit.prepare, outer_inputs(inputs, outer, chosen[0][: len(outer)]))
    return plan_lanes(fit, first, axes, len(chosen), lanes, tuple(devices or jax.local_devices()))


def _run(fit, engine, inputs, selects, outer, rows, results) -> None:
    """Runs the rows that are not done, one group of outer indices after the other."""
    count = len(outer)
    order = np.lexsort(rows[:, :count].T[::-1]) if outer else np.arange(len(rows))
    order = order[~results.done[order]]
    selects, lanes, pace = engine.place(selects), engine.blank(), Pace(fit, engine.lanes)
    for indices, members in groups_of(rows[order][:, :count], order):
        own = engine.place(fit.prepare(outer_inputs(inputs, outer, indices)))
        lanes = _run_group(engine, own, selects, rows, members, results, pace, lanes)


def _run_group(
    engine: Engine,
    inputs: Inputs,
    selects: Any,
    rows: np.ndarray,
    members: np.ndarray,
    results: Results,
    pace: Pace,
    lanes: Lanes,
) -> Lanes:
    """Runs the rows `members`, which share their outer indices, in `lanes` that are free."""
    held = np.full(engine.lanes, -1)  # which row each lane works on
    order = _lane_order(engine.lanes, results.devices)
    waiting = list(members[::-1])
    indices = np.broadcast_to(rows[members[0]], (engine.lanes, rows.shape[1])).astype(np.int32)
    while waiting or (held >= 0).any():
        begun = time.perf_counter()
        fresh = np.zeros(engine.lanes, bool)
        for lane in order[held[order] < 0][: len(waiting)]:
            held[lane], fresh[lane] = waiting.pop(), True
            indices[lane] = rows[held[lane]]
        if fresh.any():
            lanes = engine.start(inputs, selects, indices, fresh, held >= 0, lanes)
            jax.block_until_ready(lanes.active)
        starting = time.perf_counter() - begun
        pending = 0  # lanes whose fit has ended
        while True:
            begun, before = time.perf_counter(), pending
            lanes, running, taken = engine.advance(inputs, lanes, np.int32(pace.steps))
            running, taken = jax.device_get((running, taken))
            ended = (held >= 0) & ~running
            pending = int(ended.sum())
            seconds = time.perf_counter() - begun
            pace.stepped(int(taken.max()), seconds, (before + pending) / 2)
            results.lane_steps += int(taken.sum()) * (engine.lanes // results.devices)
            results.show(pending)
            if (pending and pace.refill_pays) or not running.any():
                break
        begun = time.perf_counter()
        found = jax.device_get(results.kept(engine.finish(inputs, lanes)))
        results.add(held[ended], jax.tree.map(lambda a, e=ended: np.asarray(a)[e], found))
        took = starting + time.perf_counter() - begun
        pace.refilled(np.asarray(found.steps)[ended], took)
        held[ended] = -1
    return lanes


def _assemble(fit, results, axes, rows, product, engine, begun, compile_seconds) -> Fits:
    shape = tuple(axis.size for axis in axes) if product else (len(rows),)
    leaves = [leaf.reshape((*shape, *leaf.shape[1:])) for leaf in results.leaves]
    found = jax.tree.unflatten(results.structure, leaves)
    moved = float((found.steps.ravel()[~results.resumed] + 1).sum())
    return Fits(
        axes=tuple(axes) if product else (Axis("row", len(rows), unchanged),),
        params=found.params,
        status=found.status,
        warning=found.warning,
        steps=found.steps,
        loss=found.loss,
        gradient_norm=found.gradient_norm,
        scores=found.scores,
        rows=rows,
        row_axes=tuple(axes),
        lanes=engine.lanes,
        compile_seconds=compile_seconds,
        run_seconds=time.perf_counter() - begun - compile_seconds,
        useful=min(1.0, moved / results.lane_steps) if results.lane_steps else math.nan,
        fit=fit,
        y_origin=found.y_origin,
    )


def _lane_order(lanes: int, devices: int) -> np.ndarray:
    """Lanes in the order they are filled: one on each device in turn."""
    return np.arange(lanes).reshape(devices, -1).T.ravel()
