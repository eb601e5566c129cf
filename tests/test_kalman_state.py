"""The Kalman decoder beside Neural_Decoding's, and what its state holds besides what is decoded."""

import os
from pathlib import Path

import numpy as np
import pytest
from test_kalman import simulate

from jaxneuro import data, splits
from jaxneuro.decoding import kalman, stream


def glaser(x, y, train, test, noise_scale=1.0):
    """Glaser et al. 2020 (eNeuro 7:4), their `KalmanFilterDecoder`, written from its description: y
    about its training mean, x in training deviations, W over `noise_scale`, and the first state
    known, without doubt; (test sample, state)."""
    y = y - y[train].mean(axis=0)
    deviation = x[train].std(axis=0)
    x = (x - x[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    before, after, seen = y[train][:-1].T, y[train][1:].T, x[train].T
    A = after @ before.T @ np.linalg.inv(before @ before.T)
    W = (after - A @ before) @ (after - A @ before).T / before.shape[1] / noise_scale
    own = y[train].T
    H = seen @ own.T @ np.linalg.inv(own @ own.T)
    Q = (seen - H @ own) @ (seen - H @ own).T / own.shape[1]
    state, P, found = y[test][0], np.zeros_like(W), [y[test][0]]
    for told in x[test][1:]:
        P = A @ P @ A.T + W
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + Q)
        P, state = (np.eye(len(P)) - K @ H) @ P, A @ state + K @ (told - H @ A @ state)
        found.append(state)
    return np.array(found)


def r2(y, said):
    return 1 - np.square(y - said).sum(axis=0) / np.square(y - y.mean(axis=0)).sum(axis=0)


@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_is_neural_decodings_but_for_the_first_state(scale):
    """Theirs is told the first true state, with covariance 0; ours comes to it by the neurons
    before. What is left of that dies away, at the pace of the filter."""
    x, y = simulate(time=1000, noise=1)
    test = np.arange(1000) >= 700
    expected = glaser(x, y, ~test, test, scale) + y[~test].mean(axis=0)
    found = kalman(x, y, splits.holdout(test), noise=1 / scale).predictions[test]
    apart = np.abs(found - expected).max(axis=1) / y.std()
    assert apart[0] > 0.01  # nobody tells ours the truth
    assert apart[60:].max() < 1e-3


def moving(seed=0, time=900):
    """(time, 2) velocities, the positions that they add up to, and neurons that tell of both."""
    rng = np.random.default_rng(seed)
    velocity, position = np.zeros((time, 2)), np.zeros((time, 2))
    for t in range(1, time):
        velocity[t] = 0.9 * velocity[t - 1] - 0.05 * position[t - 1] + 0.3 * rng.normal(size=2)
        position[t] = position[t - 1] + velocity[t]
    both = np.c_[velocity, position]
    x = both @ rng.normal(size=(4, 12)) + 3 * rng.normal(size=(time, 12))
    return x, velocity, position


def test_what_else_the_state_holds():
    x, velocity, position = moving()
    test = np.arange(900) >= 600
    holdout, whole = splits.holdout(test), np.c_[velocity, position]
    found = kalman(x, velocity, holdout, noise=1, state=position)
    expected = kalman(x, whole, holdout, noise=1)
    assert found.predictions.shape == (900, 2) and found.r2.shape == (1, 2)
    np.testing.assert_array_equal(found.predictions, expected.predictions[:, :2])
    np.testing.assert_array_equal(found.r2, expected.r2[:, :2])
    alone = kalman(x, velocity, holdout, noise=1)
    assert found.r2.mean() > alone.r2.mean() + 0.05
    theirs = glaser(x, whole, ~test, test)[60:, :2] + velocity[~test].mean(axis=0)
    np.testing.assert_allclose(found.predictions[test][60:], theirs, atol=2e-3 * velocity.std())
    np.testing.assert_allclose(found.predict(x)[test], found.predictions[test], atol=1e-3)
    online = stream(found)
    state, said = online.init(), []
    for bin in x:
        now, state = online.step(state, bin)
        said.append(now)
    np.testing.assert_allclose(np.array(said)[test], found.predictions[test], atol=1e-3)


def test_the_choice_goes_by_what_is_decoded():
    """Another unit, or another noise, of what else the state holds changes no error."""
    x, velocity, position = moving()
    holdout = splits.holdout(np.arange(900) >= 600)
    found, far = (
        kalman(x, velocity, holdout, noise=[0.3, 1, 3], state=more)
        for more in (position, 1e4 * position + 1e6)
    )
    np.testing.assert_allclose(far.errors, found.errors, rtol=2e-3)
    np.testing.assert_allclose(far.predictions, found.predictions, atol=5e-3)
    gaps = position.copy()
    gaps[100:110] = np.nan
    left = kalman(x, velocity, holdout, noise=1, state=gaps)
    assert np.isfinite(left.predictions[600:]).all()
    with pytest.raises(ValueError, match="state is"):
        kalman(x, velocity, holdout, state=position[:-1])


@pytest.mark.slow
def test_neural_decoding_on_motor_cortex():
    """171 units, 50 ms, the first 80 % -> the last 20 %: the state of Glaser et al., scored on the
    velocity alone."""
    folder = os.environ.get("JAXNEURO_TEST_DATA")
    if folder is None:
        pytest.skip("JAXNEURO_TEST_DATA is not set: the folder of real recordings")
    recording = data.m1_reach(Path(folder) / "m1_reach_stevenson/m1_stevenson_2011.mat").arrays
    x, velocity = np.sqrt(recording["spikes"].astype(float)), recording["velocity"]
    more = np.c_[recording["position"], np.gradient(velocity, axis=0)]
    test = np.arange(len(x)) >= 0.8 * len(x)
    expected = glaser(x, np.c_[velocity, more], ~test, test)[:, :2] + velocity[~test].mean(axis=0)
    found = kalman(x, velocity, splits.holdout(test), noise=1.0, state=more).predictions[test]
    apart = np.abs(found - expected) / velocity.std(axis=0)
    assert apart[100:].max() < 5e-3
    theirs, ours = r2(velocity[test], expected).mean(), r2(velocity[test], found).mean()
    assert ours > 0.65 and abs(ours - theirs) < 2e-3
