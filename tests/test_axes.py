"""What every axis keeps, and what each promises besides."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import assert_same_bits
from jax.tree_util import Partial
from scipy import stats

from jaxneuro import (
    Axis,
    Inputs,
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    penalties,
    splits,
    stack_subjects,
)
from jaxneuro.axes import resampling
from jaxneuro.engine import lane, programs

SAMPLES, FEATURES, TARGETS = 40, 3, 4
TIME = np.arange(SAMPLES)
UNUSED = np.isin(TIME, [0, 7, 8, 25, 39])
GROUPS = np.repeat(["run a", "run b", "run c", "run d"], [10, 7, 12, 11])


def make(samples=SAMPLES, seed=0, unused=UNUSED):
    rng = np.random.default_rng(seed)
    y = rng.permuted(np.arange(samples * TARGETS)).reshape(samples, TARGETS).astype(np.float32)
    y[3, 1] = y[11, 1] = np.nan
    return make_inputs(
        rng.normal(size=(samples, FEATURES)),
        y,
        weight=~unused[:samples] & (np.arange(samples) % 6 != 5),
        held_out=~unused[:samples] & (np.arange(samples) % 6 == 5),
        hyper={"l2": 0.5},
        key=3,
    )


def third(size):
    """A user's own axis in three lines: without one sample in three."""
    return Axis("third", size, without)


def without(inputs, index):
    return inputs._replace(weight=inputs.weight * (jnp.arange(SAMPLES) % 3 != index))


FOLDS = splits.blocks(SAMPLES, 3)
KEPT = np.eye(FEATURES)[:2]
# Each axis, its name, size and labels, and the fields of the inputs that it may change.
AXES = {
    "targets": (axes.targets(TARGETS), "target", 4, None, {"y"}),
    "folds": (axes.folds(FOLDS), "fold", 3, tuple(FOLDS.names), {"weight", "held_out"}),
    "grid": (axes.grid(l2=[0, 2.5])[0], "l2", 2, (0.0, 2.5), {"hyper"}),
    "seeds": (axes.seeds(3), "seed", 3, (0, 1, 2), set()),
    "subjects": (axes.subjects(2, ["S1", "S2"]), "subject", 2, ("S1", "S2"),
                 {"x", "y", "weight", "held_out", "validation"}),
    "permutations": (axes.permutations(3), "permutation", 4, (0, 1, 2, 3), {"y"}),
    "permutations, groups": (axes.permutations(3, groups=GROUPS), "permutation", 4, (0, 1, 2, 3),
                             {"y"}),
    "shifts": (axes.shifts(3, 5), "shift", 4, (0, 1, 2, 3), {"y"}),
    "bootstraps": (axes.bootstraps(3), "bootstrap", 3, (0, 1, 2), {"weight"}),
    "bootstraps, groups": (axes.bootstraps(3, groups=GROUPS), "bootstrap", 3, (0, 1, 2),
                           {"weight"}),
    "ablations": (axes.ablations(KEPT, ["first", "second"]), "features", 2, ("first", "second"),
                  {"features"}),
    "a user's own": (third(3), "third", 3, None, {"weight"}),
}  # fmt: skip
every = pytest.mark.parametrize("name", AXES)


def inputs_for(axis: Axis) -> Inputs:
    if not axis.outer:
        return make()
    inputs = stack_subjects([make(), make(seed=1)])
    return jax.tree.map(jnp.asarray, inputs)


@jax.jit
def _mapped(select, inputs: Inputs, indices) -> Inputs:
    return jax.vmap(lambda index: select(inputs, index))(indices)


def _over(select, inputs: Inputs, indices) -> Inputs:
    """`jit` of `vmap`; an axis' arrays are arguments, so axes alike share one program."""
    return _mapped(select if isinstance(select, Partial) else Partial(select), inputs, indices)


def plain(inputs: Inputs) -> dict:
    """The fields as numpy arrays, keys as integers."""
    fields = inputs._replace(key=jax.random.key_data(inputs.key))._asdict()
    return jax.tree.map(np.asarray, fields)


