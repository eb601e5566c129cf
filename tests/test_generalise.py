"""Sliding and generalising decoders: against scikit-learn, and what must not be."""

import json

import numpy as np
import pytest

from jaxneuro import splits
from jaxneuro.classify.epochs import folds_of, permuted
from jaxneuro.decoding import generalise, sliding

discriminant = pytest.importorskip("sklearn.discriminant_analysis")
linear_model = pytest.importorskip("sklearn.linear_model")

TRIALS, WINDOWS, FEATURES, CLASSES = 60, 7, 5, 3
NAMES = np.array(["face", "house", "shoe"])
DECODERS = ("logistic", "lda", "max_correlation")


def epochs(classes=CLASSES, strength=1.5, seed=0):
    """x with a pattern of each class that lasts from window 2 to 4 and returns, upside down, in 6;
    every window has its own scale. Labels 0, 1, ..."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(TRIALS) % classes)
    pattern = rng.normal(size=(classes, FEATURES))[y]
    x = rng.normal(size=(TRIALS, WINDOWS, FEATURES))
    x[:, 2:5] += strength * pattern[:, None]
    x[:, 6] -= strength * pattern
    return (x * rng.uniform(0.5, 20, (WINDOWS, FEATURES)) + 3).astype(np.float32), y


X, Y = epochs()
FOLDS = splits.stratified(Y, 4)


def by_hand(make, x=X, y=Y, folds=FOLDS):
    """(train window, test window, trial) predictions of a scikit-learn classifier."""
    found = np.full((WINDOWS, WINDOWS, TRIALS), -1)
    for train, test in zip(folds.train > 0, folds.test > 0, strict=True):
        x_train, x_test = x[train], x[test]
        mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
        z_train, z_test = (x_train - mean) / deviation, (x_test - mean) / deviation
        for window in range(WINDOWS):
            model = make().fit(z_train[:, window], y[train])
            for tested in range(WINDOWS):
                found[window, tested, test] = model.predict(z_test[:, tested])
    return found


class Correlation:
    def fit(self, x, y):
        self.means = np.stack([x[y == c].mean(axis=0) for c in np.unique(y)])
        return self

    def predict(self, x):
        return np.corrcoef(x, self.means)[: len(x), len(x) :].argmax(axis=1)


PEERS = {
    "lda": lambda: discriminant.LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "logistic": lambda: linear_model.LogisticRegression(
        C=1 / (1.0 * (1 / 3) * (2 / 3) * 45), max_iter=1000, tol=1e-7
    ),
    "max_correlation": Correlation,
}


@pytest.mark.parametrize("decoder", DECODERS)
def test_is_a_loop_over_windows_folds_and_test_windows(decoder):
    found, expected = generalise(X, NAMES[Y], FOLDS, decoder), by_hand(PEERS[decoder])
    assert (found.codes == expected).mean() > 0.999
    assert (found.predictions == NAMES[found.codes]).all()
    right = found.codes == Y
    np.testing.assert_allclose(found.accuracy, right.mean(axis=-1), atol=1e-12)
    for k, test in enumerate(FOLDS.test > 0):
        np.testing.assert_allclose(found.fold_accuracy[k], right[..., test].mean(axis=-1))
    assert found.accuracy.shape == (WINDOWS, WINDOWS) and found.folds == FOLDS.names
    confusion = found.confusion
    np.testing.assert_allclose(np.trace(confusion, axis1=2, axis2=3) / TRIALS, found.accuracy)
    assert (confusion.sum(axis=3) == np.bincount(Y)).all()
    # The pattern is there from 2 to 4, and stands on its head in 6.
    assert found.accuracy[2:5, 2:5].min() > 0.6 and found.accuracy[2:5, 6].max() < 0.2
    assert found.accuracy[:2, :2].max() < 0.5


@pytest.mark.parametrize("decoder", DECODERS)
def test_sliding_is_the_diagonal(decoder):
    count = 0 if decoder == "logistic" else 19  # a program less
    whole = generalise(X, Y, FOLDS, decoder, permutations=count)
    found = sliding(X, Y, FOLDS, decoder, permutations=19, windows=np.arange(WINDOWS) / 10)
    np.testing.assert_array_equal(found.accuracy, np.diag(whole.accuracy))
    np.testing.assert_array_equal(found.codes, whole.codes[range(WINDOWS), range(WINDOWS)])
    if count:
        np.testing.assert_array_equal(found.p_alone, np.diag(whole.p_alone))
        assert (found.null <= whole.null).all()
    assert (found.p >= found.p_alone).all()
    assert (found.p[2:5] == 1 / 20).all() and (found.p[:2] > 0.05).all()
    assert "at 0." in repr(found) and "→" in repr(whole)


def test_two_classes_and_shrinkage_given():
    x, y = epochs(classes=2)
    folds = splits.stratified(y, 3)
    made = generalise(x, y == 1, folds, "lda", shrinkage=0.3)
    expected = by_hand(
        lambda: discriminant.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3), x, y, folds
    )
    assert (made.codes == expected).mean() > 0.998 and made.predictions.dtype == bool
    assert (made.strength == np.float32(0.3)).all()


@pytest.mark.parametrize("size", [1e3, 1e12])
def test_nothing_of_the_test_trials_reaches_what_is_trained(size):
    """With some test trials of fold 0 changed, the others are still taken for the same by it."""
    test = np.flatnonzero(FOLDS.test[0])
    kept, changed = test[:5], test[5:]
    spoiled, labels = X.copy(), Y.copy()
    spoiled[changed] = size * np.random.default_rng(1).normal(size=spoiled[changed].shape)
    labels[changed] = np.roll(labels[changed], 1)
    for decoder in DECODERS:
        before, after = (
            generalise(X, Y, FOLDS, decoder),
            generalise(spoiled, labels, FOLDS, decoder),
        )
        np.testing.assert_array_equal(before.codes[..., kept], after.codes[..., kept])
        assert (before.codes != after.codes).any()
    clean, made = (
        sliding(*given, FOLDS, l2=[0.01, 1, 100]) for given in ((X, Y), (spoiled, labels))
    )
    np.testing.assert_array_equal(made.strength[:, 0], clean.strength[:, 0])
    assert (made.strength != clean.strength).any()


@pytest.mark.parametrize("decoder", DECODERS)
def test_labels_that_mean_nothing_give_chance(decoder):
    rng = np.random.default_rng(5)
    found = [sliding(X, rng.permutation(Y), FOLDS, decoder).accuracy for _ in range(20)]
    assert abs(np.mean(found) - 1 / 3) < 0.04


def test_p_is_uniform_or_larger_under_the_null():
    rng, found = np.random.default_rng(6), []
    for _ in range(40):
        found.append(sliding(X, rng.permutation(Y), FOLDS, "lda", permutations=19).p.min())
    assert np.mean(np.array(found) <= 0.05) < 0.2 and np.min(found) >= 0.05


def test_an_onset_is_found_where_it_is():
    rng = np.random.default_rng(7)
    trials, windows, onset = 80, 40, 20
    y = rng.permutation(np.arange(trials) % 2)
    x = rng.normal(size=(trials, windows, 8))
    x[:, onset:] += 0.8 * (y[:, None, None] - 0.5) * np.linspace(-2, 2, 8)
    found = sliding(x, y, splits.stratified(y, 5), "max_correlation", permutations=199)
    significant = np.flatnonzero(found.p <= 0.05)
    assert onset <= significant[0] <= onset + 2


@pytest.mark.parametrize("decoder", DECODERS)
def test_bad_windows_harm_no_other(decoder):
    count = 0 if decoder == "logistic" else 19  # a program less
    spoiled = X.copy()
    spoiled[3, 1, 2] = np.nan
    spoiled[:, 5] = 7.0  # silent
    with pytest.warns(
        UserWarning, match="1 of 7 windows have values that are not finite.*window 1"
    ):
        found = generalise(spoiled, NAMES[Y], FOLDS, decoder, permutations=count)
    clean, rest = generalise(X, NAMES[Y], FOLDS, decoder), np.array([0, 2, 3, 4, 6])
    assert np.isnan(found.accuracy[1]).all() and np.isnan(found.accuracy[:, 1]).all()
    if count:
        assert np.isnan(found.p[1]).all() and np.isfinite(found.p[np.ix_(rest, rest)]).all()
    assert (found.codes[1] == -1).all() and (found.predictions[:, 1] == "").all()
    np.testing.assert_array_equal(found.codes[np.ix_(rest, rest)], clean.codes[np.ix_(rest, rest)])
    assert np.isfinite(found.accuracy[5, rest]).all()


@pytest.mark.slow
def test_strengths_are_chosen_on_inner_folds():
    found = sliding(X, Y, FOLDS, l2=[0.01, 1, 100])
    assert found.strength.shape == (WINDOWS, 4) and set(np.unique(found.strength)) <= {
        np.float32(0.01), 1, 100,
    }  # fmt: skip
    assert found.strength[:2].mean() > found.strength[2:5].mean()  # nothing there to fit
    nested = splits.nested(FOLDS, lambda index: splits.stratified(Y[index], 3))
    np.testing.assert_array_equal(sliding(X, Y, nested, l2=[100, 1, 0.01]).codes, found.codes)
    np.testing.assert_array_equal(
        sliding(X, Y, nested, l2=1.0).codes, sliding(X, Y, FOLDS, l2=1.0).codes
    )
    permuted = sliding(X, Y, nested, l2=[0.01, 1, 100], permutations=3)
    assert permuted.null.shape == (3,) and (permuted.p[2:5] == 0.25).all()


def test_permutations_of_one_window_are_those_of_the_window_among_others():
    alone = sliding(X[:, 3:4], Y, FOLDS, permutations=9)
    among = sliding(X[:, 3:6], Y, FOLDS, permutations=9)
    assert alone.p_alone[0] == among.p_alone[0]
    assert alone.accuracy[0] == among.accuracy[0]
    assert alone.null.max() > 0 and (alone.null <= among.null).all()


def test_labels_change_places_within_groups_only():
    outer, groups = splits.k_fold(12, 3), np.arange(12) % 2
    labels = np.arange(12, dtype=np.int32) + 100 * groups
    drawn = permuted(labels, outer, groups, 50, seed=0)
    assert drawn.shape == (50, 12) and (drawn // 100 == groups).all()
    assert len(np.unique(drawn, axis=0)) == 50
    assert (np.sort(drawn, axis=1) == np.sort(labels)).all()


def test_inner_folds_keep_groups_whole():
    groups = np.arange(TRIALS) % 6
    outer, inner = folds_of(splits.leave_one_group_out(groups), Y, groups, True)
    assert inner.train.shape == (6, 4, TRIALS)
    for part in inner.train[:, :-1].reshape(-1, TRIALS):
        assert all(np.ptp(part[groups == group]) == 0 for group in range(6))
    np.testing.assert_array_equal(inner.train[:, -1], outer.train)


def test_units_and_offsets_of_windows_do_not_matter():
    far = X.astype(np.float64) * 1e-13 + 5e-13 * np.arange(WINDOWS)[:, None]
    for decoder in DECODERS:
        found, expected = generalise(far, Y, FOLDS, decoder), generalise(X, Y, FOLDS, decoder)
        assert (found.codes == expected.codes).mean() > 0.999


def test_trials_that_no_fold_uses_do_not_matter():
    folds = splits.stratified(Y, 3, within=np.arange(TRIALS) < 50)
    spoiled, labels = X.copy(), Y.copy()
    spoiled[55:], labels[50:] = np.nan, 2
    found, expected = (
        sliding(x, y, folds, "max_correlation") for x, y in ((spoiled, labels), (X, Y))
    )
    np.testing.assert_array_equal(found.codes[:, :50], expected.codes[:, :50])
    assert (found.codes[:, 50:] == -1).all() and np.isnan(found.predictions[:, 50:]).all()


def test_folds_of_scikit_learn_and_of_pairs():
    selection = pytest.importorskip("sklearn.model_selection")
    splitter = selection.RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    pairs = list(splitter.split(X[:, 0], Y))
    found = sliding(X, Y, splitter, "max_correlation")
    again = sliding(X, Y, pairs, "max_correlation")
    np.testing.assert_array_equal(found.accuracy, again.accuracy)
    np.testing.assert_allclose(found.accuracy, found.fold_accuracy.mean(axis=0))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"x": X[:, :, 0, None, None][:10]}, "x has 10 trials and y has 60"),
        ({"x": X[:, 0, 0]}, r"it must be numbers \(trial, window, \*feature\)"),
        ({"y": np.full(TRIALS, 2)}, "one class only"),
        ({"splits": splits.k_fold(30, 2)}, "splits are of 30 trials"),
        ({"y": np.where(np.arange(TRIALS) < 15, "ape", "man"), "splits": splits.k_fold(TRIALS, 4)},
         "fold 0 has no training trial of class 'ape'"),
        ({"decoder": "svm"}, "decoder is 'svm': one of 'logistic', 'lda', 'max_correlation'"),
        ({"l2": 0}, "l2 is 0"),
        ({"decoder": "lda", "shrinkage": 2}, "shrinkage is 2"),
        ({"decoder": "lda", "shrinkage": 0, "x": np.tile(X, 9)}, "lda without shrinkage"),
        ({"permutations": -1}, "permutations is -1"),
        ({"windows": [0.1]}, "1 names for the 7 windows"),
        ({"groups": [1]}, "groups is"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(given, message):
    arguments = {"x": X, "y": Y, "splits": FOLDS} | given
    with pytest.raises(ValueError, match=message):
        generalise(**arguments)


def test_no_folds_are_named():
    with pytest.raises(TypeError, match="splits is 3"):
        generalise(X, Y, 3)


@pytest.mark.parametrize("one", [sliding, generalise])
def test_a_page_and_a_table(one, tmp_path):
    pytest.importorskip("jinja2")
    times = np.round(np.linspace(-0.1, 0.5, WINDOWS), 2)
    found = one(X, Y, FOLDS, "max_correlation", permutations=19, windows=times)
    assert found.chance == pytest.approx(1 / CLASSES)
    table = found.table()
    assert len(table["accuracy"]) == found.accuracy.size
    if one is generalise:
        row = 3 * WINDOWS + 6
        assert (table["trained"][row], table["tested"][row]) == (str(times[3]), str(times[6]))
        assert table["accuracy"][row] == found.accuracy[3, 6]
    page = found.report(tmp_path, unit="s").read_text()
    assert "corrected for all windows" in page
    assert (tmp_path / "course.png").is_file()
    assert (tmp_path / "generalisation.png").is_file() == (one is generalise)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["fits"] == WINDOWS * 4 * 20 and summary["score"] == np.nanmax(found.accuracy)
