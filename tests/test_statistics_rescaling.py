"""The time-rescaling test: against scipy, and on models that are right and wrong."""

import numpy as np
import pytest
from scipy import stats

from jaxneuro.statistics import time_rescaling


def test_is_the_test_of_scipy() -> None:
    rng = np.random.default_rng(0)
    rate = rng.gamma(2, 0.02, (5000, 3))
    counts = rng.random((5000, 3)) < rate
    found = time_rescaling(counts, rate)
    for i in range(3):
        at = np.flatnonzero(counts[:, i])
        intervals = np.diff(np.cumsum(rate[:, i])[at], prepend=0)
        wanted = stats.kstest(1 - np.exp(-intervals), "uniform")
        assert found.statistic[i] == pytest.approx(wanted.statistic, abs=1e-9)
        assert found.p[i] == pytest.approx(wanted.pvalue, abs=0.01)
        assert found.spikes[i] == len(at)


def test_p_of_the_true_rate_is_uniform_and_of_another_small() -> None:
    rng = np.random.default_rng(1)
    rate = 0.02 * (1 + np.sin(np.arange(4000) / 100))[:, None] * np.ones(300)
    counts = rng.poisson(rate)
    found = time_rescaling(counts, rate)
    assert stats.kstest(found.p, "uniform").pvalue > 0.01
    assert 0.9 < found.passes.mean() < 0.99
    flat = time_rescaling(counts, np.full_like(rate, 0.02))
    assert flat.passes.mean() < 0.5 and np.median(flat.p) < 0.05


def test_history_in_the_rate_is_allowed() -> None:
    rng = np.random.default_rng(2)
    counts, rate = np.zeros((2, 20_000))
    for t in range(20_000):
        rate[t] = 0.02 if not counts[max(0, t - 40) : t].any() else 0.001
        counts[t] = rng.random() < rate[t]
    assert time_rescaling(counts, rate).p > 0.05
    without = np.full_like(rate, counts.mean())
    assert time_rescaling(counts, without).p < 1e-4


def test_several_spikes_of_a_bin_lie_at_even_parts_of_it() -> None:
    found = time_rescaling(np.array([2, 0, 1]), np.array([1.0, 0.5, 0.5]))
    uniform = np.sort(1 - np.exp(-np.array([0.5, 0.5, 1.0])))
    wanted = stats.kstest(uniform, "uniform").statistic
    assert found.statistic == pytest.approx(wanted) and found.spikes == 3


def test_a_neuron_without_spikes_is_undefined() -> None:
    found = time_rescaling(np.zeros((9, 2)), np.ones((9, 2)))
    assert np.isnan(found.statistic).all() and np.isnan(found.p).all()
    assert np.isnan(found.bound).all() and not found.passes.any()


@pytest.mark.parametrize(
    ("counts", "rate", "words"),
    [
        (np.ones(3), np.ones(4), "counts has shape"),
        (np.array([0.5]), np.ones(1), "whole numbers"),
        (np.ones(2), np.array([1, -1.0]), "rate must be finite"),
        (np.ones(2), np.array([1, np.nan]), "rate must be finite"),
    ],
)
def test_bad_input_is_named(counts, rate, words) -> None:
    with pytest.raises(ValueError, match=words):
        time_rescaling(counts, rate)
