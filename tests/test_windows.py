"""Windows and views: what each fit sees, and that it fits as if it saw nothing else."""

import jax
import numpy as np
import pytest
from helpers import assert_close

from jaxneuro import (
    Stop,
    axes,
    closed_form,
    engine,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
    splits,
)

TRIALS, WINDOWS, FEATURES = 48, 6, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(TRIALS, WINDOWS, FEATURES)).astype(np.float32)
Y = (X[:, 2] @ RNG.normal(size=FEATURES) + X[:, 4, 0] + RNG.normal(size=TRIALS)).astype(np.float32)
L2 = [0.1, 1]
EDGE = [[1, 1], [1, 0]]
FOLDS = splits.k_fold(TRIALS, 3)
FIT = make_fit(
    models.linear(), losses.half_squared_error, optimizers.lbfgs(3), penalties.ridge(),
    Stop(max_steps=60),
)  # fmt: skip


def fitted(x, *which):
    return fit_many(FIT, make_inputs(x, Y), [*which, axes.folds(FOLDS), axes.grid(l2=L2)], lanes=4)


def exact(x):
    """(fold, l2, feature) kernels of ridge regression."""
    solved = [[closed_form.ridge(x, Y, w, l2)[0] for l2 in L2] for w in FOLDS.train]
    return np.array(solved)


def seen(axis, x=X, **fields):
    inputs = make_inputs(x, Y)._replace(**fields)
    return [axis.select(inputs, i) for i in range(axis.size)]


@pytest.mark.slow
def test_a_window_is_a_fit_of_its_part_of_x():
    every = fitted(X, axes.windows(WINDOWS))
    assert every.scores["loss"].shape == (WINDOWS, 3, 2)
    for window, kernel in enumerate(every.params["readout"]["kernel"][..., 0]):
        np.testing.assert_allclose(kernel, exact(X[:, window]), atol=1e-4)
    assert np.argmin(every.scores["loss"].mean(axis=(1, 2))) == 2
    predicted = every.predict(X[:, 2])
    assert predicted.shape == (WINDOWS, 3, 2, TRIALS)


def test_windows_some_and_wide():
    for window, one in enumerate(seen(axes.windows(WINDOWS))):
        np.testing.assert_array_equal(one.x, X[:, window])
    some = axes.windows([4, 1], name="time", labels=[0.2, -0.1])
    assert (some.name, some.size, some.labels) == ("time", 2, (0.2, -0.1))
    assert axes.windows([4, 1]).labels == (4, 1)
    for start, one in zip([4, 1], seen(some), strict=True):
        np.testing.assert_array_equal(one.x, X[:, start])
    for start, one in enumerate(seen(axes.windows(WINDOWS - 2, width=3))):
        np.testing.assert_array_equal(one.x, X[:, start : start + 3])
    images = X.reshape(TRIALS, WINDOWS, 2, 2)
    np.testing.assert_array_equal(seen(axes.windows(WINDOWS), images)[3].x, images[:, 3])


def test_views_gather_and_pad():
    index = [[5, 0, 23], [7, 7, -1]]
    first, second = seen(axes.views(index, [[1, 1, 1], [1, 1, 0]]))
    flat = X.reshape(TRIALS, -1)
    np.testing.assert_array_equal(first.x, flat[:, [5, 0, 23]])
    np.testing.assert_array_equal(second.x, np.c_[flat[:, [7, 7]], np.zeros(TRIALS)])
    windows = np.arange(WINDOWS * FEATURES).reshape(WINDOWS, FEATURES)
    by_table, by_slice = fitted(X, axes.views(windows)), fitted(X, axes.windows(WINDOWS))
    assert_close(by_table, by_slice, 1e-5, steps=2)


def test_padding_of_a_ragged_view_changes_nothing():
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    ragged = fitted(X, axes.views([[3, 8, 0, 0], [9, 2, 14, 1]], mask))
    kernel, flat = ragged.params["readout"]["kernel"][..., 0], X.reshape(TRIALS, -1)
    assert not kernel[0, ..., 2:].any()
    np.testing.assert_allclose(kernel[0, ..., :2], exact(flat[:, [3, 8]]), atol=1e-4)
    np.testing.assert_allclose(kernel[1], exact(flat[:, [9, 2, 14, 1]]), atol=1e-4)


