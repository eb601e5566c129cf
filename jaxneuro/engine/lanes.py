"""Many fits: rows of axis indices flow through a fixed number of lanes, refilled as fits end."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from jaxneuro import compat
from jaxneuro.collector import postponed
from jaxneuro.engine import checks, processes
from jaxneuro.engine.assembled import assemble, in_raw_units, tell_unscored
from jaxneuro.engine.contest import Contest, check_contest
from jaxneuro.engine.executors import Block, Crew, Greeting
from jaxneuro.engine.here import Here
from jaxneuro.engine.planner import Plan, plan_lanes
from jaxneuro.engine.results import Results
from jaxneuro.engine.rows import flatten_axes, in_order, rows_of, run_facts
from jaxneuro.engine.shipping import arrived
from jaxneuro.engine.store import Store
from jaxneuro.engine.task import Task, check_lanes, choose_lanes, lanes_again, make_task
from jaxneuro.fit import Fit
from jaxneuro.fit.limited import NO_LIMIT, limited
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_key
from jaxneuro.types import Axis, Device, Inputs


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
    executor: Any = None,
    gather: bool = True,
    progress: bool | None = None,
    contest: Contest | None = None,
) -> Fits:
    """Runs a fit for every combination of axis indices, in one compiled program.

    A fit's result has the same bits whatever its neighbours, their order, the number of devices,
    processes or workers of one kind, or an interruption; against another number of lanes it agrees
    to rounding. A fit that fails says so in its status and changes no other.

    Where a device runs out of memory, the run goes on once with half the lanes, and says so.

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
      executor: who runs blocks of rows, on all their devices, in place of this process: anything
        with `submit`, such as a ProcessPoolExecutor or Dask's `client.get_executor()`. Inputs go
        to the workers by files, in `out` or a temporary folder, which all must see. Blocks of
        workers that die are submitted again; fits that get lost nevertheless have the status LOST.
      gather: where JAX runs as several processes (`jax.distributed`), which then all make this
        call and run a share of the rows each: whether each returns all results, or its own share's
        as a list of rows. `out` is one folder that all see.
      progress: on stderr; None: if that is a terminal.
      contest: by which rows compete for steps (`jaxneuro.engine.Contest`): those that do worse are
        stopped, and their lanes go to others. None: each row runs to its end.

    Raises:
      ValueError: bad input, named with its field and fit, before the work starts.
      RuntimeError: no worker can work, or another process of JAX is gone.
      Interrupted: by Ctrl-C; says what is safe and how to go on.
    """
    with compat.own_settings():
        where = devices, executor, gather
        return _fit_many(fit, inputs, axes, rows, key, lanes, keep, out, where, progress, contest)


def _fit_many(fit, inputs, axes, rows, key, lanes, keep, out, where, progress, contest) -> Fits:
    devices, executor, gather = where
    if keep not in ("all", "scores"):
        raise ValueError(f'keep is {keep!r}: "all" or "scores"')
    if executor is not None and (devices is not None or processes.several()):
        raise ValueError("executor: goes without devices and without several processes of JAX: "
                         "its workers run on all of their own")  # fmt: skip
    with postponed():
        axes = flatten_axes(axes)
        if key is not None:
            inputs = inputs._replace(key=make_key(key))
        inputs, chosen = checks.as_they_are(fit, inputs), rows_of(axes, rows)
        checks.check_fit(fit, inputs, axes)
        if lanes == "auto":
            lanes = (out is not None and Store.lanes_of(out)) or lanes
        else:
            lanes = check_lanes(lanes)

        begun, given = time.perf_counter(), fit
        if contest is not None:
            check_contest(contest, fit, chosen[:, : sum(axis.outer for axis in axes)])
            fit, inputs = limited(fit, inputs, [*contest.rungs, NO_LIMIT][0])
        group = contest.size if contest is not None else 1
        task = make_task(fit, inputs, axes, chosen[0], contest)
        if executor is None:
            site: Any = Here(task, len(chosen), lanes, tuple(devices or jax.local_devices()))
        else:
            site = Crew(executor, task.result, _work, keep, out, group)
            site.begin(_greet, (fit, inputs, axes, chosen[0], contest), len(chosen), lanes)
    results = Results(site.result, len(chosen), site.devices, keep == "all", progress)
    own = processes.share(in_order(chosen, len(task.outer)), group)
    try:
        if out is not None:
            facts = run_facts(fit, inputs, axes, chosen, site.lanes, keep, site.kind, contest)
            results.resume(Store(out, facts, jax.process_index() if processes.several() else None))
        site.run(chosen, own[~results.done[own]] if results.ended else own, results)
    except KeyboardInterrupt:
        raise Interrupted(int(results.done.sum()), len(chosen), out) from None
    finally:
        site.close()
        results.flush()
    product = rows is None
    if processes.several() and gather:
        processes.gather(results, out)
    elif processes.several():
        results.only(np.sort(own))
        chosen, product = chosen[np.sort(own)], False
    found = assemble(given, results, axes, chosen, product, site, begun)
    found = in_raw_units(found, given, inputs)
    tell_unscored(found)
    return found


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the midst of many fits."""

    def __init__(self, done: int, fits: int, out: Any):
        if out is None:
            told = "none is kept: with out=FOLDER they are, and the same call goes on from there"
        else:
            told = f"they are safe in {out}: the same call goes on from there, to the same bits"
        super().__init__(f"stopped after {done} of {fits} fits; {told}")


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
    with compat.own_settings():
        axes, inputs = flatten_axes(axes), checks.as_they_are(fit, inputs)
        checks.check_axes(inputs, axes)
        chosen = rows_of(axes, rows)
        task = make_task(fit, inputs, axes, chosen[0])
        devices = tuple(devices or jax.local_devices())
        return plan_lanes(fit, task.first, task.axes, len(chosen), lanes, devices)


def again(
    fit: Fit,
    inputs: Inputs,
    axes: Sequence[Axis],
    fits: int,
    lanes: int,
    devices: Sequence[Device] | None = None,
) -> int:
    """Lanes on each device for so many fits of other rows, after some that ran in so many `lanes`:
    the same, and the same programs, where others would not save more than they take to compile."""
    with compat.own_settings():
        task = make_task(fit, checks.as_they_are(fit, inputs), [*axes], np.zeros(len(axes), int))
        return lanes_again(task, fits, lanes, tuple(devices or jax.local_devices()))


def _greet(folder: str, fits: int, lanes: int | str) -> Greeting:
    """On a worker: the lanes of its plan."""
    devices = jax.local_devices()
    with compat.own_settings():
        count = choose_lanes(arrived(folder, _unpacked), fits, lanes, devices)
    return Greeting(count, len(devices), devices[0].device_kind)


def _work(folder: str, rows: np.ndarray, lanes: int, keep: str) -> Block:
    """On a worker: the results of these rows."""
    with compat.own_settings():
        task = arrived(folder, _unpacked)
        here = Here(task, len(rows), lanes, tuple(jax.local_devices()))
        results = Results(here.result, len(rows), here.devices, keep == "all", False)
        here.run(rows, in_order(rows, len(task.outer)), results)
    return Block(results.leaves, results.lane_steps, here.lanes, here.kind, here.compile_seconds)


def _unpacked(given: tuple) -> Task:
    return make_task(*given)
