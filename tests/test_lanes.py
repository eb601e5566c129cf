"""Many fits through few lanes are the same fits one by one."""

import functools
import itertools
import re

import jax
import numpy as np
import optax
import pytest
from helpers import (
    LANES,
    PAIRS,
    POISSON,
    TARGETS,
    assert_same_bits,
    counts,
    leaves,
    problem,
    targets_and_grid,
)

from jaxneuro import Axis, Status, Stop, axes, fit_many, losses, make_fit, models, penalties
from jaxneuro.engine import refill, stages
from jaxneuro.engine.lane import select_row, selects_of
from jaxneuro.engine.lanes import flatten_axes
from jaxneuro.engine.pace import Pace
from jaxneuro.engine.results import Results
from jaxneuro.inputs import make_inputs, stack_subjects

DESCENT = make_fit(
    models.linear(), losses.half_squared_error, lambda hyper: optax.sgd(hyper["learning_rate"]),
    penalties.ridge("strength"), Stop(max_steps=150, gradient=1e-3),
)  # fmt: skip


def one_by_one(fit, inputs, every, which=slice(None)):
    """Rows with nothing but `fit`'s own functions, one after the other; their results stacked."""
    every, inputs = flatten_axes(every), fit.prepare(inputs)
    init, step, result = jax.jit(fit.init), jax.jit(fit.step), jax.jit(fit.result)
    choose = jax.jit(functools.partial(select_row, selects=selects_of(every)))
    found = []
    for row in list(np.ndindex(*[axis.size for axis in every]))[which]:
        one = choose(inputs, row=np.asarray(row, np.int32))
        state = init(one)
        while fit.status(state) == Status.RUNNING:
            state = step(one, state)
        found.append(jax.device_get(result(one, state)))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def compare(fits, expected, rtol, steps, which=slice(None)):
    np.testing.assert_array_equal(fits.status.ravel()[which], expected.status)
    np.testing.assert_array_equal(fits.warning.ravel()[which], expected.warning)
    assert np.abs(fits.steps.ravel()[which] - expected.steps).max() <= steps
    found = leaves(fits, which)
    for name in ("params", "loss", "scores"):
        for path, leaf in jax.tree_util.tree_leaves_with_path({name: getattr(expected, name)}):
            key = jax.tree_util.keystr(path)
            np.testing.assert_allclose(found[key], leaf, rtol, atol=rtol, err_msg=key)


def test_refilled_lanes_equal_one_by_one():
    """Gradient descent whose fits need from 0 to all steps, in every order of ending."""
    _, y = counts()
    y[:, 2] = np.nan
    y[:, 5] = 0
    y[4, 6] = -np.inf
    inputs = problem(y)
    every = [axes.targets(TARGETS), axes.grid(strength=[0, 2.5], learning_rate=[0.02, 0.3, 4e3])]
    expected = one_by_one(DESCENT, inputs, every)
    with pytest.warns(UserWarning, match=r"y\[4, 6\] is -inf"):
        fits = fit_many(DESCENT, inputs, every, lanes=LANES)
    assert fits.lanes == LANES * len(jax.local_devices())
    assert len(np.unique(fits.steps)) >= 6
    wanted = {Status.BAD_DATA, Status.DIVERGED, Status.CONVERGED, Status.STEP_LIMIT}
    assert wanted <= set(fits.status.ravel())
    compare(fits, expected, 1e-4, steps=1)


@pytest.mark.parametrize(("name", "steps"), [("poisson, lbfgs", 2), ("mlp, minibatches", 0)])
def test_pairs_equal_one_by_one(name, steps):
    fits = fit_many(PAIRS[name], problem(), targets_and_grid(), lanes=LANES)
    some = slice(1, None, 5)
    expected = one_by_one(PAIRS[name], problem(), targets_and_grid(), some)
    compare(fits, expected, 2e-4, steps, some)


def test_every_fit_is_written_once_and_no_more_than_there_are_lanes(monkeypatch):
    written, add = [], Results.add

    def spy(self, fits, found):
        written.append(list(fits))
        return add(self, fits, found)

    monkeypatch.setattr(Results, "add", spy)
    fits = fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
    assert sorted(itertools.chain(*written)) == list(range(len(fits)))
    assert max(map(len, written)) <= fits.lanes
    assert len(written) >= len(fits) / fits.lanes


