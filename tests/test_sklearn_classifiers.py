"""Classifiers of scikit-learn's kind against scikit-learn's own."""

import numpy as np
import optax
import pytest
import sklearn.linear_model as peers
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

import jaxneuro as jn
from jaxneuro.sklearn import FitClassifier, LinearClassifier, NetworkClassifier

pytestmark = pytest.mark.usefixtures("hasty")
SAMPLES = 90
NAMES = np.array(["V1", "IT", "MT"])


def recording(classes=3):
    """x of unlike units, labels (sample,) as strings, weights with zeros."""
    random = np.random.default_rng(2)
    labels = np.arange(SAMPLES) % classes
    x = random.normal(size=(SAMPLES, 4)) + 1.2 * np.eye(3, 4)[labels]
    return x * [1, 10, 0.1, 1] + [0, 5, 0, 0], NAMES[labels], random.integers(0, 4, SAMPLES) * 1.0


def peer(l2, x, y, weight):
    scaler = StandardScaler().fit(x, sample_weight=weight)
    share = np.array([weight[y == name].sum() + 0.5 for name in np.unique(y)])
    share = share / share.sum()
    strength = l2 * (share * (1 - share)).mean() * weight.sum()
    c = (2 if len(share) == 2 else 1) / strength
    model = peers.LogisticRegression(C=c, solver="newton-cg", tol=1e-10, max_iter=10000)
    return scaler, model.fit(scaler.transform(x), y, sample_weight=weight)


@pytest.mark.parametrize(
    ("classes", "weighted"), [(3, False), (3, True), pytest.param(2, True, marks=pytest.mark.slow)]
)
def test_probabilities_are_those_of_scikit_learn(classes, weighted):
    x, y, weight = recording(classes)
    weight = weight if weighted else np.ones(SAMPLES)
    ours = LinearClassifier(0.05).fit(x, y, sample_weight=weight if weighted else None)
    scaler, wanted = peer(0.05, x, y, weight)
    assert list(ours.classes_) == sorted(NAMES[:classes])
    assert (
        ours.coef_.shape == wanted.coef_.shape and ours.intercept_.shape == wanted.intercept_.shape
    )
    np.testing.assert_allclose(ours.coef_, wanted.coef_ / scaler.scale_, rtol=1e-4, atol=1e-6)
    z = scaler.transform(x)
    np.testing.assert_allclose(ours.predict_proba(x), wanted.predict_proba(z), atol=1e-5)
    found, ahead = ours.decision_function(x), wanted.decision_function(z)
    assert found.shape == ahead.shape
    if classes > 2:
        found, ahead = (a - a.mean(axis=1, keepdims=True) for a in (found, ahead))
    np.testing.assert_allclose(found, ahead, atol=1e-4)
    np.testing.assert_array_equal(ours.predict(x), wanted.predict(z))
    assert ours.score(x, y) == (ours.predict(x) == y).mean()
    assert ours.statuses_.shape == ours.n_iter_.shape == ours.l2_.shape == (1,)


@pytest.mark.slow
def test_the_strength_is_chosen_by_the_loss_of_stratified_folds():
    x, y, _ = recording()
    strengths, losses = [0.001, 0.03, 10.0], []
    ours = LinearClassifier(strengths, cv=3).fit(x, y)
    for strength in strengths:
        parts = []
        for train, test in StratifiedKFold(3).split(x, y):
            scaler, model = peer(strength, x[train], y[train], np.ones(len(train)))
            parts.append(log_loss(y[test], model.predict_proba(scaler.transform(x[test]))))
        losses.append(np.mean(parts))
    assert ours.l2_[0] == strengths[np.argmin(losses)]
    np.testing.assert_allclose(ours.inner_scores_, min(losses), rtol=1e-3)


def test_whole_numbers_of_any_kind_are_labels():
    x, y, _ = recording()
    numbers = np.select([y == name for name in NAMES], [-7, 1000, 3])
    ours = LinearClassifier().fit(x, numbers)
    assert list(ours.classes_) == [-7, 3, 1000] and ours.score(x, numbers) > 0.6
    with pytest.raises(ValueError, match="one class only"):
        LinearClassifier().fit(x, np.full(SAMPLES, "V1"))


@pytest.mark.slow
def test_a_recipe_may_be_made_for_the_number_of_classes():
    x, y, _ = recording()
    hyper = {"l2": [1e-3, 0.05]}
    ours = FitClassifier(jn.areas.softmax_regression, hyper, cv=3, metric="accuracy").fit(x, y)
    same = FitClassifier(jn.areas.softmax_regression(3), {"l2": ours.hyper_["l2"][0]}).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), same.predict_proba(x), atol=1e-4)
    linear = LinearClassifier(ours.hyper_["l2"][0]).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), linear.predict_proba(x), atol=0.01)
    many = FitClassifier(jn.areas.softmax_regression(4), {"l2": 0.1}).fit(x, y)
    with pytest.raises(ValueError, match="number of classes"):
        many.predict(x)
    with pytest.raises(TypeError, match="recipe gives"):
        FitClassifier(lambda classes: classes).fit(x, y)


def _sgd(hyper):
    return optax.sgd(hyper["learning_rate"])


@pytest.mark.slow
def test_a_fit_that_diverges_is_refused():
    x, y, _ = recording()
    recipe = jn.make_fit(
        jn.models.mlp((4,), 3), jn.losses.cross_entropy, _sgd,
        stop=jn.Stop(max_steps=50, gradient=0, plateau=0),
    )  # fmt: skip
    with (
        pytest.warns(Warning, match="diverged"),
        pytest.raises(ValueError, match="smaller learning rate"),
    ):
        FitClassifier(recipe, {"learning_rate": 1e20}).fit(x * 1e6, y)


@pytest.mark.slow
def test_images_and_networks():
    random = np.random.default_rng(0)
    images = random.normal(size=(60, 8, 8))
    y = np.where(np.arange(60) % 2 == 0, "left", "right")
    images[y == "left", :, :4] += 1.0
    rows = images.reshape(60, 64)
    cnn = FitClassifier(
        lambda classes: jn.areas.network(jn.models.cnn(classes, (4,), (8,)), 60, 20),
        {"learning_rate": 0.01, "weight_decay": 1e-4}, shape=(8, 8), random_state=0,
    ).fit(rows, y)  # fmt: skip
    assert cnn.score(rows, y) > 0.9 and cnn.predict_proba(rows).shape == (60, 2)
    network = NetworkClassifier((8,), random_state=0).fit(rows, y)
    assert network.score(rows, y) > 0.9
    np.testing.assert_array_equal(network.fit(rows, y).predict_proba(rows),
                                  NetworkClassifier((8,), random_state=0).fit(rows, y)
                                  .predict_proba(rows))  # fmt: skip
