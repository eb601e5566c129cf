"""Preconditioned fits: the same optimum in fewer steps, whatever the loss, scaling or penalty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import (
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.fit import precondition
from jaxneuro.fit.scaling import Scaling

SAMPLES, FEATURES = 240, 6


def correlated(seed: int = 0) -> np.ndarray:
    """Features whose covariance has a condition number of some ten thousand."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0]
    scales = 10.0 ** np.linspace(0.5, -1.5, FEATURES)
    return (rng.normal(size=(SAMPLES, FEATURES)) * scales) @ turn.T + 1


def responses(loss: str, x: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    drive = np.clip((x - 1) @ rng.normal(0, 0.5, (FEATURES, 3)), -3, 2)
    if loss == "poisson":
        return rng.poisson(np.exp(drive)).astype(float)
    if loss == "bernoulli":
        return (rng.random(drive.shape) < 1 / (1 + np.exp(-drive))).astype(float)
    return drive + rng.normal(size=drive.shape)


def both(loss: str, penalty, hyper, every, **options):
    x = correlated()
    y = responses(loss, x)
    inputs = make_inputs(x, y, hyper=hyper)
    found = []
    for precondition_ in (False, True):
        fit = make_fit(
            models.linear(), getattr(losses, loss), optimizers.lbfgs(), penalty,
            Stop(max_steps=3000, gradient=1e-5, plateau=0), precondition=precondition_, **options,
        )  # fmt: skip
        found.append(fit_many(fit, inputs, [axes.targets(3), *every], lanes=8))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["half_squared_error", "poisson", "bernoulli"])
def test_the_same_optimum_in_fewer_steps(loss):
    every = [axes.folds(splits.blocks(SAMPLES, 3)), axes.grid(l2=[1e-3, 0.1])]
    plain, fast = both(loss, penalties.ridge(), {}, every, standardise=True)
    assert fast.statuses() == {"converged": 18}
    assert fast.steps.max() <= 15 and fast.steps.mean() < 0.5 * plain.steps.mean()
    np.testing.assert_allclose(fast.loss, plain.loss, rtol=1e-5)
    np.testing.assert_allclose(fast.scores["loss"], plain.scores["loss"], rtol=2e-3)


@pytest.mark.slow
def test_a_stiff_penalty_counts():
    """Smoothness along the features: its own curvature is in the basis."""
    penalty = penalties.smoothness("lag", {"lag": FEATURES}, 10.0)
    plain, fast = both("half_squared_error", penalty, {}, [])
    assert fast.steps.mean() < 0.75 * plain.steps.mean()
    np.testing.assert_allclose(fast.loss, plain.loss, rtol=1e-4)


@pytest.mark.slow
def test_features_left_out_have_no_weight():
    kept = np.ones((2, FEATURES))
    kept[1, [0, 3]] = 0
    plain, fast = both(
        "half_squared_error", penalties.ridge(), {"l2": 0.01}, [axes.ablations(kept)],
        standardise=True,
    )  # fmt: skip
    np.testing.assert_allclose(fast.loss, plain.loss, rtol=1e-5)
    kernel = fast.params["readout"]["kernel"]
    assert not kernel[:, 1, [0, 3]].any() and (kernel[:, 1, [1, 2, 4, 5]] != 0).all()
    assert (kernel[:, 0] != 0).all()


def test_a_parabola_takes_one_step():
    """White in the basis: the first step of a quadratic objective is Newton's."""
    x = correlated()
    y = x @ np.linspace(-1, 1, FEATURES) + np.random.default_rng(2).normal(size=SAMPLES)
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(0.01),
        Stop(gradient=1e-3), precondition=True,
    )  # fmt: skip
    assert int(fit_many(fit, make_inputs(x, y)).steps) <= 4  # the first is shortened to length 1


@pytest.mark.slow
def test_a_network_keeps_its_start():
    """q is p in other coordinates: nothing has moved before the first step."""
    x = correlated()
    inputs = make_inputs(x, x[:, 0])
    fits = [
        make_fit(models.mlp((5,)), losses.half_squared_error, optimizers.lbfgs(),
                 penalties.ridge(0.1), standardise=True, precondition=precondition_)
        for precondition_ in (False, True)
    ]  # fmt: skip
    starts = [fit.step(fit.prepare(inputs), fit.init(fit.prepare(inputs))) for fit in fits]
    for a, b in zip(*(jax.tree.leaves(s.kept) for s in starts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    first = [float(s.progress.best_loss) for s in starts]
    assert first[1] == pytest.approx(first[0], rel=1e-5)


def test_there_and_back():
    x = jnp.asarray(correlated(), jnp.float32)
    known = precondition.moments(x, jnp.ones(SAMPLES), True)
    scale = Scaling(x.mean(axis=0) + 0.1, 0.5 / x.std(axis=0))
    basis = precondition.measure(known, scale, jnp.asarray(2.0), jnp.full(FEATURES, 0.1))
    params = {"deep": {"first": {"kernel": x[:FEATURES], "bias": x[0]}}, "other": x[0]}
    layer = ("deep", "first")
    back = precondition.natural(
        precondition.inverse(params, layer, known, basis), layer, known, basis
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), back, params)


@pytest.mark.parametrize("where", [jnp.asarray, np.asarray], ids=["device", "host"])
def test_samples_held_out_for_good_do_not_count(where):
    x = correlated().astype(np.float32)
    wild = x.copy()
    wild[200:] = 1e6
    weight = np.arange(SAMPLES) < 200
    found = [precondition.moments(where(a), where(weight, np.float32), True)
             for a in (x, wild)]  # fmt: skip
    jax.tree.map(np.testing.assert_array_equal, *found)
    covariance = np.corrcoef(x[:200].T)
    values, vectors = found[0].values, found[0].vectors
    np.testing.assert_allclose((vectors * values) @ vectors.T, covariance, atol=1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_few_samples_on_the_host_are_measured_there_alike(scaled, monkeypatch):
    x, weight = correlated().astype(np.float32), np.arange(SAMPLES, dtype=np.float32)
    x[:, 2] = 3  # a feature that does not vary
    wanted = precondition.moments(jnp.asarray(x), jnp.asarray(weight), scaled)
    monkeypatch.setattr(precondition, "_moments", None)
    found = precondition.moments(x, weight, scaled)

    def gram(known):
        return (known.vectors * known.values) @ known.vectors.T

    for one, other in ((found.mean, wanted.mean), (found.deviation, wanted.deviation),
                       (found.values, wanted.values), (gram(found), gram(wanted))):  # fmt: skip
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


def test_what_it_does_not_go_with():
    with pytest.raises(ValueError, match="precondition=True goes with smooth penalties"):
        make_fit(models.linear(), losses.half_squared_error, optimizers.proximal(),
                 penalties.lasso(), precondition=True)  # fmt: skip
    with pytest.raises(ValueError, match="precondition=True needs a model with a dense first"):
        make_fit(models.cnn(2), losses.cross_entropy, optimizers.lbfgs(), precondition=True)
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(), precondition=True
    )
    with pytest.raises(ValueError, match=r"fit.prepare\(inputs\)"):
        fit.init(make_inputs(correlated(), np.ones(SAMPLES)))
