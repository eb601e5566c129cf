"""How many lanes: from the compiled program's own memory, without running anything."""

import re

import jax
import numpy as np
import optax
import pytest
from helpers import TARGETS, counts, problem, targets_and_grid

from jaxneuro import (
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    penalties,
    plan,
    stack_subjects,
)
from jaxneuro.engine import planner, programs
from jaxneuro.engine.lane import selects_of
from jaxneuro.engine.lanes import again, flatten_axes
from jaxneuro.engine.programs import Weight, weigh

DESCENT = make_fit(
    models.linear(), losses.poisson, optax.sgd(0.1), penalties.ridge("strength"), Stop(max_steps=9)
)
MANY = np.stack([np.arange(800) % TARGETS, np.arange(800) % 3], axis=1)
DEVICES = tuple(jax.local_devices()[:1])


def planned(rows=MANY, **options):
    return plan(DESCENT, problem(), targets_and_grid(), rows=rows, devices=DEVICES, **options)


def test_memory_is_linear_in_lanes_and_what_the_compiler_says():
    inputs, every = problem(), flatten_axes(targets_and_grid())
    lanes = 24
    told = planned(lanes=lanes)
    scratch = weigh(DESCENT, inputs, selects_of(every), len(every), lanes).bytes
    arrays = jax.tree.leaves((inputs._replace(key=0), selects_of(every)))
    total = scratch + sum(np.asarray(a).nbytes for a in arrays)
    assert told.bytes_predicted == pytest.approx(total, rel=0.2)
    assert told.bytes_predicted == told.bytes_shared + lanes * told.bytes_per_lane
    few = weigh(DESCENT, inputs, selects_of(every), len(every), 2).bytes
    assert scratch == pytest.approx(few + 22 * told.bytes_per_lane, rel=0.2)
    assert scratch > 5 * few


def test_planning_runs_nothing(monkeypatch):
    monkeypatch.setattr("jaxneuro.engine.here.run_group", None)
    monkeypatch.setattr("jaxneuro.engine.here.get_engine", None)
    told = planned()
    assert told.fits == 800 and told.devices == 1 and told.waves >= 1
    assert told.waves * told.lanes >= 800


def test_a_plan_is_made_the_same_twice_and_kept_by_a_run(monkeypatch):
    monkeypatch.setattr(planner, "available_bytes", lambda device: 10**9)
    told = planned(rows=None)
    assert planned(rows=None) == told

    def build(fit, inputs, selects, width, lanes, devices):
        raise InterruptedError(lanes)

    monkeypatch.setattr("jaxneuro.engine.here.get_engine", build)
    with pytest.raises(InterruptedError, match=f"^{told.lanes}$"):
        fit_many(DESCENT, problem(), targets_and_grid(), devices=DEVICES)


def test_a_plan_reads_well():
    text = str(planned(lanes=16))
    assert re.fullmatch(
        r"800 fits in 16 lanes on each of 1 × \w+: 50 waves, \d+\.\d\d MB a lane, \d+ MB in all, "
        r"4 compilations \(lanes bounded by you\)",
        text,
    )


def test_a_list_of_rows_counts_its_own():
    assert planned(rows=[[0, 0], [1, 1], [2, 2]]).fits == 3


@pytest.mark.parametrize("lanes", [0, -3, 2.5, "some", None])
def test_lanes_that_are_none(lanes):
    with pytest.raises(ValueError, match=r'lanes is .*: a number from 1, or "auto"'):
        planned(lanes=lanes)


def test_what_bounds_the_lanes(monkeypatch):
    each = planned().bytes_per_lane

    def bound(cache, free):
        monkeypatch.setattr(planner, "cache_bytes", lambda: cache)
        monkeypatch.setattr(planner, "available_bytes", lambda device: free)
        told = planned()
        return told.lanes, told.reason

    shared = planned().bytes_shared
    assert bound(cache=10**12, free=shared + 10 * each) == (4, "memory")
    assert bound(cache=10**12, free=10**12) == (1024, "the number of fits")
    monkeypatch.setattr(planner, "_MOST_LANES", 64)
    assert bound(cache=10**12, free=10**12) == (64, "the most allowed")
    with pytest.raises(MemoryError, match=r"one fit needs .* GB and .* GB are free"):
        bound(cache=10**12, free=each)


