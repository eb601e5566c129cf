"""Common spatial patterns and the tangent space against SciPy, MNE and pyRiemann; within folds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxneuro import splits
from jaxneuro.decoding import epoch_choice, spatial, tangent
from jaxneuro.decoding.epoch_decoding import decode_epochs

TRIALS, CHANNELS, TIMES = 60, 5, 80

covariances = jax.jit(spatial.covariances)
csp = jax.jit(spatial.csp, static_argnums=(3, 4))
tangent_space = jax.jit(tangent.tangent_space)


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


def epochs(classes: int = 2, trials: int = TRIALS, gain: float = 2.0):
    """Sources mixed into channels; of each class another one is louder."""
    rng = np.random.default_rng(0)
    y = np.arange(trials) % classes
    sources = rng.normal(size=(trials, CHANNELS, TIMES))
    sources[np.arange(trials), y] *= gain
    mixing = rng.normal(size=(CHANNELS, CHANNELS))
    x = np.einsum("cs,nst->nct", mixing, sources)
    return x - x.mean(axis=2, keepdims=True), y, mixing


def made(x):
    return covariances(jnp.asarray(x, jnp.float32))


def test_filters_are_those_of_the_generalised_eigenproblem() -> None:
    x, y, _ = epochs()
    weight = np.where(np.arange(TRIALS) < 10, 0, 1.0)
    weight[20:24] = 2
    found = csp(made(x), jnp.asarray(y), jnp.asarray(weight), 2, 4)
    one, other = (
        np.average([a @ a.T / TIMES for a in x[y == k]], axis=0, weights=weight[y == k])
        for k in (0, 1)
    )
    share, vectors = scipy.linalg.eigh(one, one + other)
    order = [-1, 0, -2, 1]
    np.testing.assert_allclose(found.share, share[order], atol=1e-5)
    for filter_, wanted in zip(np.asarray(found.filters), vectors.T[order], strict=True):
        assert abs(filter_ @ (one + other) @ wanted) > 1 - 1e-4
    np.testing.assert_allclose(found.filters @ found.patterns.T, np.eye(4), atol=1e-4)


@pytest.mark.slow
def test_patterns_are_the_mixing() -> None:
    x, y, mixing = epochs(trials=400)
    found = csp(made(x), jnp.asarray(y), jnp.ones(400), 2, 2)
    for pattern, column in zip(np.asarray(found.patterns), mixing.T, strict=False):
        assert abs(np.corrcoef(pattern, column)[0, 1]) > 0.99


@pytest.mark.slow
def test_units_and_a_reference_change_nothing() -> None:
    x, y, _ = epochs(3)
    covariance = made(x)
    found = csp(covariance, jnp.asarray(y), jnp.ones(TRIALS), 3, 2).features(covariance)
    assert found.shape == (TRIALS, 6)
    unit = jnp.asarray([1e-3, 1, 1e3, 1, 10])
    scaled = covariance * unit[:, None] * unit
    again = csp(scaled, jnp.asarray(y), jnp.ones(TRIALS), 3, 2).features(scaled)
    np.testing.assert_allclose(again, found, atol=1e-3)
    referenced = made(np.concatenate([x, -x.sum(axis=1, keepdims=True)], axis=1))
    same = csp(referenced, jnp.asarray(y), jnp.ones(TRIALS), 3, 2).features(referenced)
    np.testing.assert_allclose(same, found, atol=1e-3)


@pytest.mark.slow
def test_csp_is_that_of_mne() -> None:
    decoding = pytest.importorskip("mne.decoding")
    x, y, _ = epochs()
    theirs = decoding.CSP(4, cov_est="epoch", component_order="alternate").fit_transform(x, y)
    covariance = made(x) * TIMES / (TIMES - 1)  # theirs is the estimate without bias
    ours = csp(covariance, jnp.asarray(y), jnp.ones(TRIALS), 2, 4).features(covariance)
    alike = np.abs(np.corrcoef(np.asarray(ours).T, theirs.T)[:4, 4:])
    assert sorted(alike.argmax(axis=1)) == [0, 1, 2, 3]
    assert alike.max(axis=1).min() > 1 - 1e-4


def power(matrix, function):
    values, vectors = scipy.linalg.eigh(matrix)
    return (vectors * function(values)) @ vectors.T


def test_the_tangent_space_is_the_textbooks() -> None:
    x, _, _ = epochs()
    covariance = made(x)
    weight = np.where(np.arange(TRIALS) < 20, 0, 1.0)
    found = tangent_space(covariance, jnp.asarray(weight), 0.0)
    gain = np.asarray(found.gain)
    own = np.asarray(covariance, np.float64) * gain[:, None] * gain
    mean = own[20:].mean(axis=0)
    for _ in range(50):
        root, white = power(mean, np.sqrt), power(mean, lambda v: v**-0.5)
        ahead = np.mean([power(white @ c @ white, np.log) for c in own[20:]], axis=0)
        mean = root @ power(ahead, np.exp) @ root
    assert np.linalg.norm(ahead) < 1e-10
    np.testing.assert_allclose(found.mean, mean, atol=1e-4)
    features = np.asarray(jax.jit(tangent.Tangent.features)(found, covariance))
    squares = np.square(features).sum(axis=1)
    distances = [np.square(np.log(scipy.linalg.eigh(c, mean)[0])).sum() for c in own]
    np.testing.assert_allclose(squares, distances, rtol=2e-3)


@pytest.mark.slow
def test_the_tangent_space_is_that_of_pyriemann() -> None:
    pyriemann = pytest.importorskip("pyriemann.tangentspace")
    covariance = made(epochs()[0])
    found = tangent_space(covariance, jnp.ones(TRIALS), 0.0)
    gain = np.asarray(found.gain, np.float64)
    own = np.asarray(covariance, np.float64) * gain[:, None] * gain
    theirs = pyriemann.TangentSpace().fit_transform(own)
    np.testing.assert_allclose(
        jax.jit(tangent.Tangent.features)(found, covariance), theirs, atol=1e-3
    )


@pytest.mark.parametrize("features", ["csp", pytest.param("tangent", marks=pytest.mark.slow)])
def test_categories_of_epochs(features) -> None:
    x, y, _ = epochs(3, gain=1.6)
    names = np.array(["left", "right", "feet"])[y]
    folds = splits.stratified(y, 3)
    found = decode_epochs(x * 1e-14 + 1e-9, names, folds, features, permutations=19)
    assert found.accuracy > 0.8 and found.p == 0.05
    assert found.null is not None and abs(found.null.mean() - 1 / 3) < 0.08
    np.testing.assert_array_equal(found.classes, ["feet", "left", "right"])
    right = found.codes == found.labels
    np.testing.assert_array_equal(found.predictions == names, right)
    assert found.accuracy == pytest.approx(right.mean())
    np.testing.assert_allclose(found.fold_accuracy, [right[t > 0].mean() for t in folds.test])
    assert np.trace(found.confusion) == right.sum() and found.confusion.sum() == TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("features", ["csp", "tangent"])
def test_what_is_held_out_is_never_seen(features) -> None:
    x, y, _ = epochs(3, gain=1.3)
    folds = splits.stratified(y, 3)
    before = decode_epochs(x, y, folds, features, decoder="logistic").codes
    test = np.flatnonzero(folds.test[0])
    x[test[1:]] *= 100 * np.random.default_rng(1).normal(size=(len(test) - 1, CHANNELS, 1))
    y[test[1:]] = (y[test[1:]] + 1) % 3
    after = decode_epochs(x, y, folds, features, decoder="logistic").codes
    assert after[test[0]] == before[test[0]]
    assert (after[test[1:]] != before[test[1:]]).any()


@pytest.mark.slow
def test_trials_of_no_fold_may_be_anything() -> None:
    x, y, _ = epochs()
    folds = splits.from_indices([(np.arange(40), np.arange(40, 55))], TRIALS)
    expected = decode_epochs(x, y, folds, "tangent", shrinkage=0).codes
    x[55:] = np.nan
    np.testing.assert_array_equal(
        decode_epochs(x, y, folds, "tangent", shrinkage=0).codes, expected
    )
    x[3, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"1 trials have values that are not finite.* trial 3"):
        decode_epochs(x, y, folds)


def test_components_are_chosen_on_inner_folds() -> None:
    """Two of five sources tell the classes: one component sees one, five see noise besides."""
    x, y, _ = epochs(trials=96, gain=1.4)
    folds = splits.stratified(y, 3)
    nested = splits.nested(folds, lambda index: splits.stratified(y[index], 3))
    few = (1, 4)
    found = decode_epochs(x, y, nested, components=few)
    assert (
        found.inner is not None
        and found.inner.shape == (3, 2)
        and set(found.chosen) == {"components"}
    )
    each = [decode_epochs(x, y, folds, components=n) for n in few]
    for k, test in enumerate(folds.test > 0):
        best = int(np.argmax(found.inner[k].round(9)))
        assert found.chosen["components"][k] == few[best]
        np.testing.assert_array_equal(found.codes[test], each[best].codes[test])
    rows = epoch_choice.inner_splits(nested)
    right = [decode_epochs(x, y, rows, components=n).fold_accuracy for n in few]
    count = rows.test.sum(axis=1)
    shares = (right * count).reshape(2, 3, 3).sum(axis=2) / count.reshape(3, 3).sum(axis=1)
    np.testing.assert_allclose(found.inner, shares.T)
    assert "components" in repr(found) and each[0].inner is None


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["lda", "logistic"])
def test_shrinkage_is_chosen_and_labels_that_mean_nothing_gain_nothing(decoder) -> None:
    x, y, _ = epochs(2, trials=40)
    x = x[:, :, :7]  # hardly more times than channels
    options = {"shrinkage": (0.0, 0.1, 0.5), "l2": (0.1, 1.0)}
    found = decode_epochs(x, y, splits.stratified(y, 4), "tangent", decoder, **options)
    assert found.inner is not None
    assert found.inner.shape == (4, 3 if decoder == "lda" else 6)
    assert set(found.chosen) == {"shrinkage"} | ({"l2"} if decoder == "logistic" else set())
    rng, p = np.random.default_rng(5), []
    for i in range(12):
        mixed = rng.permutation(y)
        null = decode_epochs(x, mixed, splits.stratified(mixed, 4), "tangent", decoder, **options,
                             permutations=19, seed=i)  # fmt: skip
        p.append(null.p)
    assert np.mean(np.array(p) <= 0.1) < 0.4 and np.mean(p) > 0.3


@pytest.mark.slow
def test_what_is_held_out_chooses_nothing() -> None:
    x, y, _ = epochs(2, gain=1.4)
    folds = splits.stratified(y, 3)
    first = splits.Splits(folds.train[:1], folds.test[:1], ("first",))
    before = decode_epochs(x, y, first, components=(1, 2, 4))
    test = np.flatnonzero(folds.test[0])
    x[test] *= 100 * np.random.default_rng(1).normal(size=(len(test), CHANNELS, 1))
    y[test] = 1 - y[test]
    after = decode_epochs(x, y, first, components=(1, 2, 4))
    np.testing.assert_array_equal(after.inner, before.inner)


def test_says_what_is_wrong() -> None:
    x, y, _ = epochs()
    folds = splits.stratified(y, 2)
    with pytest.raises(ValueError, match="features is 'ica'"):
        decode_epochs(x, y, folds, "ica")
    with pytest.raises(ValueError, match=r"must be numbers \(trial, channel, time\)"):
        decode_epochs(x[:, :, 0], y, folds)
    for wrong in ({"components": 0}, {"components": []}, {"components": [2, 1.5]},
                  {"shrinkage": [0.1, 1.1]}, {"l2": 0}):  # fmt: skip
        with pytest.raises(ValueError, match="components must be whole numbers from 1"):
            decode_epochs(x, y, folds, **wrong)
    rare = np.array([0, 0, 0, 1, 1, 2, 2, 0, 0])  # a class of one trial in a fold's training
    halves = splits.from_indices([(np.arange(0, 9, 2), np.arange(1, 9, 2))], 9)
    with pytest.raises(ValueError, match="inner, within outer fold 0"):
        decode_epochs(x[:9], rare, halves, components=[1, 2])
