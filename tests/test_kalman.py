"""The Kalman decoder against the textbook's equations in float64."""

import numpy as np
import pytest

from jaxneuro import splits
from jaxneuro.decoding import kalman

TIME, NEURONS, OUTPUTS = 300, 7, 2
TEST = np.arange(TIME) >= 220
HOLDOUT = splits.holdout(TEST)


def simulate(lag=0, noise=0.3, seed=0, time=TIME):
    """Movement that follows dynamics of its own, and neurons that tell it `lag` samples ahead."""
    rng = np.random.default_rng(seed)
    y = np.zeros((time, OUTPUTS))
    for t in range(1, time):
        y[t] = [[0.95, 0.2], [-0.2, 0.95]] @ y[t - 1] + noise * rng.normal(size=OUTPUTS)
    x = rng.normal(size=(OUTPUTS, NEURONS)).T @ np.roll(y, -lag, axis=0).T
    return x.T + 2 * rng.normal(size=(time, NEURONS)) + 10, 5 * y + [3, -100]


def textbook(x, y, train, starts, noise=1.0, smooth=False):
    """Wu et al. 2006, eqs. 3-13, with Rauch, Tung and Striebel's backward pass."""
    x, offset = x - x[train].mean(axis=0), y[train].mean(axis=0)
    y = y - offset
    pair = train[1:] & train[:-1] & ~starts[1:]
    before, after = y[:-1][pair], y[1:][pair]
    A = np.linalg.lstsq(before, after, rcond=None)[0].T
    W = (after - before @ A.T).T @ (after - before @ A.T) / pair.sum() * noise
    H = np.linalg.lstsq(y[train], x[train], rcond=None)[0].T
    left = x[train] - y[train] @ H.T
    Q, prior = left.T @ left / train.sum(), y[train].T @ y[train] / train.sum()
    ahead, known = [], []
    for t in range(len(x)):
        if starts[t]:
            mean, P = np.zeros(y.shape[1]), prior
        else:
            mean, P = A @ known[-1][0], A @ known[-1][1] @ A.T + W
        ahead.append((mean, P))
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + Q)
        known.append((mean + K @ (x[t] - H @ mean), (np.eye(len(P)) - K @ H) @ P))
    found = [known[-1][0]]
    for t in range(len(x) - 2, -1, -1):
        mean, P = known[t]
        back = P @ A.T @ np.linalg.inv(ahead[t + 1][1]) * (not starts[t + 1])
        found.append(mean + back @ (found[-1] - ahead[t + 1][0]))
    return (np.array(found[::-1]) if smooth else np.array([m for m, _ in known])) + offset


def starting(trials):
    return np.r_[True, trials[1:] != trials[:-1]]


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("noise", [1.0, 0.05])
def test_is_the_textbook(smooth, noise):
    x, y = simulate()
    trials = np.repeat([4, 0, 9], 100)
    for given in (None, trials):
        starts = starting(np.zeros(TIME) if given is None else given)
        expected = textbook(x, y, ~TEST, starts, noise, smooth)[TEST]
        found = kalman(x, y, HOLDOUT, noise=noise, smooth=smooth, trials=given)
        np.testing.assert_allclose(found.predictions[TEST], expected, atol=2e-3 * y.std())
        assert np.isnan(found.predictions[~TEST]).all()
        left = np.square(y[TEST] - expected).sum(axis=0)
        total = np.square(y[TEST] - y[TEST].mean(axis=0)).sum(axis=0)
        np.testing.assert_allclose(found.r2[0], 1 - left / total, atol=1e-3)


@pytest.mark.slow
def test_folds_settings_and_units_side_by_side():
    x, y = simulate()
    folds = splits.blocks(TIME, 3, gap=5)
    found = kalman(x, y, folds, noise=[0.1, 1.0], lag=[0, 1])
    assert found.errors.shape == (3, 2, 2) and found.folds == folds.names
    assert (found.lag == 0).all() and set(found.noise) <= {0.1, 1.0}
    for k in range(3):
        alone = splits.Splits(folds.train[k : k + 1], folds.test[k : k + 1], ("alone",))
        one = kalman(x, y, alone, noise=found.noise[k])
        test = folds.test[k] > 0
        np.testing.assert_allclose(found.predictions[test], one.predictions[test], rtol=1e-4)
    tiny = kalman(x * 1e-20, y * 1e15, folds, noise=[0.1, 1.0], lag=[0, 1])
    np.testing.assert_allclose(tiny.predictions, found.predictions * 1e15, rtol=1e-3, atol=1e13)
    np.testing.assert_allclose(
        tiny.predict(x * 1e-20), found.predict(x) * 1e15, rtol=1e-3, atol=1e13
    )


