"""What `identify` is made of: screening, components, the linear support vector machine, weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import jaxneuro as jn
from jaxneuro import areas, axes, losses, splits
from jaxneuro.classify.components import component_lda

CLASSES = 3


def samples(count=90, features=12, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(count) % CLASSES)
    x = rng.normal(size=(count, features)) * np.logspace(-1, 1, features) + 5
    x[:, :4] += y[:, None] * x[:, :4].std(axis=0) * 0.8
    return x, y


def test_the_f_of_an_analysis_of_variance():
    x, y = samples()
    x[:, 7] = 2.0  # never varies
    weight = np.r_[np.ones(80), np.zeros(10)]
    found = areas.anova(*map(jnp.asarray, (x, y, weight)), CLASSES)
    there = np.arange(12) != 7
    theirs, _ = f_classif(x[:80][:, there], y[:80])
    np.testing.assert_allclose(np.asarray(found)[there], theirs, rtol=1e-3)
    assert found[7] == 0
    twice = areas.anova(*map(jnp.asarray, (x, y, 2 * weight)), CLASSES)
    theirs, _ = f_classif(np.tile(x[:80][:, there], (2, 1)), np.tile(y[:80], 2))
    np.testing.assert_allclose(np.asarray(twice)[there], theirs, rtol=1e-3)


def test_screening_is_fitted_on_the_training_samples_of_each_fold():
    """scikit-learn's pipeline of scaling, `SelectKBest` and logistic regression, fold by fold."""
    x, y = samples(seed=1)
    made = splits.k_fold(90, 3, seed=0)
    strength, counts = 0.1, (2, 5, 12)
    fits = jn.fit_many(
        areas.softmax_regression(CLASSES), jn.make_inputs(x, y),
        [axes.folds(made), areas.screening(counts, CLASSES), axes.grid(l2=[strength])], lanes=3,
    )  # fmt: skip
    told = fits.predict(x)[:, :, 0]
    kernels = np.asarray(fits.params["readout"]["kernel"])
    for fold, train in enumerate(made.train > 0):
        shares = np.bincount(y[train]) / train.sum()
        ridge = strength * float((shares * (1 - shares)).mean())  # relative to the curvature
        for k, count in enumerate(counts):
            theirs = make_pipeline(
                StandardScaler(), SelectKBest(f_classif, k=count),
                LogisticRegression(C=1 / (ridge * train.sum()), tol=1e-8, max_iter=5000),
            ).fit(x[train], y[train])  # fmt: skip
            np.testing.assert_allclose(told[fold, k], theirs.predict_proba(x), atol=4e-3)
            kept = np.abs(kernels[fold, k, 0]).max(axis=1) > 0
            assert kept.sum() == count
            np.testing.assert_array_equal(kept, theirs[1].get_support())


@pytest.mark.slow
def test_what_is_scored_has_no_say_in_what_is_kept():
    x, y = samples(seed=2)
    held = np.arange(90) >= 60
    made = splits.holdout(held)
    other = np.where(held[:, None], np.random.default_rng(0).normal(size=x.shape) * 50, x)
    kernels = []
    for given in (x, other):
        fits = jn.fit_many(
            areas.softmax_regression(CLASSES), jn.make_inputs(given, y),
            [axes.folds(made), areas.screening([3], CLASSES), axes.grid(l2=[0.1])], lanes=1,
        )  # fmt: skip
        kernels.append(np.asarray(fits.params["readout"]["kernel"]).squeeze())
    np.testing.assert_array_equal(*[np.abs(k).max(axis=1) > 0 for k in kernels])


def test_a_linear_support_vector_machine_is_liblinears():
    x, y = samples(seed=3)
    strength = 0.05
    fits = jn.fit_many(
        areas.linear_svm(CLASSES), jn.make_inputs(x, y, held_out=np.zeros(90)),
        [axes.grid(l2=[strength])], lanes=1,
    )  # fmt: skip
    z = StandardScaler().fit_transform(x)
    theirs = LinearSVC(C=1 / (2 * strength * 90), intercept_scaling=1e3, tol=1e-8, max_iter=200_000)
    theirs.fit(z, y)
    dense = {n: np.asarray(v)[0] for n, v in fits.params["readout"].items()}
    scores = x @ dense["kernel"] + dense["bias"]
    np.testing.assert_allclose(scores, theirs.decision_function(z), atol=0.02)
    told = fits.predict(x)[0]
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-6)
    assert (told.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_the_best_constant_of_the_squared_hinge():
    """One score of each class, of samples with these shares: by a search, and its curvature."""
    shares = np.array([0.5, 0.3, 0.2])
    y = np.repeat(np.arange(3), [50, 30, 20])

    def mean(scores):
        made = jnp.broadcast_to(jnp.asarray(scores), (100, 3))
        return losses.squared_hinge(made, jnp.asarray(y)).mean()

    theirs = minimize(lambda s: float(mean(s)), np.zeros(3), method="Nelder-Mead",
                      options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000})  # fmt: skip
    found = losses.squared_hinge.constant(jnp.asarray(shares))
    np.testing.assert_allclose(found, theirs.x, atol=2e-3)
    bends = np.diag(jax.hessian(mean)(found))
    np.testing.assert_allclose(losses.squared_hinge.curvature(jnp.asarray(shares)), bends)


@pytest.mark.parametrize("features", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_discriminants_of_components(features):
    """scikit-learn's PCA and shrunken LDA, of fewer features than samples and of more."""
    x, y = samples(features=features, seed=4)
    weight = np.r_[np.ones(70), np.zeros(20)]
    z = StandardScaler().fit(x[:70]).transform(x)
    given = (jnp.asarray(z), jnp.asarray(y), jnp.asarray(weight))
    made = component_lda(*given, CLASSES, (2, 5))
    for k, count in enumerate((2, 5)):
        pca = PCA(count).fit(z[:70])
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        lda.fit(pca.transform(z[:70]), y[:70])
        scores = jax.nn.softmax(jnp.asarray(z) @ made.kernel[k] + made.bias[k], axis=-1)
        np.testing.assert_allclose(scores, lda.predict_proba(pca.transform(z)), atol=5e-3)


def test_a_grid_of_no_features_is_refused():
    with pytest.raises(ValueError, match="counts is"):
        areas.screening([0, 3], CLASSES)
