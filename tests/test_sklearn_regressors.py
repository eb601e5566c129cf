"""Regressors of scikit-learn's kind against scikit-learn's own, one target at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
import sklearn.linear_model as peers
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_tweedie_score, r2_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

import jaxneuro as jn
from jaxneuro.selection.search import EdgeOfGrid
from jaxneuro.sklearn import FitRegressor, LinearRegressor, NetworkRegressor, PoissonRegressor

pytestmark = pytest.mark.usefixtures("hasty")
SAMPLES, FEATURES, TARGETS = 96, 5, 4


def recording(counts=False):
    """x of unlike units, y (sample, target), weights with zeros."""
    random = np.random.default_rng(1)
    x = random.normal(size=(SAMPLES, FEATURES)) * [1, 2, 0.1, 5, 1] + [0, 10, 0, -3, 1]
    drive = 0.4 * StandardScaler().fit_transform(x) @ random.normal(size=(FEATURES, TARGETS))
    y = random.poisson(np.exp(drive)) if counts else drive + random.normal(size=drive.shape)
    return x, y.astype(float), random.integers(0, 4, SAMPLES).astype(float)


def peer(kind, l2, x, y, weight, factor):
    """Coefficients and intercepts in raw units, by scikit-learn on scaled features."""
    scaler = StandardScaler().fit(x, sample_weight=weight)
    coef, intercept = [], []
    for column in y.T:
        mean = np.average(column, weights=weight)
        model = kind(alpha=l2 * factor(weight, mean), tol=1e-10, max_iter=10000)
        model.fit(scaler.transform(x), column, sample_weight=weight)
        coef.append(model.coef_ / scaler.scale_)
        intercept.append(model.intercept_ - coef[-1] @ scaler.mean_)
    return np.array(coef), np.array(intercept)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_coefficients_are_those_of_scikit_learn(counts, weighted):
    x, y, weight = recording(counts)
    weight = weight if weighted else np.ones(SAMPLES)
    if counts:
        ours = PoissonRegressor(0.05)
        wanted = peer(peers.PoissonRegressor, 0.05, x, y, weight, lambda w, mean: mean)
    else:
        ours = LinearRegressor(0.05)
        wanted = peer(peers.Ridge, 0.05, x, y, weight, lambda w, mean: w.sum())
    ours.fit(x, y, sample_weight=weight if weighted else None)
    np.testing.assert_allclose(ours.coef_, wanted[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, wanted[1], rtol=1e-4, atol=1e-5)
    assert set(ours.statuses_) <= {"converged", "plateau"} and ours.statuses_.shape == (TARGETS,)
    response = ours.predict(x)
    line = x @ wanted[0].T + wanted[1]
    np.testing.assert_allclose(response, np.exp(line) if counts else line, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_float32_is_kept_and_agrees():
    x, y, _ = recording()
    double = LinearRegressor().fit(x, y)
    single = LinearRegressor().fit(x.astype(np.float32), y)
    assert single.predict(x.astype(np.float32)).dtype == np.float32
    assert double.predict(x).dtype == np.float64
    np.testing.assert_allclose(single.coef_, double.coef_, rtol=1e-4, atol=1e-5)
    assert not jax.config.jax_enable_x64  # what the user had


def test_strengths_are_chosen_for_each_target_as_a_loop_would():
    x, y, _ = recording()
    y[:, 0] = np.random.default_rng(3).normal(size=SAMPLES)  # nothing to learn
    strengths = [0.001, 0.1, 10.0]
    with pytest.warns(EdgeOfGrid, match="choices of l2"):
        ours = LinearRegressor(strengths, cv=4).fit(x, y)
    errors = np.zeros((3, TARGETS))
    for train, test in KFold(4).split(x):
        for i, strength in enumerate(strengths):
            ones = np.ones(len(train))
            coef, intercept = peer(
                peers.Ridge, strength, x[train], y[train], ones, lambda w, mean: w.sum()
            )
            errors[i] += np.square(x[test] @ coef.T + intercept - y[test]).mean(axis=0) / 4
    np.testing.assert_array_equal(ours.l2_, np.take(strengths, errors.argmin(axis=0)))
    assert len(set(ours.l2_)) > 1
    np.testing.assert_allclose(ours.inner_scores_, errors.min(axis=0) / 2, rtol=1e-3)
    for target, strength in enumerate(ours.l2_):  # refitted on all samples
        alone = LinearRegressor(strength).fit(x, y[:, target])
        np.testing.assert_allclose(ours.coef_[target], alone.coef_, rtol=1e-5, atol=1e-7)
    table = ours.fits_.table()
    np.testing.assert_allclose(table["l2"], ours.l2_)


def test_y_keeps_its_shape_and_names_are_kept():
    x, y, _ = recording()
    frame = pd.DataFrame(x, columns=[f"feature {i}" for i in range(FEATURES)])
    one = LinearRegressor().fit(frame, pd.Series(y[:, 0]))
    assert list(one.feature_names_in_) == list(frame.columns)
    assert one.coef_.shape == (FEATURES,) and np.ndim(one.intercept_) == 0
    assert one.predict(frame).shape == (SAMPLES,) and one.n_iter_.shape == (1,)
    column = LinearRegressor().fit(x, y[:, :1])
    assert column.predict(x).shape == (SAMPLES, 1) and column.coef_.shape == (1, FEATURES)
    np.testing.assert_array_equal(column.coef_[0], one.coef_)


def test_a_bad_target_fails_alone():
    x, y, _ = recording()
    good = LinearRegressor().fit(x, y)
    spoiled = y.copy()
    spoiled[3, 1], spoiled[:, 2], spoiled[:, 3] = np.inf, np.nan, 7.0  # the last is constant
    with pytest.warns(ConvergenceWarning) as told:
        ours = LinearRegressor().fit(x, spoiled)
    assert "y[3, 1] is inf" in str(told[0].message)
    assert "2 of 4 fits failed" in str(told[1].message) and "target 1" in str(told[1].message)
    assert list(ours.statuses_[1:3]) == ["bad_data", "bad_data"]
    np.testing.assert_array_equal(ours.coef_[0], good.coef_[0])
    predicted = ours.predict(x)
    np.testing.assert_array_equal(np.isnan(predicted).all(axis=0), [False, True, True, False])
    np.testing.assert_allclose(predicted[:, 3], 7.0)
    scores = ours.score_targets(x, spoiled)
    np.testing.assert_array_equal(np.isnan(scores), [False, True, True, False])
    np.testing.assert_allclose(ours.score(x, spoiled), scores[[0, 3]].mean())
    with pytest.raises(ValueError, match="NaN throughout"):
        LinearRegressor().fit(x, np.full(SAMPLES, np.nan))
    with pytest.raises(ValueError, match="loss takes"):
        LinearRegressor().fit(x, spoiled[:, 1])
    with pytest.raises(ValueError, match="numbers from 0"):
        PoissonRegressor().fit(x, y[:, 0])


def test_missing_values_are_left_out_of_their_target_alone():
    x, y, _ = recording()
    gaps = y.copy()
    gaps[:30, 1] = np.nan
    ours, whole = LinearRegressor().fit(x, gaps), LinearRegressor().fit(x, y)
    np.testing.assert_array_equal(ours.coef_[[0, 2, 3]], whole.coef_[[0, 2, 3]])
    late = LinearRegressor().fit(x, y, sample_weight=np.arange(SAMPLES) >= 30)
    np.testing.assert_allclose(ours.coef_[1], late.coef_[1], rtol=1e-6)
    np.testing.assert_allclose(
        ours.score_targets(x, gaps)[1], r2_score(y[30:, 1], ours.predict(x)[30:, 1])
    )


def test_scores_are_those_of_scikit_learn():
    x, y, weight = recording()
    ours = LinearRegressor().fit(x, y)
    wanted = r2_score(y, ours.predict(x), sample_weight=weight, multioutput="raw_values")
    np.testing.assert_allclose(ours.score_targets(x, y, weight), wanted)
    np.testing.assert_allclose(ours.score(x, y, weight), wanted.mean())
    x, y, weight = recording(counts=True)
    counts = PoissonRegressor().fit(x, y)
    rates = counts.predict(x)
    wanted = [d2_tweedie_score(a, b, sample_weight=weight, power=1)
              for a, b in zip(y.T, rates.T, strict=True)]  # fmt: skip
    np.testing.assert_allclose(counts.score_targets(x, y, weight), wanted)
    with pytest.raises(ValueError, match="the prediction"):
        counts.score(x, y[:, :2])


@pytest.mark.slow
def test_too_few_steps_are_told():
    x, y, _ = recording(counts=True)
    with pytest.warns(ConvergenceWarning, match="4 of 4 fits reached their limit"):
        ours = PoissonRegressor(max_iter=1).fit(x, y)
    assert set(ours.statuses_) == {"step_limit"} and (ours.n_iter_ == 1).all()


@pytest.mark.parametrize("strength", [-1.0, np.nan, "strong", [], [[0.1]]])
def test_strengths_must_be_numbers_from_0(strength):
    x, y, _ = recording()
    with pytest.raises(ValueError, match="l2 is"):
        LinearRegressor(strength).fit(x, y)


def _sgd(hyper):
    return optax.sgd(hyper["learning_rate"])


def descent(**options):
    return jn.make_fit(
        jn.models.linear(), jn.losses.half_squared_error, _sgd, jn.penalties.ridge(),
        jn.Stop(**({"max_steps": 60, "gradient": 0, "plateau": 0} | options)),
        scores={"mse": jn.metrics.mean_squared_error}, standardise=True, relative=True,
    )  # fmt: skip


@pytest.mark.slow
def test_any_recipe_with_hyper_parameters_to_choose():
    x, y, _ = recording()
    hyper = {"l2": 0.05, "learning_rate": [1e-3, 0.3]}
    ours = FitRegressor(descent(), hyper, cv=3).fit(x, y)
    assert set(ours.hyper_) == set(hyper) and (ours.hyper_["learning_rate"] > 0.2).all()
    assert set(ours.statuses_) == {"step_limit"}  # a fixed number of steps: no warning
    np.testing.assert_allclose(
        ours.predict(x), LinearRegressor(0.05).fit(x, y).predict(x), atol=0.02
    )
    fast = FitRegressor(descent(), {"l2": 0.05, "learning_rate": 100.0})
    with pytest.warns(ConvergenceWarning, match="diverged"):
        fast.fit(x, y)
    assert np.isnan(fast.predict(x)).all() and np.isnan(fast.score(x, y))
    with pytest.raises(TypeError, match="make_fit"):
        FitRegressor("linear").fit(x, y)
    with pytest.raises(ValueError, match="stops early"):
        FitRegressor(descent(patience=3), hyper).fit(x, y)


def test_clones_share_the_recipe():
    model = jn.models.mlp((3,), activation=lambda x: jnp.tanh(x) + 0.1 * x)
    recipe = descent()._replace(model=model)
    first = FitRegressor(recipe, {"l2": 0.1}, random_state=np.random.RandomState(0))
    second = clone(first)
    assert second.recipe is recipe and second.hyper == first.hyper
    assert second.hyper is not first.hyper and second.random_state is not first.random_state
    assert first.recipe is recipe


@pytest.mark.slow
def test_rows_of_pixels_become_images():
    images = np.random.default_rng(0).normal(size=(40, 6, 6))
    y = images[:, 2:4, 2:4].sum(axis=(1, 2))

    recipe = jn.make_fit(
        jn.models.linear(), jn.losses.half_squared_error, jn.optimizers.lbfgs(),
        jn.penalties.ridge(), standardise=True,
    )  # fmt: skip
    ours = FitRegressor(recipe, {"l2": 0.001}, shape=(6, 6)).fit(images.reshape(40, 36), y)
    assert ours.predict(images.reshape(40, 36)).shape == (40,) and ours.score(
        images.reshape(40, 36), y
    ) > 0.9  # fmt: skip


@pytest.mark.slow
def test_networks_are_reproducible_and_learn():
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, size=(SAMPLES, 2))
    y = np.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2], axis=1)
    first = NetworkRegressor((8,), 1e-4, random_state=3, tol=1e-3).fit(x, y)
    second = NetworkRegressor((8,), 1e-4, random_state=3, tol=1e-3).fit(x, y)
    np.testing.assert_array_equal(first.predict(x), second.predict(x))
    assert (first.score_targets(x, y) > 0.8).all()
    assert first.predict(x).dtype == first.fits_.params["readout"]["bias"].dtype == np.float64
    assert LinearRegressor().fit(x, y).score(x, y) < 0.3
    other = NetworkRegressor((8,), 1e-4, random_state=4, tol=1e-3).fit(x, y)
    assert not np.array_equal(first.predict(x), other.predict(x))