def test_features_left_out_are_those_of_the_view():
    kept = RNG.integers(0, 2, WINDOWS * FEATURES).astype(np.float32)
    window = seen(axes.windows(WINDOWS), features=kept)[3]
    np.testing.assert_array_equal(window.features, kept[12:16])
    view = seen(axes.views([[5, 0, 23]]), features=kept)[0]
    np.testing.assert_array_equal(view.features, kept[[5, 0, 23]])


@pytest.mark.parametrize(
    "axis", [axes.windows(WINDOWS), axes.windows(3, width=4), axes.views([[0, 5], [7, 0]], EDGE)]
)
def test_a_loop_equals_jit_of_vmap(axis):
    inputs = make_inputs(X, Y)
    mapped = jax.jit(jax.vmap(lambda i: axis.select(inputs, i).x))(np.arange(axis.size))
    for index in range(axis.size):
        made = axis.select(inputs, index)
        np.testing.assert_array_equal(mapped[index], made.x)
        assert all(a is b for a, b in zip(made[1:], inputs[1:], strict=True))


def test_a_lane_owns_its_view_and_shares_the_rest():
    inputs = make_inputs(X, Y)
    every = [axes.windows(WINDOWS), axes.grid(l2=[0.1])]
    selects = engine.lane.selects_of(engine.lanes.flatten_axes(every))
    lane = engine.lane.make_lane(FIT, inputs, selects, 2)
    own = [leaf.shape for leaf in jax.tree.leaves(lane.own)]
    assert own.count((TRIALS, FEATURES)) == 1 and (TRIALS,) not in own


def test_one_bad_window_harms_no_other():
    spoiled = X.copy()
    spoiled[:, 1] = 1e6 * RNG.normal(size=(TRIALS, 1)) ** 3
    with_bad, without = fitted(spoiled, axes.windows(WINDOWS)), fitted(X, axes.windows(WINDOWS))
    rest = np.arange(WINDOWS) != 1
    kernel = with_bad.params["readout"]["kernel"]
    np.testing.assert_array_equal(kernel[rest], without.params["readout"]["kernel"][rest])


def test_about_as_many_views_share_programs():
    inputs, table = make_inputs(X, Y), np.arange(18)[:, None]
    padded = [axes.views(table[:n]) for n in (17, 18)]
    assert {axis.pad(axis, inputs, 48)[0].select.args[0].shape for axis in padded} == {(18, 1)}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: axes.windows(WINDOWS + 1), "7 windows, and x is"),
        (lambda: axes.windows(WINDOWS - 1), "pass a list of starts"),
        (lambda: axes.windows([0, 4], width=3), "7 windows, and x is"),
        (lambda: axes.views([[24]]), "index goes up to feature 24, and x has 24"),
    ],
)
def test_what_does_not_go_with_x_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, make())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: axes.windows(0), "size is 0"),
        (lambda: axes.windows([0.5]), "starts must be whole numbers"),
        (lambda: axes.windows([[1]]), "must be a number or a list"),
        (lambda: axes.windows(3, width=0), "width"),
        (lambda: axes.windows(3, labels=[1]), "1 labels for 3"),
        (lambda: axes.views([1, 2]), r"must be \(view, place\)"),
        (lambda: axes.views([[-1]]), "whole numbers from 0"),
        (lambda: axes.views([[1, 2]], [[0, 0]]), "a place in every view"),
        (lambda: axes.views([[1, 2]], [[1]]), "must be as index"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_float32_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"axis 'window'.*shift and scale x first"):
        fitted(X * 1e-20, axes.windows(WINDOWS))


def test_preconditioned_fits_are_refused():
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(), precondition=True
    )
    with pytest.raises(ValueError, match="axis 'window' changes x"):
        fit_many(fit, make_inputs(X, Y), [axes.windows(WINDOWS)])
