"""What float32 would lose of x and y: the same fit as of plain data, or told where it cannot."""

import copy
import functools
import pickle
import warnings

import jax
import numpy as np
import pytest

from jaxneuro import (
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    origin,
    penalties,
    splits,
    stack_subjects,
)  # fmt: skip

SAMPLES, FEATURES, TARGETS = 120, 4, 2
FOLDS = splits.blocks(SAMPLES, 2)
FIT = make_fit(
    models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(0.01),
    Stop(gradient=1e-6), scores={"r2": metrics.r2}, standardise=True,
)  # fmt: skip


def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(SAMPLES, FEATURES)) * [1, 2, 0.5, 1]
    return x, x @ rng.normal(size=(FEATURES, TARGETS)) + 0.7 * rng.normal(size=(SAMPLES, TARGETS))


def fitted(x, y, fit=FIT):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y holds values beyond float32")
        return fit_many(fit, make_inputs(x, y), [axes.targets(TARGETS), axes.folds(FOLDS)], lanes=4)


@functools.cache
def plain():
    return fitted(*arrays())


SECOND = {size: np.arange(size) == 1 for size in (FEATURES, TARGETS)}
MOVED = {  # x, y -> what was recorded; and from a prediction back
    "x + 1e8": (lambda x, y: (x + 1e8, y), lambda p: p),
    "one feature + 1e8": (lambda x, y: (x + SECOND[FEATURES] * 1e8, y), lambda p: p),
    "x in 1e-25": (lambda x, y: (x * 1e-25, y), lambda p: p),
    "x in 1e39": (lambda x, y: (x * 1e39, y), lambda p: p),
    "one feature in 1e39": (lambda x, y: (x * [1, 1, 1e39, 1], y), lambda p: p),
    "y + 1e9": (lambda x, y: (x, y + 1e9), lambda p: p - 1e9),
    "y in 1e20": (lambda x, y: (x, y * 1e20), lambda p: p / 1e20),
    "y in 1e-25": (lambda x, y: (x, y * 1e-25), lambda p: p / 1e-25),
    "one output + 1e9": (lambda x, y: (x, y + SECOND[TARGETS] * 1e9),
                         lambda p: p - SECOND[TARGETS][:, None, None] * 1e9),
    "both": (lambda x, y: (x * 1e39 + 1e47, y * 1e20 + 1e28), lambda p: (p - 1e28) / 1e20),
}  # fmt: skip


def predicted_by(fits, x, column: int = 0) -> np.ndarray:
    """(target, fold, sample) in float64, by the parameters as they are returned."""
    kernel = np.asarray(fits.params["readout"]["kernel"], np.float64)[..., column]
    return kernel @ x.T + np.asarray(fits.params["readout"]["bias"], np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVED)
def test_the_same_scores_and_predictions_as_of_plain_data(name: str) -> None:
    move, back = MOVED[name]
    x, y = move(*arrays())
    found, wanted = fitted(x, y), plain()
    assert found.x_origin is not None or found.y_origin is not None
    assert found.statuses() == {"converged": 4}
    np.testing.assert_allclose(found.scores["r2"], wanted.scores["r2"], atol=1e-4)
    expected = wanted.predict(arrays()[0])
    np.testing.assert_allclose(back(found.predict(x)), expected, rtol=1e-3, atol=2e-3)
    # The parameters take the x, and give the y, that was recorded.
    np.testing.assert_allclose(back(predicted_by(found, x)), expected, rtol=1e-3, atol=2e-3)


def test_ordinary_data_are_left_as_they_are_to_the_bit() -> None:
    x, y = arrays()
    inputs = make_inputs(x, y)
    assert inputs.x_origin is None and inputs.y_origin is None
    np.testing.assert_array_equal(inputs.x, x.astype(np.float32))
    np.testing.assert_array_equal(inputs.y, y.astype(np.float32))
    found = fitted(x, y)
    assert found.x_origin is None and found.params["readout"]["kernel"].dtype == np.float32


