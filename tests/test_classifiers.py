"""Closed-form and ridge classifiers against scikit-learn and brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import (
    areas,
    fit_many,
    make_inputs,
)
from jaxneuro.classify import descent
from jaxneuro.classify.factor import whitening
from jaxneuro.classify.scaling import ninther
from jaxneuro.decoding import lda, logistic, max_correlation

discriminant = pytest.importorskip("sklearn.discriminant_analysis")
optimize = pytest.importorskip("scipy.optimize")
special = pytest.importorskip("scipy.special")
linear_model = pytest.importorskip("sklearn.linear_model")

# trials, features, classes: the fewer of trials and features decides how it is solved
LDA = jax.jit(lda, static_argnums=(3, 4))
LOGISTIC = jax.jit(logistic, static_argnums=3)
SHAPES = [(150, 8, 3), (90, 40, 2), (40, 90, 4)]


def draw(trials, features, classes, seed=0):
    """Twice as many trials as asked for: train, then test."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, 2 * trials - classes)]
    mixing = rng.normal(size=(features, features)) / np.sqrt(features)
    x = rng.normal(size=(2 * trials, features)) @ mixing
    x += 0.5 * rng.normal(size=(classes, features))[y]
    return x.astype(np.float32), y, np.arange(2 * trials) < trials


def differences(scores):
    return scores - scores[:, :1]


def sklearn_scores(model, x):
    found = model.decision_function(x)
    return differences(np.c_[np.zeros(len(x)), found] if found.ndim == 1 else found)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", 0.2, 1.0, 0.0])
def test_lda_is_that_of_scikit_learn(shape, shrinkage):
    x, y, train = draw(*shape)
    if shrinkage == 0 and shape[1] > shape[0]:
        pytest.skip("not defined")
    theirs = {"ledoit_wolf": "auto", 0.0: None}.get(shrinkage, shrinkage)
    model = discriminant.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=theirs)
    model.fit(x[train].astype(float), y[train])
    made = LDA(x, y, train.astype(np.float32), shape[2], shrinkage)
    expected = sklearn_scores(model, x[~train].astype(float))
    found = differences(made.scores(jnp.asarray(x[~train])))
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    assert (np.asarray(made.predict(x[~train])) == model.predict(x[~train])).all()


def test_lda_of_trials_drawn_twice_and_of_constant_features():
    x, y, train = draw(150, 8, 3)
    x[:, 2] = 5.0
    weight = train * np.random.default_rng(1).integers(0, 3, len(x)).astype(np.float32)
    drawn = np.repeat(np.arange(len(x)), weight.astype(int))
    once = lda(x[drawn], y[drawn], np.ones(len(drawn), np.float32), 3)
    np.testing.assert_allclose(
        LDA(x, y, weight, 3, "ledoit_wolf").kernel, once.kernel, rtol=1e-4, atol=1e-4
    )