def assert_equal(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@every
def test_name_size_and_labels(name):
    axis, its_name, size, labels, _ = AXES[name]
    assert (axis.name, axis.size, axis.labels) == (its_name, size, labels)
    assert axis.outer == (name == "subjects")


@every
def test_a_loop_equals_jit_of_vmap(name):
    axis = AXES[name][0]
    inputs = inputs_for(axis)
    loop = [plain(axis.select(inputs, index)) for index in range(axis.size)]
    mapped = plain(_over(axis.select, inputs, jnp.arange(axis.size)))
    for index, one in enumerate(loop):
        assert_equal(jax.tree.map(lambda a, i=index: a[i], mapped), one)
    assert_equal([plain(axis.select(inputs, index)) for index in range(axis.size)], loop)


@every
def test_changes_what_it_should_and_nothing_else(name):
    axis, *_, changes = AXES[name]
    inputs = inputs_for(axis)
    before = plain(inputs)
    changed = set()
    for index in range(axis.size):
        for field, value in plain(axis.select(inputs, index)).items():
            same = jax.tree.structure(value) == jax.tree.structure(before[field]) and all(
                np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
                for a, b in zip(jax.tree.leaves(value), jax.tree.leaves(before[field]), strict=True)
            )
            changed |= set() if same else {field}
    assert changed <= changes
    assert changed or not changes


@every
def test_what_it_does_not_touch_stays_the_same_array(name):
    """The engine shares an array among lanes because `select` hands it on as it is."""
    axis, *_, changes = AXES[name]
    inputs = inputs_for(axis)
    made = axis.select(inputs, 1)
    for field in {"x", "weight", "held_out", "validation", "key", "y"} - changes:
        assert getattr(made, field) is getattr(inputs, field), field


# Each axis of its own.


def chosen(axis: Axis, inputs: Inputs) -> Inputs:
    """The fields for every index, (index, ...)."""
    return _over(axis.select, inputs, jnp.arange(axis.size))


def test_targets_take_columns():
    inputs = make()
    for i in range(TARGETS):
        np.testing.assert_array_equal(axes.targets(4).select(inputs, i).y, inputs.y[:, i])


def test_some_targets_are_picked_by_a_list():
    inputs = make()
    axis = axes.targets([2, 0], name="neuron")
    assert (axis.name, axis.size, axis.labels) == ("neuron", 2, (2, 0))
    for i, column in enumerate((2, 0)):
        np.testing.assert_array_equal(axis.select(inputs, i).y, inputs.y[:, column])
    assert axes.targets(np.array([3]), ["V1"]).labels == ("V1",)


def test_folds_of_scikit_learn_and_of_pairs_of_indices():
    model_selection = pytest.importorskip("sklearn.model_selection")
    labels, groups = np.arange(SAMPLES) % 3, np.repeat(np.arange(8), 5)
    for splitter, given in (
        (model_selection.KFold(3), {}),
        (model_selection.StratifiedKFold(2), {"y": labels}),
        (model_selection.LeaveOneGroupOut(), {"groups": groups}),
        (model_selection.ShuffleSplit(4, random_state=0), {}),
    ):
        pairs = list(splitter.split(np.zeros(SAMPLES), given.get("y"), given.get("groups")))
        found = axes.folds(splitter, samples=SAMPLES, **given)
        same = axes.folds(pairs, samples=SAMPLES)
        assert found.size == same.size == len(pairs)
        for axis in (found, same):
            made = chosen(axis, make_inputs(np.ones((SAMPLES, 1)), np.ones(SAMPLES)))
            for i, (train, test) in enumerate(pairs):
                np.testing.assert_array_equal(np.flatnonzero(made.weight[i]), np.sort(train))
                np.testing.assert_array_equal(np.flatnonzero(made.held_out[i]), np.sort(test))
    with pytest.raises(ValueError, match="fold: folds of indices need samples="):
        axes.folds(model_selection.KFold(3))
    with pytest.raises(TypeError, match=r"fold: 3 is no folds: pass what jaxneuro"):
        axes.folds(3, samples=SAMPLES)


def test_folds_keep_what_is_out_for_good_out():
    inputs = make()
    there = np.asarray(inputs.weight) > 0
    made = chosen(axes.folds(FOLDS), inputs)
    np.testing.assert_array_equal(made.weight, FOLDS.train * there)
    np.testing.assert_array_equal(made.held_out, FOLDS.test * there)
    assert not np.asarray(made.weight)[:, ~there].any()


def test_folds_multiply_weights():
    inputs = make()._replace(weight=2.0 * make().weight)
    made = chosen(axes.folds(FOLDS), inputs)
    assert set(np.unique(made.weight)) == {0, 2}
    assert set(np.unique(made.held_out)) == {0, 1}


def test_grid_adds_or_replaces_one_hyper_parameter():
    (axis,) = axes.grid(learning_rate=[0.1, 0.2])
    made = axis.select(make(), 1)
    assert {k: float(v) for k, v in made.hyper.items()} == pytest.approx(
        {"l2": 0.5, "learning_rate": 0.2}
    )
    assert [axis.name for axis in axes.grid(b=[1], a=[2, 3])] == ["b", "a"]


def test_every_row_has_its_own_key_and_the_same_each_time():
    every = [axes.targets(TARGETS), axes.seeds(3)]
    selects, inputs = lane.selects_of(every), make()
    rows = np.array(list(np.ndindex(TARGETS, 3)), np.int32)
    keys = [lane.select_row(inputs, selects, jnp.asarray(row)).key for row in rows]
    data = np.array([jax.random.key_data(key) for key in keys])
    assert len(np.unique(data, axis=0)) == len(rows)
    mapped = jax.vmap(lambda row: lane.select_row(inputs, selects, row).key)(jnp.asarray(rows))
    np.testing.assert_array_equal(jax.random.key_data(mapped), data)


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["all", "groups"])
def test_permutations(groups):
    axis, inputs = axes.permutations(20, seed=1, groups=groups), make()
    y, made = np.asarray(inputs.y), np.asarray(chosen(axis, inputs).y)
    labels = np.zeros(SAMPLES) if groups is None else groups
    np.testing.assert_array_equal(made[0], y)
    assert (made[1:] != y)[:, ~UNUSED].mean() > 0.5
    assert len(np.unique(made[:, ~UNUSED, 0], axis=0)) == 21
    for one in made:
        np.testing.assert_array_equal(one[UNUSED], y[UNUSED])
        for group in np.unique(labels):
            there = (labels == group) & ~UNUSED
            moved, was = one[there], y[there]
            # Whole rows move, so all targets see the same order.
            order = moved[:, 0].argsort(), was[:, 0].argsort()
            np.testing.assert_array_equal(moved[order[0]], was[order[1]])