def test_one_output_and_many_outputs_of_one_fit() -> None:
    x, y = arrays()
    expected = plain().predict(x)[:, 0]  # (target, sample) of the first fold
    fold = axes.folds(FOLDS.train[:1], FOLDS.test[:1])
    fit = make_fit(
        models.linear(TARGETS), losses.half_squared_error, optimizers.lbfgs(),
        penalties.ridge(0.005),  # the loss is a mean over outputs
        Stop(gradient=1e-6), standardise=True,
    )  # fmt: skip
    found = fit_many(fit, make_inputs(x + 1e8, y + SECOND[TARGETS] * 1e9), [fold], lanes=1)
    np.testing.assert_allclose(found.predict(x + 1e8)[0] - [0, 1e9], expected.T, atol=3e-3)
    single = fit_many(FIT, make_inputs(x + 1e8, y[:, 1] + 1e9), [fold], lanes=1)
    np.testing.assert_allclose(single.predict(x + 1e8)[0] - 1e9, expected[1], atol=3e-3)


def test_missing_values_stay_missing() -> None:
    x, y = arrays()
    y[5:20, 1] = np.nan
    inputs = make_inputs(x, y + 1e9)
    np.testing.assert_array_equal(np.isnan(inputs.y), np.isnan(y))
    np.testing.assert_allclose(
        fitted(x, y + 1e9).scores["r2"], fitted(x, y).scores["r2"], atol=1e-4
    )


VALUES = {
    "ordinary": np.linspace(-3, 5, 40).reshape(20, 2),
    "far": np.linspace(-3, 5, 40).reshape(20, 2) + 1e8,
    "small": np.linspace(-3, 5, 40).reshape(20, 2) * 1e-25,
    "large": np.linspace(-3, 5, 40).reshape(20, 2) * [1, 1e39],
    "small and far": (np.linspace(-3, 5, 40).reshape(20, 2) + 1e6) * 1e-25,
    "flat": np.linspace(-3, 5, 40) * 1e20,
    "images": np.linspace(-3, 5, 80).reshape(20, 2, 2) * 1e-25,
    "large integers": np.arange(40).reshape(20, 2) + 2**52,
    "narrow": (np.linspace(-3, 5, 40).reshape(20, 2) + 1e5).astype(np.float32),
}


@pytest.mark.parametrize("name", VALUES)
def test_apply_and_undo(name: str) -> None:
    values = VALUES[name]
    seen, made = origin.centred("x", values)
    assert (made is None) == (name == "ordinary")
    assert seen.dtype == np.float32 and np.isfinite(seen).all()
    np.testing.assert_array_equal(origin.apply(values, made), seen)
    spread = np.ptp(values.astype(float), axis=0).max()
    np.testing.assert_allclose(origin.undo(seen, made), values, rtol=1e-15, atol=1e-7 * spread)
    if made is not None:
        assert made.offset.shape == made.exponent.shape == values.shape[1:]


def test_images_have_one_scale() -> None:
    values = np.ones((5, 3, 3)) * 1e-20
    values[:, 1, 1] = np.arange(5) * 1e-13
    made = origin.centred("x", values)[1]
    assert made is not None and len(np.unique(made.exponent)) == 1