def choice(monkeypatch, rows, *, each, flops, steps=None, cache=2**25):
    """Lanes on a CPU for fits that end by themselves, or take so many steps."""
    monkeypatch.setattr(planner, "cache_bytes", lambda: cache)
    stop = Stop() if steps is None else Stop(max_steps=steps, gradient=0, plateau=0)
    return planner._quickest(DESCENT._replace(stop=stop), rows, 1024, each, flops)


def test_work_and_cache_choose_the_lanes(monkeypatch):
    """What a fit costs beside a step's fixed cost, and what of it stays in the cache."""
    network = choice(monkeypatch, 512, each=1_700_000, flops=9e6, steps=200)
    assert network == 8  # 14 MB of 32: the fixed cost is small beside a network's step
    assert choice(monkeypatch, 512, each=60_000, flops=1.5e5) >= 256  # it is all there is
    assert choice(monkeypatch, 512, each=120_000_000, flops=1.6e9, steps=10) <= 2
    small = [choice(monkeypatch, 512, each=1_700_000, flops=9e6, steps=200, cache=c)
             for c in (2**22, 2**25, 2**30)]  # fmt: skip
    assert small == sorted(small) and small[0] < small[-1]  # a larger cache takes more


def test_the_same_number_of_lanes_fills_the_last_wave():
    assert planner._even(100, 64) == 56


def test_about_as_many_fits_get_the_same_lanes(monkeypatch):
    rows = (1300, 1500, 1700)
    assert len({choice(monkeypatch, r, each=60_000, flops=1.5e5) for r in rows}) == 1


def test_other_rows_take_the_same_lanes_unless_that_costs_more_than_compiling():
    """Of 8 fits after many in 64 lanes, all devices of a CPU."""

    def lanes(steps):
        stop = Stop(max_steps=steps, gradient=0, plateau=0)
        every = flatten_axes(targets_and_grid())
        return again(DESCENT._replace(stop=stop), problem(), every, 8, 64, DEVICES)

    assert lanes(10) == 64  # they take milliseconds
    assert lanes(10**7) == 8  # idle lanes would cost minutes
    ends = DESCENT._replace(stop=Stop())
    assert again(ends, problem(), flatten_axes(targets_and_grid()), 8, 64, DEVICES) == 64


@pytest.mark.parametrize(
    ("asked", "lanes"), [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 16), (50, 56), (64, 64)]
)
def test_lanes_are_whole_vectors(asked, lanes):
    assert planner.whole_vectors(asked) == lanes
    assert planned(lanes=asked).lanes == lanes


def test_outer_axes_are_planned_for_one_group(monkeypatch):
    """Subjects run one after the other: the lanes of one, and no memory for the others' x."""
    planning = []

    def memory(fit, inputs, selects, width, lanes):
        planning.append(inputs.x.shape)
        return Weight(5000 + 1000 * lanes, 100.0 * lanes)

    monkeypatch.setattr(planner, "weigh", memory)
    monkeypatch.setattr(planner, "weigh_start", lambda *given: 1000 * given[-1])
    x, y = counts()
    one = make_inputs(x, y, hyper={"learning_rate": 0.1})
    every = [axes.subjects(3), *targets_and_grid()]
    told = plan(DESCENT, stack_subjects([one] * 3), every, devices=DEVICES)
    assert set(planning) == {(104, 5)}  # 97 samples, padded
    assert told.fits == 72 and told.lanes == 32 and told.waves == 3
    assert told.bytes_per_lane == 1000
    assert 5000 + x.nbytes + y.nbytes < told.bytes_shared < 5000 + 2 * (x.nbytes + y.nbytes)


@pytest.mark.parametrize(
    ("rows", "most", "lanes"),
    [(1, 64, 1), (7, 64, 8), (9, 64, 16), (64, 64, 64), (65, 64, 40), (200, 64, 56), (3, 2, 2)],
)
def test_waves_are_filled_evenly(rows, most, lanes):
    """As few waves as the most lanes would need, and few idle lanes in the last."""
    assert planner._even(rows, most) == lanes
    assert -(-rows // lanes) == -(-rows // most)


def test_few_fits_are_not_worth_a_plan(monkeypatch):
    monkeypatch.setattr(programs, "weigh", None)
    monkeypatch.setattr(planner, "weigh", None)
    fits = fit_many(DESCENT, problem(), targets_and_grid(), rows=[[0, 0], [1, 1], [2, 2]],
                    devices=DEVICES)  # fmt: skip
    assert fits.lanes == 4


def test_this_machine_has_memory_and_a_cache():
    assert 2**20 < planner.available_bytes(jax.local_devices()[0]) < 2**50
    assert 2**16 < planner.cache_bytes() < 2**32