def test_permutations_may_bring_any_sample_anywhere():
    inputs = make(unused=np.zeros(SAMPLES, bool))
    made = np.asarray(chosen(axes.permutations(400), inputs).y)[1:, :, 0]
    here = (made == np.asarray(inputs.y)[5, 0]).sum(axis=0)
    assert (here > 0).all() and here.max() < 30  # 10 expected at each of 40 places


def test_every_order_is_as_likely():
    weight = np.array([1, 1, 0, 1, 1])
    inputs = make_inputs(np.zeros((5, 1)), np.arange(5.0), weight=weight, held_out=np.zeros(5))
    made = np.asarray(chosen(axes.permutations(4800, seed=2), inputs).y)[1:]
    orders, counts = np.unique(made, axis=0, return_counts=True)
    assert (orders[:, 2] == 2).all() and len(orders) == 24  # of four; the fifth is never used
    assert stats.chisquare(counts).pvalue > 0.001


def test_equal_draws_are_told_apart_by_a_coin():
    bits, width = np.array([1, 1, 4, 7, 7, 7], np.uint32), 3  # drawn beside the place
    drawn = jnp.asarray(bits << width | np.arange(6, dtype=np.uint32))
    coins = jax.random.bits(jax.random.key(0), (4000,))
    made = np.asarray(jax.vmap(lambda coin: resampling._untied(drawn, width, coin))(coins))
    np.testing.assert_array_equal(made >> width, np.broadcast_to(bits, made.shape))
    place = made & (2**width - 1)
    np.testing.assert_array_equal(np.sort(place, axis=1), np.tile(np.arange(6), (4000, 1)))
    assert (place[:, 2] == 2).all()
    for first, second in ((0, 1), (3, 4)):
        assert abs((place[:, first] == second).mean() - 0.5) < 0.04