def test_rows_of_the_product_and_a_list_of_rows():
    every = targets_and_grid()
    fits = fit_many(POISSON, problem(), every, lanes=LANES)
    assert fits.shape == (TARGETS, 3)
    assert [axis.name for axis in fits.axes] == ["target", "strength"]
    np.testing.assert_array_equal(fits.rows, list(np.ndindex(TARGETS, 3)))

    listed = fit_many(POISSON, problem(), every, rows=[[4, 2], [0, 1], [4, 2]], lanes=LANES)
    assert listed.shape == (3,)
    assert [axis.name for axis in listed.axes] == ["row"]
    assert_same_bits(listed, fits, rows=[14, 1, 14])


def test_a_key_given_takes_the_place_of_the_inputs_own():
    fit, every = PAIRS["mlp, minibatches"], targets_and_grid()
    rows = [[0, 0], [1, 1], [2, 2]]
    own = fit_many(fit, problem(), every, rows=rows, lanes=LANES)
    same = fit_many(fit, problem(), every, rows=rows, lanes=LANES, key=7)
    other = fit_many(fit, problem(), every, rows=rows, lanes=LANES, key=jax.random.key(8))
    assert_same_bits(same, own)
    assert (other.loss != own.loss).all()


def test_only_scores_are_kept_if_so_wished():
    every = targets_and_grid()
    lean = fit_many(POISSON, problem(), every, lanes=LANES, keep="scores")
    fits = fit_many(POISSON, problem(), every, lanes=LANES)
    assert lean.params is None
    np.testing.assert_array_equal(lean.scores["correlation"], fits.scores["correlation"])


def test_no_axis_and_a_bare_axis_and_nested_ones():
    x, y = counts()
    inputs = make_inputs(x, y[:, 0], hyper={"strength": 0.1, "learning_rate": 0.1})
    alone = fit_many(DESCENT, inputs)
    assert alone.shape == () and len(alone) == 1
    assert alone.statuses() == {"converged": 1}
    assert alone.params["readout"]["bias"].shape == (1,)

    target, grid = axes.targets(TARGETS), axes.grid(strength=[1, 2], learning_rate=[3])
    for given, flat in ((target, [target]), ([target, [grid, []]], [target, *grid])):
        assert [axis[:2] for axis in flatten_axes(given)] == [axis[:2] for axis in flat]


def test_outer_axes_are_finished_group_by_group(monkeypatch):
    """Rows in any order: a subject's fits run together, its data are placed once."""
    x, y = counts()
    one = make_inputs(x, y, hyper={"learning_rate": 0.2})
    two = one._replace(x=one.x[::-1] * 1.5)
    every = [axes.subjects(2), axes.targets(TARGETS), axes.grid(strength=[0.01, 1.0])]
    stacked = stack_subjects([one, two])
    whole = fit_many(DESCENT, stacked, every, lanes=LANES)
    assert whole.shape == (2, TARGETS, 2)
    assert not np.array_equal(whole.loss[0], whole.loss[1])

    written, add = [], Results.add

    def spy(self, fits, found):
        written.extend(fits)
        return add(self, fits, found)

    monkeypatch.setattr(Results, "add", spy)
    order = np.random.default_rng(0).permutation(len(whole))
    shuffled = fit_many(DESCENT, stacked, every, rows=whole.rows[order], lanes=LANES)
    assert_same_bits(shuffled, whole, rows=order)
    subjects = whole.rows[order][written, 0]
    assert (np.diff(subjects) >= 0).all()


def test_results_are_fetched_only_where_there_are_some(monkeypatch):
    """Slow fits among others that ended long ago, and nothing waits: a fetch would be for none."""
    fetched, add = [], Results.add
    monkeypatch.setattr(Pace, "patience", lambda *_: 0)

    def counting(self, fits, found):
        fetched.append(len(fits))
        add(self, fits, found)

    monkeypatch.setattr(Results, "add", counting)
    rates = axes.grid(learning_rate=[0.3, 1e-4])
    inputs = problem()._replace(hyper={"strength": 0.1})
    found = fit_many(DESCENT, inputs, [axes.targets(TARGETS), rates], lanes=2 * TARGETS)
    assert found.steps.max() > 5 * found.steps.min()
    assert min(fetched) > 0 and sum(fetched) == found.status.size


