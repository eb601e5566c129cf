"""What was put into simulated recordings is found again."""

import numpy as np
import optax
import pytest

from jaxneuro import (
    Status,
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
)  # fmt: skip
from jaxneuro.data import simulate
from jaxneuro.features import lags


def test_receptive_fields_of_v1_neurons() -> None:
    neurons, samples = 20, 4000
    truth = simulate.v1_population(neurons, samples, (6, 6), seed=0)
    held_out = np.arange(samples) >= 3000
    inputs = make_inputs(truth.images, truth.counts, held_out=held_out, hyper={"l2": 1e-2})
    fit = make_fit(
        models.linear(), losses.poisson, optimizers.lbfgs(), penalties.ridge(),
        scores={"correlation": metrics.correlation},
    )  # fmt: skip
    found = fit_many(fit, inputs, [axes.targets(neurons)], lanes=20)
    assert (found.status == Status.CONVERGED).all()
    kernels = found.params["readout"]["kernel"][..., 0]
    fields = truth.receptive_fields.reshape(neurons, -1)
    match = [np.corrcoef(a, b)[0, 1] for a, b in zip(kernels, fields, strict=True)]
    assert min(match) > 0.9
    size = np.linalg.norm(kernels, axis=1) / np.linalg.norm(fields, axis=1)
    assert size.min() > 0.85 and size.max() < 1.15
    np.testing.assert_allclose(found.params["readout"]["bias"][:, 0], truth.offset, atol=0.2)
    best = truth.best_correlation.mean()
    assert 0.9 * best < found.scores["correlation"].mean() < 1.1 * best


def test_velocity_from_motor_neurons() -> None:
    units, samples = 40, 3000
    truth = simulate.motor_population(units, samples, seed=1, rate=20.0)
    # Spikes lead by 0 to 4 samples: the decoder of velocity sees as many past bins.
    x = np.sqrt(lags(truth.counts, 5))
    held_out = np.arange(samples) >= 2400
    inputs = make_inputs(x, truth.velocity, held_out=held_out, hyper={"l2": 1e-1})
    fit = make_fit(
        models.linear(2), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(),
        scores={"r2": metrics.r2}, standardise=True,
    )  # fmt: skip
    scores = fit_many(fit, inputs, [axes.seeds(1)], lanes=1).scores["r2"][0]

    # The floor: the linear estimate that knows every unit's tuning, lag and mean rate and takes
    # each unit's spikes at its own lag as independent Gaussian evidence on the velocity.
    tuning = truth.depth[:, None] * np.c_[np.cos(truth.direction), np.sin(truth.direction)]
    rate = np.exp(truth.offset + truth.depth**2 / 2)
    aligned = np.stack(
        [np.r_[np.zeros(lag), truth.counts[: samples - lag, u]] for u, lag in enumerate(truth.lag)],
        axis=1,
    )
    slopes = rate[:, None] * tuning  # of the mean count on the velocity, by Stein's lemma
    noise = np.diag(rate + rate**2 * np.expm1(truth.depth**2)) - np.diag((slopes**2).sum(axis=1))
    gain = np.linalg.solve(slopes @ slopes.T + noise, slopes)
    guess = (aligned - rate) @ gain
    v, g = truth.velocity[held_out], guess[held_out]
    floor = 1 - ((v - g) ** 2).sum(axis=0) / ((v - v.mean(axis=0)) ** 2).sum(axis=0)
    assert np.all(floor > 0.5)
    assert np.all(np.asarray(scores) > floor - 0.02)


@pytest.mark.slow
def test_cortical_areas_from_patches() -> None:
    truth = simulate.cortical_patches(1600, 6, 2, 3, seed=2, noise=0.7)
    held_out = np.arange(1600) >= 1200
    fits = {
        name: make_fit(
            model, losses.cross_entropy, optax.adam(3e-3),
            stop=Stop(max_steps=150, gradient=0, plateau=0),
            scores={"accuracy": metrics.accuracy}, batch=64,
        )
        for name, model in (("cnn", models.cnn(3, (8,), (16,))), ("linear", models.linear(3)))
    }  # fmt: skip
    found = {}
    for name, fit in fits.items():
        inputs = make_inputs(truth.x, truth.y, held_out=held_out)
        found[name] = float(fit_many(fit, inputs, [axes.seeds(1)], lanes=1).scores["accuracy"][0])
    assert truth.best_accuracy > 0.95
    assert found["cnn"] > truth.best_accuracy - 0.06
    assert found["linear"] < 0.6  # the phase of a patch is random: no linear filter tells