def test_predict_is_the_mean_of_the_folds():
    x, y = simulate()
    found = kalman(x, y, HOLDOUT, noise=1, lag=2)
    np.testing.assert_allclose(
        found.predict(x)[TEST], found.predictions[TEST], rtol=1e-3, atol=1e-2
    )
    more, _ = simulate(seed=3, time=50)
    trials = np.repeat([0, 1], 25)
    both = found.predict(more, trials)
    np.testing.assert_allclose(both[25:], found.predict(more[25:]), rtol=1e-4, atol=1e-3)


def test_a_lag_is_found_and_no_trial_leaks_into_the_next():
    x, y = simulate(lag=3, noise=2)
    found = kalman(x, y, HOLDOUT, noise=1, lag=[0, 3, 6])
    assert found.lag[0] == 3 and found.errors.shape == (1, 1, 3) and found.r2.mean() > 0.5
    trials, test = np.repeat([4, 0, 9], 100), TEST
    spoiled = x.copy()
    spoiled[:100] = 1e3
    kept = splits.holdout(test, within=trials != 4)
    clean, other = (kalman(a, y, kept, noise=1, lag=3, trials=trials) for a in (x, spoiled))
    np.testing.assert_array_equal(clean.predictions[test], other.predictions[test])


def test_held_out_movement_is_never_seen():
    x, y = simulate()
    changed = y.copy()
    changed[TEST] = np.random.default_rng(1).normal(size=changed[TEST].shape) + 1e3
    for smooth in (False, True):
        one, other = (kalman(x, a, HOLDOUT, noise=1, smooth=smooth) for a in (y, changed))
        np.testing.assert_array_equal(one.predictions, other.predictions)
    later = x.copy()
    later[280:] += 50
    one, other = (kalman(a, y, HOLDOUT, noise=1).predictions for a in (x, later))
    np.testing.assert_array_equal(one[220:280], other[220:280])  # a filter waits for nothing
    assert (one[280:] != other[280:]).all()


def test_silent_neurons_constant_outputs_and_missing_values():
    x, y = simulate()
    found = kalman(x, y, HOLDOUT, noise=1)
    silent = kalman(np.c_[x, np.full(TIME, 4.0)], y, HOLDOUT, noise=1)
    np.testing.assert_allclose(silent.predictions[TEST], found.predictions[TEST], rtol=1e-4)
    constant = kalman(x, np.c_[y, np.full(TIME, 2.0)], HOLDOUT, noise=1)
    np.testing.assert_allclose(constant.predictions[TEST, :2], found.predictions[TEST], rtol=1e-3)
    assert np.allclose(constant.predictions[TEST, 2], 2) and np.isnan(constant.r2[0, 2])
    gaps = y.copy()
    gaps[50:60, 0] = gaps[230] = np.nan
    train = ~TEST & ~np.isnan(gaps).any(axis=1)
    expected = textbook(x, np.nan_to_num(gaps), train, starting(np.zeros(TIME)))[TEST]
    made = kalman(x, gaps, HOLDOUT, noise=1)
    np.testing.assert_allclose(made.predictions[TEST], expected, atol=2e-3 * y.std())
    assert np.isfinite(made.r2).all() and "held-out R²" in repr(made)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"x": np.ones((TIME, 2, 2))}, "time, neuron"),
        ({"splits": splits.k_fold(10, 2)}, "splits are of 10 samples"),
        ({"splits": 3}, "splits is 3"),
        ({"splits": splits.holdout(np.arange(TIME) >= 8)}, "8 training samples are too few"),
        ({"noise": 0}, "noise must be above 0"),
        ({"lag": 0.5}, "whole numbers"),
        ({"lag": []}, "lag is"),
        ({"trials": np.arange(TIME) % 2}, "in pieces"),
        ({"trials": [1, 2]}, "trials is"),
    ],
)
def test_what_cannot_be_is_named(given, message):
    x, y = simulate()
    arguments = {"x": x, "y": y, "splits": HOLDOUT} | given
    with pytest.raises(ValueError, match=message):
        kalman(**arguments)
