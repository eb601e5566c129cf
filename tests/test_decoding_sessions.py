"""Sessions with other units: what a short one gains by the core that longer ones teach."""

import numpy as np
import pytest

from jaxneuro.decoding.sessions import decode_sessions

UNITS = (9, 6, 7)
SMALL = {"lags": 3, "readin": 3, "hidden": 8, "steps": 25, "batch": 32, "folds": 2,
         "strengths": (1e-3,), "progress": False}  # fmt: skip


def leaky(values, rate):
    found = np.zeros_like(values)
    for t in range(1, len(values)):
        found[t] = (1 - rate) * found[t - 1] + rate * values[t]
    return found


def simulate(sizes, units, seed=0):
    """Three slow signals that units of each session mix in their own way, and two outputs that are
    products and magnitudes of what these were over the last bins."""
    rng, made = np.random.default_rng(seed), {}
    for i, (size, count) in enumerate(zip(sizes, units, strict=True)):
        signals = leaky(rng.normal(size=(size, 3)), 0.15)
        signals /= signals.std(axis=0)
        slow = leaky(signals, 0.25)
        y = np.stack([np.tanh(2 * slow[:, 0]) * signals[:, 1], np.abs(slow[:, 2])], axis=1)
        y[:, 1] += 0.3 * signals[:, 0]
        x = signals @ rng.normal(size=(3, count)) + rng.normal(size=(size, count))
        made[f"day {i}"] = x + 5 * rng.normal(size=count), y
    return made


@pytest.fixture(scope="module")
def small(hasty):
    sessions = simulate((160, 120, 100), UNITS)
    return sessions, decode_sessions(sessions, **SMALL)


def test_what_is_held_out_is_decoded_by_its_own_session(small) -> None:
    sessions, found = small
    assert found.names == tuple(sessions) and found.r2.shape == (3, 2)
    for i, (name, (x, y)) in enumerate(sessions.items()):
        told = found.predictions[name]
        held = ~np.isnan(told).any(axis=1)
        assert told.shape == y.shape and held.sum() == len(x) // 5 and held[-1]
        np.testing.assert_allclose(found.predict(x, name)[held], told[held], atol=1e-4)
        left = np.square(y[held] - told[held]).sum(axis=0)
        total = np.square(y[held] - y[held].mean(axis=0)).sum(axis=0)
        np.testing.assert_allclose(found.r2[i], 1 - left / total, rtol=1e-4)
    assert "3 sessions" in repr(found) and any(note.startswith("day 2: ") for note in found.notes)


def test_held_out_movement_and_units_of_recording_change_nothing(small) -> None:
    sessions, found = small
    changed = {}
    for i, (name, (x, y)) in enumerate(sessions.items()):
        held = ~np.isnan(found.predictions[name]).any(axis=1)
        spoiled = np.where(held[:, None], 99.0, y)
        changed[name] = ((1e-9, 1, 1e6)[i] * x, spoiled)
    other = decode_sessions(changed, **SMALL)
    for name, told in found.predictions.items():
        np.testing.assert_allclose(other.predictions[name], told, atol=2e-3)


def test_held_out_units_of_one_session_reach_no_other(small) -> None:
    sessions, found = small
    x, y = sessions["day 0"]
    test = np.arange(len(x)) >= 128
    more = {name: given for name, given in sessions.items() if name != "day 0"}
    noisy = {"day 0": (np.where(test[:, None], x + 3, x), y)} | more
    other = decode_sessions(noisy, **SMALL)
    for name in more:
        np.testing.assert_array_equal(other.predictions[name], found.predictions[name])


@pytest.mark.slow
def test_trials_and_what_is_held_out_are_as_given(small) -> None:
    sessions, _ = small
    trials = {"day 1": np.repeat(np.arange(12), 10)}
    test = {"day 1": np.repeat(np.arange(12), 10) % 4 == 0}
    found = decode_sessions(sessions, **SMALL, trials=trials, test=test, seeds=2)
    assert (~np.isnan(found.predictions["day 1"]).any(axis=1) == test["day 1"]).all()
    x = sessions["day 1"][0].copy()
    own = found.predict(x, "day 1", trials["day 1"])
    x[:10] += 100  # no lag reaches over
    np.testing.assert_array_equal(found.predict(x, "day 1", trials["day 1"])[10:], own[10:])


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"sessions": {}}, "no session"),
        ({"sessions": {"a": (np.ones((20, 2, 2)), np.ones(20))}}, r"a: x is \(20, 2, 2\) and y"),
        ({"sessions": {"a": (np.ones((20, 2)), np.ones(19))}}, r"a: x is \(20, 2\) and y \(19, 1"),
        ({"sessions": {"a": (np.full((20, 2), np.nan), np.ones(20))}}, "a: x has values that are"),
        ({"sessions": [(np.ones((20, 2)), np.ones((20, n))) for n in (1, 2)]}, r"\[1, 2\] outputs"),
        ({"test": {"none": np.ones(3)}}, "test: there is no session 'none'"),
        ({"readin": 0}, "readin is 0"),
    ],
)
def test_what_is_wrong_is_named(changed, told) -> None:
    given = {"sessions": simulate((40,), (3,))} | SMALL | changed
    with pytest.raises(ValueError, match=told):
        decode_sessions(given.pop("sessions"), **given)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_short_session_gains_by_the_core_that_long_ones_teach(seed) -> None:
    """200 samples of 15 units, 160 of which may be fitted, beside two sessions of 2 500 samples of
    15 other units each; the score is of 1 000 more samples."""
    sessions = simulate((2500, 2500, 1200), (15, 15, 15), seed)
    own = {"lags": 7, "readin": 3, "hidden": 24, "steps": 1000, "batch": 128, "dropout": 0.1,
           "folds": 2, "strengths": (1e-4, 1e-3, 1e-2), "progress": False}  # fmt: skip
    test = {"day 2": np.arange(1200) >= 200}
    together = decode_sessions(sessions, **own, test=test)
    alone = decode_sessions({"day 2": sessions["day 2"]}, **own, test=test)
    assert together.r2[2].mean() > alone.r2[0].mean() + 0.05
    assert together.r2[2].mean() > 0.6 and together.r2[:2].mean() > 0.75
