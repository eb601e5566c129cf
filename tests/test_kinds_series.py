"""Rare events, and events whose cause lies in the past."""

from pathlib import Path

import numpy as np
import pytest
from jobs import run
from numerics import run as run_one

import jaxneuro as jn
from jaxneuro import features, losses, metrics, models, optimizers, penalties
from jaxneuro.selection import lag_choice


def _of_means(loss: losses.Loss, low: int, high: int) -> np.ndarray:
    """Events in 2 × 500 samples, of which so many of each half have one."""
    many = np.arange(500)
    y = np.r_[many < low, many < high]
    if loss.labels:
        return y.astype(np.int32)
    return y.astype(np.float32)


RARE = {
    "poisson": (losses.poisson, (4, 6), (300, 450), 2.0),
    "negative binomial": (losses.negative_binomial(0.5), (4, 6), (300, 450), 2.0),
    "bernoulli": (losses.bernoulli, (4, 6), (220, 280), 2.0),
    "softplus": (losses.poisson_softplus, (4, 6), (300, 450), 2.0),
    "squared": (losses.squared_error, (4, 6), (220, 280), 2.0),
    "cross-entropy": (losses.cross_entropy, (4, 6), (220, 280), 1.5),
}


@pytest.mark.parametrize("name", RARE)
def test_a_strength_means_the_same_for_rare_and_for_common_events(name: str) -> None:
    loss, *events, expected = RARE[name]
    fit = jn.make_fit(
        models.linear(2 if loss.labels else None), loss, optimizers.lbfgs(), penalties.ridge(),
        jn.Stop(gradient=1e-6), standardise=True, relative=True,
    )  # fmt: skip
    x = np.repeat([-1.0, 1.0], 500)[:, None]
    for low, high in events:
        none, one = (
            run_one(fit, jn.make_inputs(x, _of_means(loss, low, high), hyper={"l2": l2}))
            for l2 in (1e-6, 1.0)
        )
        none, one = (np.abs(found.params["readout"]["kernel"]).max() for found in (none, one))
        # To second order, strength 1 halves a weight; of two logits, each has two thirds left.
        assert none / one == pytest.approx(expected, rel=0.12)


@pytest.mark.slow
def test_spikes_in_one_of_many_bins_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 1, 6000)
    log_rate = -0.5 * ((place[:, None] - [0.3, 0.7]) / [0.06, 0.15]) ** 2 + np.log([0.05, 0.4])
    x = np.stack([place, place**2], axis=1)
    y = rng.poisson(np.exp(log_rate))
    test = np.arange(6000) >= 4500
    found = run("neuron_activity", tmp_path, x=x, y=y, test=test)
    truth = np.mean(metrics.bits_per_spike(y[test], np.exp(log_rate[test])))
    assert set(found["bits_per_spike"]) == set(found["models"]) == {
        "ridge", "Poisson GLM", "Poisson MLP", "each neuron's own"
    }  # fmt: skip
    assert found["bits_per_spike"]["Poisson GLM"] > 0.9 * truth
    assert found["model"] != "ridge"
    assert found["score"] == found["models"][found["model"]]


# The past of a series


def _delayed(samples: int = 600, delay: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, 3))
    drive = np.roll(x, delay, axis=0) @ rng.normal(size=(3, 2))
    drive[:delay] = 0
    return x, drive + 0.3 * rng.normal(size=drive.shape)


@pytest.mark.slow
def test_a_series_is_decoded_from_its_past(tmp_path: Path) -> None:
    x, y = _delayed()
    found = run("neural_decoding", tmp_path, x=x, y=y, dt=0.02)
    assert found["lags"] == 10
    assert found["models"]["linear decoder"] > 0.8
    assert found["models"]["exact ridge"] > 0.8
    assert found["gap_to_exact"] < 1e-3
    best, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert np.max(metrics.r2(y, x @ best)) < 0.1  # of the present alone


@pytest.mark.slow
def test_neurons_answer_late(tmp_path: Path) -> None:
    x, drive = _delayed(seed=1)
    y = np.random.default_rng(1).poisson(np.exp(0.5 * drive - 1))
    found = run("neuron_activity", tmp_path, x=x, y=y, dt=0.02)
    assert found["bits_per_spike"]["Poisson GLM"] > 0.1  # 0 of the present, x being white
    assert found["models"]["Poisson GLM"] > 0.2


@pytest.mark.slow
def test_no_lag_reaches_over_the_edge_of_a_group(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    groups = np.repeat(["b", "a", "c"], 20)
    design, axis = lag_choice(x, (0, 2, 4), groups)
    assert design.shape == (60, 5, 2) and axis.labels == (0, 2, 4)
    for name in "abc":
        alone = features.lags(x[groups == name] - np.median(x, axis=0), 5)
        np.testing.assert_array_equal(design[groups == name], alone)
    seen = [np.asarray(axis.select(jn.make_inputs(design, np.zeros(60)), i).features).sum()
            for i in range(3)]  # fmt: skip
    assert seen == [2, 6, 10]
    x, y = _delayed()
    trials = np.repeat([f"trial {i}" for i in range(20)], 30)
    found = run("neural_decoding", tmp_path, x=x, y=y, dt=0.02, groups=trials)
    assert found["lags"] == 10
    assert found["models"]["linear decoder"] > 0.5  # but for the first bins of each trial