def test_max_correlation_is_what_it_says():
    x, y, train = draw(60, 20, 4)
    made = max_correlation(x, y, train.astype(np.float32), 4)
    means = np.stack([x[train & (y == c)].mean(axis=0) for c in range(4)])
    correlation = np.corrcoef(x[~train], means)[: (~train).sum(), (~train).sum() :]
    pattern = x[~train] - x[~train].mean(axis=1, keepdims=True)
    length = np.linalg.norm(pattern, axis=1, keepdims=True)
    np.testing.assert_allclose(made.scores(x[~train]) / length, correlation, atol=1e-5)
    assert (np.asarray(made.predict(x[~train])) == correlation.argmax(axis=1)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("l2", [0.03, 3.0])
def test_logistic_is_that_of_scikit_learn(shape, l2):
    trials, _, classes = shape
    x, y, train = draw(*shape)
    share = (np.bincount(y[train], minlength=classes) + 0.5) / (trials + 0.5 * classes)
    strength = l2 * (share * (1 - share)).mean() * trials / (2 if classes == 2 else 1)
    model = linear_model.LogisticRegression(C=1 / strength, max_iter=5000, tol=1e-8)
    model.fit(x[train].astype(float), y[train])
    made = LOGISTIC(x, y, train.astype(np.float32), classes, np.float32(l2))
    expected = sklearn_scores(model, x[~train])
    found = differences(np.asarray(made.scores(jnp.asarray(x[~train]))))
    np.testing.assert_allclose(found, expected, atol=5e-3 * np.abs(expected).max())
    np.testing.assert_allclose(made.kernel.sum(axis=1), 0, atol=1e-4)


def test_logistic_is_softmax_regression():
    x, y, train = draw(150, 8, 3)
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    fit = areas.softmax_regression(3)
    inputs = make_inputs(x, y, held_out=~train, hyper={"l2": 0.3})
    fitted = fit_many(fit, inputs)
    kernel = fitted.params["readout"]["kernel"]
    made = LOGISTIC(x, y, train.astype(np.float32), 3, np.float32(0.3))
    np.testing.assert_allclose(made.kernel, kernel, atol=5e-3)


EVERY = {
    "lda": jax.jit(lda, static_argnums=3),
    "max_correlation": jax.jit(max_correlation, static_argnums=3),
    "logistic": jax.jit(lambda *given: logistic(*given, 0.5), static_argnums=3),
}


@pytest.mark.parametrize("name", EVERY)
def test_what_is_left_out_leaves_no_trace_and_an_absent_class_is_never_predicted(name):
    classify = EVERY[name]
    x, y, train = draw(60, 5, 4)
    weight = (train & (y != 2)).astype(np.float32)
    made = classify(x, y, weight, 4)
    rng = np.random.default_rng(2)
    garbage = np.where(weight[:, None] > 0, x, 1e3 * rng.normal(size=x.shape)).astype(np.float32)
    again = classify(garbage, np.where(weight > 0, y, rng.integers(0, 4, len(y))), weight, 4)
    for mine, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(mine, other)
    if name != "logistic":
        assert not (np.asarray(made.predict(jnp.asarray(x))) == 2).any()


@pytest.mark.parametrize("name", EVERY)
def test_neighbours_in_a_batch_change_nothing(name):
    x, y, train = draw(40, 5, 3)
    weight = train.astype(np.float32)
    batch = jnp.stack([x, np.full_like(x, np.nan), 100 * x, x])
    made = jax.jit(jax.vmap(lambda x: EVERY[name](x, y, weight, 3)))(batch)
    for part in made:
        np.testing.assert_array_equal(part[0], part[3])
        assert np.isfinite(part[2]).all()
    assert np.isnan(made.kernel[1]).any()


def test_logistic_steps_are_few_and_separable_classes_end():
    x, y, train = draw(90, 40, 2)
    x[:, 0] += 100 * y
    made = LOGISTIC(x, y, train.astype(np.float32), 2, np.float32(1e-6))
    assert np.isfinite(made.kernel).all()
    assert (np.asarray(made.predict(jnp.asarray(x))) == y).mean() > 0.95


@pytest.mark.parametrize("classes", [2, 6])
def test_logistic_of_trials_far_out_is_at_the_least_objective(classes):
    x, y, train = draw(200, 20, classes)
    x[:4] *= 30
    share = (np.bincount(y[train], minlength=classes) + 0.5) / (200 + 0.5 * classes)
    ridge = 1e-2 * (share * (1 - share)).mean()

    def objective(flat):
        kernel, bias = np.split(flat.reshape(21, classes), [20])
        scores = x[train].astype(float) @ kernel + bias
        chance = special.softmax(scores, axis=1)
        error = (chance - np.eye(classes)[y[train]]) / 200
        loss = (special.logsumexp(scores, axis=1) - scores[range(200), y[train]]).mean()
        slope = np.r_[x[train].T @ error + ridge * kernel, error.sum(axis=0)[None]]
        return loss + 0.5 * ridge * (kernel**2).sum(), slope.ravel()

    least = optimize.minimize(objective, np.zeros(21 * classes), jac=True, tol=1e-12).fun
    made = LOGISTIC(x, y, train.astype(np.float32), classes, np.float32(1e-2))
    found, _ = objective(np.r_[made.kernel, made.bias[None]].astype(float).ravel())
    np.testing.assert_allclose(found, least, rtol=1e-4)


def test_a_step_that_overshoots_is_followed_by_one_that_cannot():
    """Of log cosh, Newton's step from far out goes further out on the other side each time."""
    objective = descent.Objective(
        scores=lambda point: point,
        judged=lambda point, scores: descent.Judged(
            jnp.log(jnp.cosh(scores)).sum() + 1e-4 * jnp.square(point).sum(),
            jnp.tanh(scores) + 2e-4 * point,
            scores,
        ),
        downhill=lambda gradient: -gradient,
        bent=lambda direction, change, scores: descent.Bent(
            (jnp.square(change / jnp.cosh(scores))).sum() + 2e-4 * jnp.square(direction).sum(),
            jnp.zeros(()),  # as if nothing bent it: the first step is Newton's
            2 * jnp.abs(change).max(),
        ),
    )
    start = jnp.array([2.0, -1.5, 3.0])
    found = jax.jit(lambda start: descent.descend(objective, start, start))(start)
    np.testing.assert_allclose(found, 0, atol=1e-4)


@pytest.mark.parametrize("size", [1, 5, 32, 33, 100, 600])
def test_whitening_is_the_inverse_of_the_factor(size):
    rows = np.random.default_rng(size).normal(size=(2 * size + 3, size))
    matrix = (rows.T @ rows / len(rows) + 0.1 * np.eye(size)).astype(np.float32)
    found = np.asarray(whitening(jnp.asarray(matrix)))
    expected = np.linalg.inv(np.linalg.cholesky(matrix.astype(np.float64)))
    assert (np.triu(found, 1) == 0).all()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_the_ninther_is_the_median_of_medians():
    x = np.random.default_rng(0).normal(size=(9, 50))
    found = np.asarray(ninther(jnp.asarray(x)))
    np.testing.assert_allclose(found, np.median(np.median(x.reshape(3, 3, 50), 1), 0), rtol=1e-6)
    x[2] = 1e30
    assert np.abs(ninther(jnp.asarray(x))).max() < 5
