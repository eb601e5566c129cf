"""Fits of the negative binomial and of gamma: statsmodels' optimum, the start, what is left out."""

import jax.numpy as jnp
import numpy as np
import pytest
import statsmodels.api as sm
from numerics import float64, run, trees_close

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
    penalties,
    statistics,
)

pytestmark = pytest.mark.usefixtures("hasty")

SAMPLES, FEATURES, ALPHA = 80, 3, 0.6
LOSSES = {"negative_binomial": losses.negative_binomial(ALPHA), "gamma": losses.gamma}
FAMILIES = {
    "negative_binomial": sm.families.NegativeBinomial(alpha=ALPHA),
    "gamma": sm.families.Gamma(sm.families.links.Log()),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
EXACT = Stop(max_steps=200, gradient=1e-9, plateau=0)


def recording(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, FEATURES))
    mean = np.exp(x @ [0.5, -0.4, 0.0] + 0.7)
    if name == "gamma":
        return x, mean * rng.gamma(2, 0.5, SAMPLES)
    return x, rng.poisson(mean * rng.gamma(1 / ALPHA, ALPHA, SAMPLES)).astype(float)


def glm(name: str, penalty=(), **more):
    return make_fit(models.linear(), LOSSES[name], optimizers.lbfgs(), penalty, EXACT, **more)


@every_loss
def test_the_optimum_errors_and_criteria_of_statsmodels(name: str) -> None:
    x, y = recording(name)
    design = sm.add_constant(x)
    with float64():
        inputs = make_inputs(x, y)
        fits = fit_many(glm(name), inputs, lanes=1)
        found, robust = (statistics.wald(fits, inputs, sandwich=s) for s in (False, True))
    assert fits.statuses() == {"converged": 1}
    model = sm.GLM(y, design, family=FAMILIES[name])
    theirs = model.fit(tol=1e-14)
    ours = np.r_[found.bias.estimate, found.kernel.estimate]
    np.testing.assert_allclose(ours, theirs.params, rtol=1e-6, atol=1e-8)
    for own, other in ((found, theirs), (robust, model.fit(tol=1e-14, cov_type="HC0"))):
        errors = np.r_[own.bias.standard_error, own.kernel.standard_error]
        np.testing.assert_allclose(errors, other.bse, rtol=1e-6)
    assert found.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)
    assert found.aic == pytest.approx(theirs.aic, rel=1e-9)
    assert found.bic == pytest.approx(theirs.bic_llf, rel=1e-9)
    assert found.dispersion == pytest.approx(theirs.pearson_chi2 / theirs.df_resid, rel=1e-6)


@every_loss
def test_fits_start_at_the_best_constant(name: str) -> None:
    x, y = recording(name)
    with float64():
        inputs = make_inputs(x, y, weight=np.arange(SAMPLES) < 50)
        fit = glm(name)
        started = fit.predict(fit.init(inputs).params, inputs.x[:2])
        np.testing.assert_allclose(started, y[:50].mean(), rtol=1e-7)


@every_loss
def test_what_is_left_out_has_no_influence(name: str) -> None:
    x, y = recording(name)
    fit, apart = glm(name, penalties.ridge(0.1)), np.arange(SAMPLES) >= 70
    with float64():
        sound = make_inputs(x, y, weight=~apart)
        wild = sound._replace(  # impossible values, and exp of what is predicted there overflows
            y=sound.y.at[70:75].set(-3.0).at[75:].set(np.nan), x=sound.x.at[70:].multiply(1e4)
        )
        found, wanted = run(fit, wild), run(fit, sound)
        assert found.status == wanted.status == Status.CONVERGED
        trees_close(found.params, wanted.params, rtol=0)
        bad = run(fit, sound._replace(y=sound.y.at[3].set(-1.0)))
        assert bad.status == Status.BAD_DATA


def test_values_that_gamma_cannot_take_are_named() -> None:
    x, y = recording("gamma")
    y[4] = 0
    with pytest.raises(ValueError, match=r"y\[4\] is 0.0, and the loss takes numbers above 0"):
        fit_many(glm("gamma"), make_inputs(x, y), lanes=1)


@every_loss
def test_relative_strengths_mean_the_same_in_other_units(name: str) -> None:
    """Of gamma exactly, whatever the unit; of counts, about: curvature μ / (1 + αμ)."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 1))
    scales = np.array([0.02, 20.0]) if name == "gamma" else np.array([0.3, 20.0])
    mean = np.exp(0.3 * x) * scales
    y = mean * rng.gamma(1 / ALPHA, ALPHA, (2000, 1))
    y = y if name == "gamma" else rng.poisson(y).astype(float)
    fit = glm(name, penalties.ridge(), standardise=True, relative=True)
    every = [axes.targets(2), axes.grid(l2=[0, 0.5])]
    with float64():
        kernel = fit_many(fit, make_inputs(x, y), every, lanes=4).params["readout"]["kernel"]
    quiet, loud = np.abs(kernel[:, 1] / kernel[:, 0]).reshape(2)
    assert quiet == pytest.approx(loud, rel=1e-6 if name == "gamma" else 0.1)
    assert 0.6 < loud < 0.75  # 2/3 of a weight is left, to second order


def test_the_unit_of_gamma_is_no_matter() -> None:
    x, y = recording("gamma")
    with float64():
        one, other = (run(glm("gamma"), make_inputs(x, y * unit)) for unit in (1.0, 1e-6))
    assert other.status == Status.CONVERGED
    kernels = (jnp.ravel(found.params["readout"]["kernel"]) for found in (one, other))
    np.testing.assert_allclose(*kernels, rtol=1e-6, atol=1e-8)
    moved = other.params["readout"]["bias"] - one.params["readout"]["bias"]
    np.testing.assert_allclose(moved, np.log(1e-6), rtol=1e-6)


def test_the_whole_likelihood_chooses_the_dispersion_and_the_bare_loss_does_not() -> None:
    rng = np.random.default_rng(0)
    y = rng.poisson(3.0 * rng.gamma(1 / ALPHA, ALPHA, 4000)).astype(np.float32)
    bare, whole, pearson = [], [], []
    alphas = [0.01, 0.1, ALPHA, 2.0, 20.0]
    for loss in map(losses.negative_binomial, alphas):
        assert loss.normaliser is not None and loss.constant is not None and loss.curvature
        value = loss(loss.constant(y.mean()), jnp.asarray(y)).mean()
        bare.append(float(value))
        whole.append(float(value + loss.normaliser(jnp.asarray(y), jnp.asarray(1.0)).mean()))
        pearson.append(y.var() * float(loss.curvature(jnp.asarray(y.mean()))) / y.mean() ** 2)
    assert np.argmin(whole) == alphas.index(ALPHA) != np.argmin(bare)
    assert pearson[2] == pytest.approx(1, abs=0.1) and pearson[1] > 1.5 and pearson[3] < 0.6