@pytest.mark.parametrize("size", [1, 2, 256, 300, 70_000])
@pytest.mark.parametrize("parts", [1, 2])
def test_permutations_of_any_number_of_samples(size, parts):
    """Few bits are left beside the number of a sample where there are many samples."""
    place = np.arange(size, dtype=np.float32)
    groups = None if parts == 1 else place.astype(int) % parts
    inputs = make_inputs(place[:, None], place)
    axis = axes.permutations(1, seed=3, groups=groups)
    made = np.asarray(axis.select(inputs, 1).y)
    np.testing.assert_array_equal(np.sort(made), place)
    if groups is not None:
        np.testing.assert_array_equal(made % parts, groups)
    if size > 2:
        assert (made == place).sum() < 10 * parts
        assert abs(np.corrcoef(made, place)[0, 1]) < 4 * size**-0.5


@pytest.mark.parametrize("axis", [axes.permutations(5), axes.shifts(5, 3)], ids=lambda a: a.name)
def test_missing_samples_stay_missing(axis):
    """As many samples are left out whatever the order, and no value is put in their place."""
    inputs = make()
    for index in range(axis.size):
        y = np.asarray(axis.select(inputs, index).y)
        assert np.isnan(y).sum() == np.isnan(inputs.y).sum()
        np.testing.assert_array_equal(np.sort(y, axis=None), np.sort(inputs.y, axis=None))


@pytest.mark.parametrize("least", [1, 4, 17, 1000])
def test_shifts_roll_the_used_samples_by_at_least_so_much(least):
    inputs = make()
    used = ~UNUSED
    y, count = np.asarray(inputs.y), int(used.sum())
    made = np.asarray(chosen(axes.shifts(60, least), inputs).y)
    np.testing.assert_array_equal(made[0], y)
    offsets = []
    for one in made[1:]:
        np.testing.assert_array_equal(one[UNUSED], y[UNUSED])
        (offset,) = np.flatnonzero(y[used][:, 0] == one[used][0, 0])
        np.testing.assert_array_equal(one[used], np.roll(y[used], -offset, axis=0))
        offsets.append(min(offset, count - offset))
    assert min(offsets) >= min(least, count // 2)
    assert len(set(offsets)) > (1 if least < 10 else 0)


def test_bootstraps_draw_as_many_as_there_are():
    inputs = make()
    fitted = np.asarray(inputs.weight) > 0
    made = np.asarray(chosen(axes.bootstraps(300), inputs).weight)
    assert (made.sum(axis=1) == fitted.sum()).all()
    assert not made[:, ~fitted].any()
    np.testing.assert_array_equal(made, made.astype(int))
    assert 0.55 < (made[:, fitted] > 0).mean() < 0.71  # 1 - 1/e = 0.63
    assert np.abs(made[:, fitted].mean(axis=0) - 1).max() < 0.25


def test_bootstraps_draw_whole_groups_of_those_that_are_fitted():
    inputs = make()
    there = np.asarray(inputs.weight) * (GROUPS != "run c")
    inputs = inputs._replace(weight=jnp.asarray(there))
    made = np.asarray(chosen(axes.bootstraps(50, groups=GROUPS), inputs).weight)
    names = np.unique(GROUPS)
    fitted = [(n == GROUPS) & (there > 0) for n in names]
    times = np.array([[one[group].max(initial=0) for group in fitted] for one in made])
    assert (times.sum(axis=1) == 3).all()  # three groups drawn of the three with data
    assert not times[:, list(names).index("run c")].any()
    for one, drawn in zip(made, times, strict=True):
        expected = there * drawn[np.searchsorted(names, GROUPS)]
        np.testing.assert_array_equal(one, expected)
    assert len(np.unique(times, axis=0)) > 3


def test_a_bootstrap_multiplies_weights():
    inputs = make()
    doubled = inputs._replace(weight=2 * inputs.weight)
    one, two = (chosen(axes.bootstraps(4), i).weight for i in (inputs, doubled))
    np.testing.assert_array_equal(2 * np.asarray(one), two)


# Fits over axes, by plain gradient descent: the cheapest program.


def build():
    return make_fit(
        models.linear(), losses.half_squared_error, lambda hyper: optax.sgd(0.3),
        penalties.ridge("l2"), Stop(max_steps=200, gradient=1e-4), standardise=True,
    )  # fmt: skip


DESCENT = build()


def recording(samples, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, FEATURES)) * [1, 2, 5]
    y = x @ rng.normal(size=(FEATURES, 2)) + rng.normal(size=(samples, 2))
    return make_inputs(x, y, held_out=np.arange(samples) % 4 == 1, hyper={"l2": 0.1})


