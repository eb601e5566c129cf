"""A population of known couplings: filters are found again, and none where there is none."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from jaxneuro import axes, encoding, features, fit_many, make_inputs, statistics

NEURONS, DT, LAGS = 12, 0.005, 20  # of 5 ms
MINUTES, RATE = 20, 8.0  # spikes/s of a neuron that nobody drives


class Population(NamedTuple):
    counts: np.ndarray  # (time, neuron)
    filters: np.ndarray  # (to, from, lag), of the log of the rate
    coupled: np.ndarray  # (to, from) bool, the diagonal left out


def simulate(seed: int) -> Population:
    """Each neuron is refractory, excited by one other and held back by another (Poisson counts,
    log link): 24 of 132 pairs."""
    rng, lag = np.random.default_rng(seed), DT * np.arange(1, LAGS + 1)
    filters = np.zeros((NEURONS, NEURONS, LAGS))
    for to in range(NEURONS):
        peak, trough = rng.choice(np.delete(np.arange(NEURONS), to), 2, replace=False)
        late, slow = rng.uniform(0.01, 0.02, 2)
        filters[to, to] = -3 * np.exp(-lag / 0.01)
        filters[to, peak] = 0.6 * (lag / late) * np.exp(1 - lag / late)
        filters[to, trough] = -0.8 * np.exp(-lag / slow)
    samples = round(MINUTES * 60 / DT)
    drive = np.full((samples + LAGS, NEURONS), np.log(RATE * DT))
    counts, onward = np.zeros((samples, NEURONS)), filters.transpose(1, 2, 0)  # (from, lag, to)
    for t in range(samples):
        counts[t] = rng.poisson(np.exp(drive[t]))
        for k in np.flatnonzero(counts[t]):
            drive[t + 1 : t + 1 + LAGS] += counts[t, k] * onward[k]
    coupled = (filters != 0).any(axis=2) & ~np.eye(NEURONS, dtype=bool)
    return Population(counts, filters, coupled)


def fitted(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Filters (to, from, lag) and p of each pair (to, from), the own history among them: one design
    of 12 × 8 features for all."""
    basis = features.raised_cosine(8, stretch=10.0, name="spikes")
    basis = basis.filters(LAGS * DT, dt=DT, channels=NEURONS)
    allowed = features.couplings(basis, np.ones((NEURONS, NEURONS)))
    inputs = make_inputs(basis.evaluate(counts, dtype=np.float32), counts, hyper={"l2": 1e-6})
    fits = fit_many(encoding.poisson_glm(), inputs, [axes.targets(NEURONS, features=allowed)])
    assert set(fits.statuses()) <= {"converged", "plateau"}
    pairs = statistics.wald_groups(fits, inputs, np.repeat(np.arange(NEURONS), 8))
    return basis.curves(fits.params["readout"]["kernel"][..., 0]).values, pairs.p


@pytest.mark.slow
def test_couplings_are_found_where_they_are_and_nowhere_else() -> None:
    counts, true, coupled = simulate(0)
    found, p = fitted(counts)
    several = coupled | np.eye(NEURONS, dtype=bool)
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(found[several], true[several], strict=True)]
    assert min(r) >= 0.9 and np.median(r) >= 0.97, np.sort(r)
    others = ~np.eye(NEURONS, dtype=bool)
    called = np.zeros_like(coupled)
    called[others] = statistics.fdr(p[others]) <= 0.05
    assert called[coupled].all()  # every one of the 24
    assert (called & ~coupled).sum() <= 0.1 * called.sum()
    assert stats.kstest(p[others & ~coupled], "uniform").pvalue > 0.01