def test_useful_counts_lane_steps():
    fits = fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
    assert 0.3 < fits.useful <= 1


def test_progress_goes_to_stderr(capfd):
    fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES, progress=True)
    told = capfd.readouterr()
    assert told.out == ""
    assert re.search(r"24/24 fits, \S+ a second\n$", told.err)
    fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES, progress=False)
    assert capfd.readouterr().err == ""


TWO = axes.targets([0, 1])


def double(inputs, index):
    return inputs._replace(y=inputs.y * (1 + index))


@pytest.mark.parametrize(
    ("made", "options", "told"),
    [
        ([axes.targets(2), axes.targets(2)], {}, r"\['target'\] appear more than once"),
        ([axes.targets(2), axes.subjects(2)], {}, r"outer axes come first.*'target', 'subject'"),
        ([Axis("empty", 0, double)], {}, "'empty': size is 0"),
        (["target"], {}, "'target' is no axis"),
        ([None], {}, "None is no axis"),
        ([axes.targets(TARGETS + 1)], {}, r"'target': 9 targets, and y is \(97, 8\)"),
        ([axes.subjects(2)], {}, r"'subject': 2 subjects, and weight is \(97,\)"),
        ([TWO], {"rows": [[2]]}, "fit 0 has index 2 on axis 'target', which has 2"),
        ([TWO], {"rows": [[0], [-1]]}, "fit 1 has index -1 on axis 'target'"),
        ([TWO], {"rows": [[0, 1]]}, r"shape \(1, 2\).*\['target'\]"),
        ([TWO], {"rows": [[0.0]]}, "dtype float64"),
        ([TWO], {"rows": np.zeros((0, 1), int)}, "rows is empty"),
        ([TWO], {"keep": "best"}, "keep is 'best'"),
        ([TWO], {"lanes": 0}, "lanes is 0"),
        ([TWO], {"lanes": "many"}, "lanes is 'many'"),
        ([TWO], {"lanes": 2.0}, "lanes is 2.0"),
        ([TWO], {"key": jax.random.key(0, impl="rbg")}, "only threefry2x32"),
    ],
)
def test_bad_arguments_are_named_before_anything_runs(made, options, told, monkeypatch):
    monkeypatch.setattr("jaxneuro.engine.programs._build", None)
    with pytest.raises(ValueError, match=told):
        fit_many(POISSON, problem(), made, **options)


def test_more_lanes_than_memory_is_an_error_beforehand(monkeypatch):
    fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
    monkeypatch.setattr("jaxneuro.engine.here.available_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match=r"4 lanes need .* GB.*fewer lanes"):
        fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)


@pytest.mark.parametrize("devices", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_what_ended_changes_places_with_what_waits(seed, devices):
    """The first free lane of a device with its first slot that waits, the second with the second,
    and so on."""
    rng, each = np.random.default_rng(seed), 6
    free, waits = rng.random((2, each * devices)) < 0.5
    numbers = np.arange(2 * each * devices).reshape(2, -1)
    expected = numbers.copy()
    for first in range(0, each * devices, each):
        part = slice(first, first + each)
        lanes, slots = (first + np.flatnonzero(a[part]) for a in (free, waits))
        for lane, slot in zip(lanes, slots, strict=False):
            expected[0, lane], expected[1, slot] = numbers[1, slot], numbers[0, lane]

    moves = refill._moves(*refill._pairs(free, waits, devices), each * devices, devices)
    for first in range(0, each * devices, each):
        part = slice(first, first + each)
        held = [stages.Held((10.0 * row[part],), np.stack([row[part]] * 2, 1)) for row in numbers]
        for found, row in zip(jax.jit(stages.exchange)(*held, moves[part]), expected, strict=True):
            np.testing.assert_array_equal(found.own[0], 10 * row[part])
            np.testing.assert_array_equal(found.state, np.stack([row[part]] * 2, 1))


def test_lanes_are_seldom_idle_where_fits_end_at_all_times():
    rates = np.geomspace(0.02, 0.3, 40).tolist()
    inputs = problem()._replace(hyper={"strength": 0.1})
    every = [axes.targets(TARGETS), axes.grid(learning_rate=rates)]
    fits = fit_many(DESCENT, inputs, every, lanes=8, devices=jax.devices()[:1])
    assert fits.steps.max() > 5 * fits.steps.min()
    assert fits.useful > 0.75