def test_padded_subjects_equal_each_alone(monkeypatch):
    subjects = [recording(30, 0), recording(47, 1), recording(38, 2)]
    built, build = [], programs._build
    monkeypatch.setattr(programs, "_build", lambda *a, **k: built.append(1) or build(*a, **k))
    every = [axes.subjects(3, labels=["a", "b", "c"]), axes.targets(2)]
    fits = fit_many(DESCENT, stack_subjects(subjects), every, lanes=2)
    assert len(built) == 1  # one engine for all
    assert fits.shape == (3, 2)
    for i, subject in enumerate(subjects[::2]):
        alone = fit_many(DESCENT, subject, [axes.targets(2)], lanes=2)
        np.testing.assert_array_equal(fits.status[2 * i], alone.status)
        np.testing.assert_allclose(fits.loss[2 * i], alone.loss, rtol=1e-5)
        np.testing.assert_allclose(fits.scores["loss"][2 * i], alone.scores["loss"], rtol=1e-4)
        kernels = [f.params["readout"]["kernel"] for f in (fits, alone)]
        np.testing.assert_allclose(kernels[0][2 * i], kernels[1], rtol=1e-3, atol=1e-4)


def test_a_users_own_outer_axis():
    """Two filters of x, y shared: `select` runs on the host, once for each."""
    inputs, calls = recording(47, 1), []

    def smooth(inputs, index):
        calls.append(index)
        x = np.asarray(inputs.x)
        return inputs._replace(x=jnp.asarray(x if index == 0 else (x + np.roll(x, 1, 0)) / 2))

    filters = Axis("filter", 2, smooth, ("none", "mean"), outer=True)
    fits = fit_many(DESCENT, inputs, [filters, axes.targets(2)], lanes=2)
    assert set(calls) == {0, 1}
    assert all(isinstance(index, int) for index in calls)
    assert list(fits.table()["filter"]) == ["none", "none", "mean", "mean"]
    assert (fits.loss[0] < fits.loss[1]).all()
    same = fit_many(DESCENT, smooth(inputs, 1), [axes.seeds(2), axes.targets(2)], lanes=2)
    np.testing.assert_allclose(fits.loss[1], same.loss[0], rtol=1e-5)


def test_ablated_features_are_as_good_as_absent():
    inputs = recording(47, 1)
    kept = np.array([[1, 1, 1], [1, 0, 1]])
    fits = fit_many(DESCENT, inputs, [axes.targets(2), axes.ablations(kept)], lanes=2)
    assert (fits.params["readout"]["kernel"][:, 1, 1] == 0).all()
    less = inputs._replace(x=inputs.x[:, [0, 2]])
    alone = fit_many(DESCENT, less, [axes.targets(2)], lanes=2)
    np.testing.assert_allclose(fits.loss[:, 1], alone.loss, rtol=1e-4)


def test_permutation_zero_is_the_fit_itself():
    inputs = recording(30, 0)
    axis = axes.permutations(30, seed=2)
    fits = fit_many(DESCENT, inputs, [axis, axes.targets(2)], lanes=2)
    alone = fit_many(DESCENT, inputs, [axes.targets(2)], lanes=2)
    np.testing.assert_allclose(fits.loss[0], alone.loss, rtol=1e-5)
    assert (fits.loss[0] < fits.loss[1:].min(axis=0)).all()


