"""Wald tests of groups of coefficients: against statsmodels, and uniform where nothing is there."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import jaxneuro as jn
from jaxneuro import axes, losses, models, optimizers, splits, statistics

SAMPLES, TARGETS = 300, 3
GROUPS = np.array(["b", "a", "a", "b", "c"])
FAMILIES = {
    "poisson": (losses.poisson, sm.families.Poisson()),
    "bernoulli": (losses.bernoulli, sm.families.Binomial()),
    "gaussian": (losses.squared_error, sm.families.Gaussian()),
}


def glm(loss, outputs: int | None = None) -> jn.Fit:
    return jn.make_fit(
        models.linear(outputs),
        loss,
        optimizers.lbfgs(),
        stop=jn.Stop(gradient=1e-6, plateau=40, max_steps=200),
    )


def recording(family: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, 5)) * [1, 2, 0.5, 1, 1]
    x[:, 1] += x[:, 0]
    eta = x @ rng.normal(0, 0.2, (5, TARGETS))
    if family == "poisson":
        y = rng.poisson(np.exp(eta)).astype(float)
    elif family == "bernoulli":
        y = (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(float)
    else:
        y = 3 + eta + rng.normal(size=eta.shape)
    y[:7, 0] = np.nan
    return x, y


@pytest.mark.parametrize("sandwich", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_is_statsmodels(family: str, sandwich: bool) -> None:
    loss, theirs = FAMILIES[family]
    x, y = recording(family)
    inputs, folds = jn.make_inputs(x, y), splits.k_fold(SAMPLES, 2, seed=0)
    fits = jn.fit_many(glm(loss), inputs, [axes.targets(TARGETS), axes.folds(folds)], lanes=64)
    found = statistics.wald_groups(fits, inputs, GROUPS, sandwich=sandwich)
    assert found.labels.tolist() == ["a", "b", "c"] and found.p.shape == (TARGETS, 2, 3)
    for k, fold in np.ndindex(TARGETS, 2):
        used = (folds.train[fold] > 0) & ~np.isnan(y[:, k])
        model = sm.GLM(y[used, k], sm.add_constant(x[used]), family=theirs)
        fitted = model.fit(tol=1e-12, cov_type="HC0" if sandwich else "nonrobust")
        for i, label in enumerate(found.labels):
            asked = np.eye(6)[1:][label == GROUPS]
            wanted = fitted.wald_test(asked, use_f=False, scalar=True)
            assert found.statistic[k, fold, i] == pytest.approx(wanted.statistic, rel=1e-3)
            assert found.p[k, fold, i] == pytest.approx(wanted.pvalue, rel=1e-2)
            assert found.freedom[k, fold, i] == len(asked)


def test_a_single_coefficient_is_that_of_wald_and_outputs_come_last() -> None:
    x, y = recording("poisson")
    inputs = jn.make_inputs(x, y)
    fits = jn.fit_many(glm(losses.poisson, TARGETS), inputs)
    each = statistics.wald_groups(fits, inputs, np.arange(5))
    assert each.p.shape == (5, TARGETS)
    np.testing.assert_allclose(each.p, statistics.wald(fits, inputs).kernel.p, rtol=1e-6)


def test_features_that_a_fit_does_not_see_are_no_part_of_its_groups() -> None:
    x, y = recording("poisson")
    x[:, 4] = 0  # nothing to learn from
    inputs = jn.make_inputs(x, y)
    kept = axes.ablations([[1, 1, 1, 1, 1], [1, 0, 0, 0, 1]])
    fits = jn.fit_many(glm(losses.poisson), inputs, [axes.targets(TARGETS), kept], lanes=64)
    found = statistics.wald_groups(fits, inputs, GROUPS)
    np.testing.assert_array_equal(found.freedom[0], [[2, 2, np.nan], [np.nan, 1, np.nan]])
    alone = sm.GLM(y[:, 1], sm.add_constant(x[:, :1]), family=sm.families.Poisson()).fit()
    assert found.p[1, 1, 1] == pytest.approx(alone.pvalues[1], rel=1e-2)


def test_p_is_uniform_where_nothing_is_there() -> None:
    rng = np.random.default_rng(1)
    inputs = jn.make_inputs(rng.normal(size=(1000, 5)), rng.poisson(0.5, (1000, 300)))
    fits = jn.fit_many(glm(losses.poisson), inputs, [axes.targets(300)], lanes=64)
    found = statistics.wald_groups(fits, inputs, np.zeros(5, int))
    assert stats.kstest(found.p.ravel(), "uniform").pvalue > 0.01


def test_refuses_labels_of_other_features() -> None:
    x, y = recording("poisson")
    inputs = jn.make_inputs(x, y)
    fits = jn.fit_many(glm(losses.poisson), inputs, [axes.targets(TARGETS)], lanes=64)
    with pytest.raises(ValueError, match="groups has shape"):
        statistics.wald_groups(fits, inputs, GROUPS[:4])