@pytest.mark.parametrize("shape", [(1, 3), (7,), (511, 2), (2049, 3), (1025, 1), (5, 3, 2)])
def test_the_range_is_that_of_every_sample(shape: tuple[int, ...]) -> None:
    """Some are looked at side by side: the first, the last, and any between."""
    rng = np.random.default_rng(0)
    for values in (
        rng.normal(size=shape),
        rng.integers(0, 9, shape),
        rng.normal(size=shape[::-1]).T,
    ):
        for place in {0, len(values) // 2, len(values) - 1}:
            some = values.copy()
            some[place] = 50
            low, high = origin._range(some)
            np.testing.assert_array_equal(low, some.min(axis=0))
            np.testing.assert_array_equal(high, some.max(axis=0))
            assert np.isfinite(low).all() and (high == 50).all()


def test_an_outlier_does_not_hide_an_offset() -> None:
    """A clock of 1e9 seconds that changes by thousandths, and read 0 once."""
    x, y = arrays()
    clock = x * 1e-3 + 1e9
    clock[7] = 0
    weight = np.arange(SAMPLES) != 7
    inputs = make_inputs(clock, y, weight=weight)
    assert inputs.x_origin is not None
    kept = np.asarray(inputs.x, np.float64)[weight]
    np.testing.assert_allclose(kept + inputs.x_origin.offset, clock[weight], rtol=1e-15, atol=1e-8)


def test_a_feature_that_is_lost_is_named() -> None:
    x, y = arrays()
    x[:, 2] = x[:, 2] * 1e-3
    x[:40, 2] += 1e9  # three parts so far from each other that one shift serves none
    x[40:80, 2] -= 1e9
    with pytest.warns(UserWarning, match=r"x: 1 features vary by less .* feature 2: .*outliers"):
        make_inputs(x, y)


def test_losses_that_must_see_y_as_it_is() -> None:
    x, y = arrays()
    fit = make_fit(models.linear(TARGETS), losses.poisson, optimizers.lbfgs())
    given = np.round(np.abs(y))
    with pytest.warns(UserWarning, match="y: .* vary by less than float32 can hold"):
        fit_many(fit, make_inputs(x, given + 2.0**40))
    counts = 1000.0 + np.arange(y.size).reshape(y.shape) % 10  # far from 0, and nothing is lost
    assert fit_many(fit, make_inputs(x, counts)).y_origin is None


def test_scores_with_a_unit_are_told() -> None:
    x, y = arrays()
    with pytest.warns(UserWarning, match="fitted in units of a power of two: scores"):
        fit_many(FIT, make_inputs(x, y[:, 0] * 1e20, held_out=np.arange(SAMPLES) < 30))


def test_a_model_without_a_layer_to_take_it_predicts_all_the_same() -> None:
    x = np.random.default_rng(0).normal(size=(SAMPLES, 4, 4))
    y = (x[:, 1, 1] > 0).astype(int)
    fit = make_fit(
        models.cnn(2, (2,), ()), losses.cross_entropy, optimizers.lbfgs(), stop=Stop(max_steps=30)
    )
    wanted = fit_many(fit, make_inputs(x, y)).predict(x)
    with pytest.warns(UserWarning, match=r"no dense first layer .* fits.predict\(x\)"):
        found = fit_many(fit, make_inputs(x * 2.0**-83, y))
    # A power of two is all that differs, and the start: the loss falls as far.
    predicted = found.predict(x * 2.0**-83)
    accuracies = [(p.argmax(axis=-1) == y).mean() for p in (predicted, wanted)]
    assert min(accuracies) > 0.8


def test_subjects_come_to_one_origin() -> None:
    x, y = arrays()
    moved = [(x + 1e8, y + 1e9), (x + 1e8 + 30, 2 * y + 1e9 - 40)]
    both = stack_subjects([make_inputs(*one) for one in moved])
    each = [axes.subjects(2), axes.targets(TARGETS)]
    found = fit_many(FIT, both, each, lanes=2)
    expected = fit_many(FIT, make_inputs(x, y), each[1:], lanes=2).predict(x)
    predicted = [found.predict(moved[i][0])[i] for i in range(2)]
    np.testing.assert_allclose(predicted[0] - 1e9, expected, atol=2e-3)
    np.testing.assert_allclose((predicted[1] - 1e9 + 40) / 2, expected, atol=2e-3)
    with pytest.warns(UserWarning, match="x: 4 features vary by less than float32 can hold"):
        stack_subjects([make_inputs(x + 1e8, y), make_inputs(x, y)])


def test_fits_with_an_origin_pickle_and_copy() -> None:
    x, y = MOVED["both"][0](*arrays())
    fits = fitted(x, y)
    for again in (pickle.loads(pickle.dumps(fits)), copy.deepcopy(fits)):
        np.testing.assert_array_equal(again.predict(x), fits.predict(x))
        jax.tree.map(np.testing.assert_array_equal, again.x_origin, fits.x_origin)