def test_other_seeds_are_other_fits_and_the_same_again():
    fit = make_fit(
        models.linear(), losses.half_squared_error, optax.sgd(0.01), stop=Stop(5), batch=8
    )
    inputs = recording(47, 1)._replace(hyper={})
    every = [axes.targets(2), axes.seeds(4)]
    fits = fit_many(fit, inputs, every, lanes=3)
    assert len(np.unique(fits.loss)) == 8
    assert_same_bits(fit_many(fit, inputs, every, lanes=3), fits)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: axes.targets(0), "'target': size is 0"),
        (lambda: axes.targets(2.5), "'target': columns is 2.5"),
        (lambda: axes.targets(None), "'target': columns is None"),
        (lambda: axes.targets([]), r"'target': columns is \[\]"),
        (lambda: axes.targets([0, -1]), r"'target': columns is \[0, -1\]"),
        (lambda: axes.targets([0, 2], ["a"]), "'target': 1 labels for 2 indices"),
        (lambda: axes.targets(3, ["a"]), "'target': 1 labels for 3 indices"),
        (lambda: axes.seeds(-1), "'seed': size is -1"),
        (lambda: axes.subjects(0), "'subject': size is 0"),
        (lambda: axes.permutations(0), "'permutation': size is 0"),
        (lambda: axes.shifts(0, 1), "'shift': size is 0"),
        (lambda: axes.shifts(3, 0), "'shift': least is 0"),
        (lambda: axes.shifts(3, 1.5), "'shift': least is 1.5"),
        (lambda: axes.bootstraps(0), "'bootstrap': size is 0"),
        (lambda: axes.grid(l2=[]), "l2"),
        (lambda: axes.grid(l2=0.1), "l2 must be a list of finite numbers, not 0.1"),
        (lambda: axes.grid(l2=[0.1, np.nan]), "l2 must be a list of finite numbers"),
        (lambda: axes.grid(l2=["weak"]), "l2 must be a list of finite numbers"),
        (lambda: axes.ablations(np.ones(3)), r"features: kept must be \(set, feature\)"),
        (lambda: axes.ablations([[1, 0], [0, 0]]), "a feature in every set"),
        (lambda: axes.ablations(np.eye(2), ["a"]), "'features': 1 labels for 2"),
        (lambda: axes.folds(np.eye(3), np.eye(3)), "fold 0: samples are in both"),
        (lambda: axes.folds(np.eye(3), np.eye(3)[:2]), r"fold: train \(3, 3\) and test \(2, 3\)"),
        (lambda: axes.folds([[1, 0], [1, 0]], [[0, 1], [0, 0]]), "fold 1: the test part is empty"),
        (lambda: axes.folds([[0, 0], [1, 0]], [[0, 1], [0, 1]]), "fold 0: the train part is empty"),
        (lambda: axes.folds([[1, -1, 0]], [[0, 0, 1]]), "fold 0: the train part has weights"),
        (lambda: axes.folds([[1, 0]], [[0, np.nan]], name="run"), "run 0: the test part has wei"),
        (lambda: axes.folds([[1, 0]], [[0, 1]], labels=["a", "b"]), "'fold': 2 labels for 1"),
    ],
)
def test_bad_arguments_are_told_with_the_axis(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (axes.targets(5), r"'target': 5 targets, and y is \(40, 4\)"),
        (axes.targets(3), r"'target': 3 targets, and y is \(40, 4\): for some .* a list"),
        (axes.targets([1, 4]), r"'target': 5 targets, and y is \(40, 4\)"),
        (axes.subjects(2), r"'subject': 2 subjects, and weight is \(40,\)"),
        (axes.folds([[1, 0]], [[0, 1]]), "'fold': the folds are for 2 samples, and there are 40"),
        (axes.permutations(2, groups=[1, 2]), "'permutation': groups are for 2 samples"),
        (axes.bootstraps(2, groups=[1, 2], name="draw"), "'draw': groups are for 2 samples"),
        (axes.ablations(np.eye(5)), "'features': kept is for 5 features, and x has 3"),
        (Axis("odd", 2, lambda inputs, index: inputs.x), "'odd': select returns .*must be Inputs"),
        (Axis("odd", 2, lambda inputs, index: inputs.why), "'odd': .*why"),
    ],
)
def test_an_axis_that_does_not_go_with_the_inputs(axis, told, monkeypatch):
    monkeypatch.setattr(programs, "_build", None)
    with pytest.raises(ValueError, match=told):
        fit_many(DESCENT, make(), [axis])
