"""Published fits of real recordings (Kramer & Eden, Case Studies in Neural Data Analysis, 2016)."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import xlogy

import jaxneuro as jn
from jaxneuro import losses, models, optimizers, statistics

loadmat = pytest.importorskip("scipy.io").loadmat
FIT = jn.make_fit(
    models.linear(),
    losses.poisson,
    optimizers.lbfgs(),
    stop=jn.Stop(max_steps=500, gradient=1e-7),
    standardise=True,
    precondition=True,
)


def _recording(name: str) -> dict[str, Any]:
    root = os.environ.get("JAXNEURO_TEST_DATA")
    file = Path(root or "") / "place_cell_kramer" / name
    if not root or not file.exists():
        pytest.skip(f"JAXNEURO_TEST_DATA holds no place_cell_kramer/{name}")
    return loadmat(file)


def _place_cell() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position (cm), direction of running and spikes in each bin of 1 ms."""
    found = _recording("spikes-1.mat")
    time, place, spikes = (found[name].ravel() for name in ("t", "X", "spiketimes"))
    counts, _ = np.histogram(spikes, bins=len(time), range=(time[0], time[-1]))
    return place, np.append(place[1:] > place[:-1], False), counts


def _fitted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients, the constant first, and AIC."""
    fits = jn.fit_many(FIT, jn.make_inputs(x, y))
    assert set(fits.statuses()) <= {"converged", "plateau"}
    dense = {name: np.asarray(fits.params["readout"][name], float) for name in ("kernel", "bias")}
    coefficients = np.r_[dense["bias"].ravel(), dense["kernel"].ravel()]
    log_rate = coefficients[0] + x @ coefficients[1:]
    log_likelihood = np.sum(y * log_rate - np.exp(log_rate))  # log y! of 0 and 1 is 0
    assert y.max() <= 1 and xlogy(1, 1) == 0
    return coefficients, 2 * len(coefficients) - 2 * log_likelihood


@pytest.mark.slow
def test_place_cell() -> None:
    place, direction, counts = _place_cell()
    columns = [place, place**2, direction]
    published = [
        ([-7.438887, 0.012943], 3344.790863),
        ([-26.279057, 0.690114, -0.005463], 2708.776362),
        ([-28.870275, 0.688905, -0.005452, 3.275282], 2708.776362 - 233.8694),
    ]
    for size, (coefficients, aic) in enumerate(published, start=1):
        found = _fitted(np.stack(columns[:size], axis=1), counts)
        np.testing.assert_allclose(found[0], coefficients, atol=1e-3)
        assert found[1] == pytest.approx(aic, abs=0.01)


@pytest.mark.slow
def test_errors_of_the_place_cell() -> None:
    """The published intervals of the quadratic model, two standard errors wide to either side, and
    p of direction."""
    place, direction, counts = _place_cell()
    found = []
    for columns in ([place, place**2], [place, place**2, direction]):
        inputs = jn.make_inputs(np.stack(columns, axis=1), counts[:, None])
        found.append(statistics.wald(jn.fit_many(FIT, inputs, [jn.axes.targets(1)]), inputs))
    quadratic, directed = found
    estimate, error = (
        np.r_[quadratic.bias[k], quadratic.kernel[k][0]]  # estimates, then their errors
        for k in (0, 1)
    )
    published = np.array([[-29.9543, -22.6038], [0.5778, 0.8024], [-0.006309, -0.004616]])
    ends = estimate[:, None] + np.array([-2, 2]) * error[:, None]
    np.testing.assert_allclose(ends, published, rtol=2e-4)
    assert directed.kernel.p[0, 2] == pytest.approx(9.5556e-20, rel=0.02)


@pytest.mark.slow
def test_time_rescaling_gives_the_published_verdicts() -> None:
    place, direction, counts = _place_cell()
    columns = np.stack([place, place**2, direction], axis=1)
    verdicts = []
    for size in (2, 3):
        coefficients, _ = _fitted(columns[:, :size], counts)
        rate = np.exp(coefficients[0] + columns[:, :size] @ coefficients[1:])
        verdicts.append(bool(statistics.time_rescaling(counts, rate).passes))
    assert verdicts == [False, True]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jaxneuro.selection.Leakage")  # at rest, places repeat
def test_place_cell_is_predicted_by_the_one_call() -> None:
    """Without penalty, the last fifth held out: 3.57 bits per spike."""
    place, direction, counts = _place_cell()
    test = np.arange(len(counts)) >= 0.8 * len(counts)
    x = np.stack([place, place**2, direction], axis=1)
    glm = jn.encoding.Candidate(jn.encoding.poisson_glm(), jn.axes.grid(l2=[1e-6, 1e-3]))
    found = jn.encoding.fit_neurons(x, counts, test=test, models={"glm": glm}, folds=2)
    assert found.counts and found.scores["glm"]["bits_per_spike"][0] == pytest.approx(3.57, abs=0.1)
    assert found.sure.p[0] <= 0.01
