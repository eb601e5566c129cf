"""Bad input: every message names the field, the place and what to do."""

import contextlib
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import float64

from jaxneuro import (
    Status,
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    stack_subjects,
)  # fmt: skip

SAMPLES, FEATURES = 12, 3


def arrays(**changes):
    rng = np.random.default_rng(0)
    given = {
        "x": rng.standard_normal((SAMPLES, FEATURES)),
        "y": rng.standard_normal(SAMPLES),
    }
    return given | changes


def with_value(shape: tuple[int, ...], at: tuple[int, ...], value: float) -> np.ndarray:
    array = np.zeros(shape)
    array[at] = value
    return array


X, Y = (SAMPLES, FEATURES), (SAMPLES,)
ONES = np.ones(SAMPLES)
BAD = {
    "NaN in x": ({"x": with_value(X, (4, 1), np.nan)}, r"x has 1 values.*\(4, 1\): nan"),
    "inf in x": ({"x": with_value(X, (0, 2), -np.inf)}, r"x has 1 values.*\(0, 2\): -inf"),
    "y too short": ({"y": ONES[:5]}, "x has 12 samples and y has 5; both must"),
    "x transposed": ({"x": np.zeros(X).T}, "x looks transposed: pass x.T"),
    "y transposed": ({"y": np.zeros((2, SAMPLES))}, "y looks transposed: pass y.T"),
    "x of objects": ({"x": np.array([None] * SAMPLES)[:, None]}, "x has dtype object"),
    "y of strings": ({"y": np.array(["V1"] * SAMPLES)}, "y has dtype <U2: it must be numbers"),
    "x ragged": ({"x": [[1.0, 2.0]] * 11 + [[1.0]]}, "x is not a rectangular array: pad"),
    "y ragged": ({"y": [[1.0, 2.0]] * 11 + [[1.0]]}, "y is not a rectangular array: pad"),
    "x complex": ({"x": np.ones(X, complex)}, "x has dtype complex"),
    "no sample": ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, r"x has shape \(0, 3\).*nothing"),
    "no feature": ({"x": np.zeros((SAMPLES, 0))}, r"x has shape \(12, 0\).*nothing"),
    "no target": ({"y": np.zeros((SAMPLES, 0))}, r"y has shape \(12, 0\).*nothing to fit"),
    "x of one dimension": ({"x": ONES}, r"x has shape \(12,\).*x\[:, None\]"),
    "y a scalar": ({"y": 3.0}, "y is a scalar"),
    "negative weight": ({"weight": -ONES}, "weight has negative"),
    "NaN in weight": ({"weight": ONES * np.nan}, "weight has negative or non-finite"),
    "weight too short": ({"weight": ONES[:3]}, r"weight has shape \(3,\).*\(12,\)"),
    "weight of objects": ({"weight": [None] * SAMPLES}, "weight has dtype object"),
    "negative held_out": ({"held_out": -ONES}, "held_out has negative"),
    "validation of two dimensions": ({"validation": np.ones((SAMPLES, 1))}, "validation has shape"),
    "weight and held_out": (
        {"weight": ONES, "held_out": with_value(Y, (7,), 1)},
        "weight and held_out overlap in 1 samples, the first at 7",
    ),
    "weight and validation": (
        {"weight": ONES, "validation": with_value(Y, (2,), 1)},
        "weight and validation overlap in 1 samples, the first at 2",
    ),
    "all held out": ({"held_out": ONES}, "weight is zero everywhere: no sample is left"),
    "rbg key": ({"key": jax.random.key(0, impl="rbg")}, "key is rbg: only threefry2x32"),
    "key a float": ({"key": 0.5}, "key is 0.5: it must be a whole number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str) -> None:
    changes, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make_inputs(**arrays(**changes))


def test_what_is_not_set_apart_is_fitted() -> None:
    held_out, validation = (np.arange(SAMPLES) == i for i in (0, 1))
    inputs = make_inputs(**arrays(held_out=held_out, validation=validation))
    np.testing.assert_array_equal(inputs.weight, [0, 0] + [1] * 10)
    np.testing.assert_array_equal(inputs.held_out, held_out)
    np.testing.assert_array_equal(inputs.validation, validation)
    inputs = make_inputs(**arrays())
    assert inputs.weight.sum() == SAMPLES and inputs.held_out.sum() == 0


def test_types_of_the_arrays() -> None:
    inputs = make_inputs(**arrays(y=np.arange(SAMPLES), hyper={"l2": 0.5}))
    assert inputs.x.dtype == jnp.float32 and inputs.y.dtype == jnp.int32
    assert inputs.weight.dtype == jnp.float32 and float(inputs.hyper["l2"]) == 0.5
    assert make_inputs(**arrays(y=ONES > 0)).y.dtype == jnp.float32  # outcomes, not labels
    missing = make_inputs(**arrays(y=with_value(Y, (0,), np.nan)))
    assert bool(jnp.isnan(missing.y[0]))  # NaN in y is a missing sample, no error
    with float64():
        assert {make_inputs(**arrays()).x.dtype, make_inputs(**arrays()).y.dtype} == {
            np.dtype("float64")
        }
        narrow = make_inputs(**arrays(x=np.ones(X, np.float32)))
        assert narrow.x.dtype == narrow.y.dtype == np.float32  # one fit, one precision


def test_keys_from_a_seed_or_a_key() -> None:
    same = (3, np.int64(3), jax.random.key(3), jax.random.PRNGKey(3))
    found = {tuple(jax.random.key_data(make_inputs(**arrays(key=k)).key).tolist()) for k in same}
    assert len(found) == 1


@pytest.mark.parametrize("seed", [0, 7, -1, 2**31, -(2**31), 2**32 + 7, -(2**40), np.uint64(2**60)])
def test_seeds_are_the_keys_of_jax(seed: int) -> None:
    for precision in (contextlib.nullcontext(), float64()):
        with precision:
            found = make_inputs(**arrays(key=seed)).key
            wanted = jax.random.key(int(seed), impl="threefry2x32")
            np.testing.assert_array_equal(jax.random.key_data(found), jax.random.key_data(wanted))


def many(y, loss, model=None, targets: bool = True, **others):
    inputs = make_inputs(arrays()["x"], y, **others)
    fit = make_fit(model or models.linear(), loss, optimizers.lbfgs(), stop=Stop(max_steps=30))
    along = [axes.targets(inputs.y.shape[1])] if targets else [axes.seeds(1)]
    return fit_many(fit, inputs, along, lanes=2)


def counts() -> np.ndarray:
    return np.random.default_rng(1).poisson(2.0, (SAMPLES, 4)).astype(float)


@pytest.mark.parametrize("value", [-1.0, 0.5, np.inf])
def test_impossible_counts_of_the_only_target_or_of_all(value: float) -> None:
    single = counts()[:, 0]
    single[5] = value
    with pytest.raises(ValueError, match=rf"y\[5\] is {value}, and the loss takes counts.*NaN"):
        many(single, losses.poisson, targets=False)
    every = counts()
    every[5] = value
    with pytest.raises(ValueError, match=rf"y\[5, 0\] is {value}, and the loss takes counts"):
        many(every, losses.poisson)


def test_impossible_counts_of_one_target_harm_no_other() -> None:
    sound, y = counts(), counts()
    y[3, 2] = -2
    with pytest.warns(UserWarning, match=r"y\[3, 2\] is -2.0.*1 of 4 targets.*bad_data"):
        found = many(y, losses.poisson)
    wanted = many(sound, losses.poisson)
    others = [0, 1, 3]
    assert found.status[2] == Status.BAD_DATA and found.steps[2] == 0
    assert (wanted.status[others] == Status.CONVERGED).all()
    for a, b in zip(
        *(jax.tree.leaves((f.params, f.loss, f.status, f.steps)) for f in (found, wanted)),
        strict=True,
    ):
        np.testing.assert_array_equal(a[others], b[others])


def test_missing_samples_are_no_bad_data() -> None:
    y = counts()
    y[[1, 2], [0, 3]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = many(y, losses.poisson)
    assert (found.status == Status.CONVERGED).all()


def test_one_class_only() -> None:
    for y in (np.zeros(SAMPLES, int), np.r_[np.nan, np.ones(SAMPLES - 1)]):
        with pytest.raises(ValueError, match="y has one class only"):
            many(y, losses.cross_entropy, models.linear(3), targets=False)


def test_a_label_beyond_the_classes() -> None:
    y = np.arange(SAMPLES) % 4
    for labels in (y, np.r_[np.nan, y[1:]]):
        with pytest.raises(ValueError, match="y has label 3, and the model predicts 3 classes"):
            many(labels, losses.cross_entropy, models.linear(3), targets=False)
    found = many(y, losses.cross_entropy, models.linear(4), targets=False)
    assert found.status[0] != Status.BAD_DATA


def test_labels_that_are_no_labels() -> None:
    for value in (-1.0, 0.5):
        y = np.r_[value, np.arange(SAMPLES - 1) % 2]
        with pytest.raises(ValueError, match=rf"y\[0\] is {value}.*integer labels from 0"):
            many(y, losses.cross_entropy, models.linear(3), targets=False)


@pytest.mark.parametrize("value", [-0.25, 1.5])
def test_a_probability_outside_0_to_1(value: float) -> None:
    y = np.r_[value, np.arange(SAMPLES - 1) % 2]
    with pytest.raises(ValueError, match=rf"y\[0\] is {value}.*numbers from 0 to 1"):
        many(y, losses.bernoulli, targets=False)


def test_y_of_all_targets_without_their_axis() -> None:
    with pytest.raises(ValueError, match=r"predicts \(12,\) and y is \(12, 4\).*axes.targets"):
        many(counts(), losses.poisson, targets=False)
    with pytest.raises(ValueError, match=r"y has shape|predicts"):
        many(np.arange(24).reshape(12, 2) % 2, losses.cross_entropy, models.linear(2), False)


def test_stacking_subjects_pads_and_names_the_odd_one() -> None:
    long, short = make_inputs(np.ones((5, 2)), np.ones(5)), make_inputs(np.ones((3, 2)), np.ones(3))
    both = stack_subjects([long, short])
    assert both.x.shape == (2, 5, 2) and both.y.shape == (2, 5)
    np.testing.assert_array_equal(both.weight, [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with pytest.raises(ValueError, match=r"subject 1: x is \(sample, \(4,\)\)"):
        stack_subjects([long, make_inputs(np.ones((5, 4)), np.ones(5))])
    with pytest.raises(ValueError, match="no subject"):
        stack_subjects([])
