"""`areas.identify` in one call: classifiers on identical folds, each group held out once."""

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

import jaxneuro as jn
from jaxneuro import areas, models
from jaxneuro.areas import contenders

NAMES = np.array(["V1", "MT", "IT"])
FEW = (1e-2, 1.0)


def patterns(runs=4, each=24, features=25, seed=0):
    """Patterns of three areas, three features of which tell them apart; labels; runs."""
    rng = np.random.default_rng(seed)
    run = np.repeat(np.arange(runs), each)
    code = np.concatenate([rng.permutation(np.arange(each) % 3) for _ in range(runs)])
    x = rng.normal(size=(runs * each, features)) * 3 + 10
    x[np.arange(len(x)), code] += 5
    return x, NAMES[code], run


@pytest.fixture(scope="module")
def found():
    x, labels, run = patterns()
    known = {"LDA": contenders.closed_form("lda"), "softmax": contenders.softmax(FEW),
             "components": contenders.components((2, 5))}  # fmt: skip
    return areas.identify(x, labels, groups=run, classifiers=known, resamples=199)


def test_every_group_is_held_out_once(found):
    _, _, run = patterns()
    test, train = found.splits.test[:, -1] > 0, found.splits.train[:, -1] > 0
    np.testing.assert_array_equal(test, run == np.arange(4)[:, None])
    np.testing.assert_array_equal(train, ~test)
    assert found.held.all() and not np.isnan(found.predictions).any()
    for outer in range(4):  # nor do inner folds divide a group
        for fitted, scored in zip(found.splits.train[outer, :-1] > 0,
                                  found.splits.test[outer, :-1] > 0, strict=True):  # fmt: skip
            assert not set(run[fitted]) & set(run[scored])
            assert not set(run[fitted | scored]) & {outer}


def test_each_sample_is_told_by_fits_of_the_other_runs(found):
    """scikit-learn's shrunken LDA, run by run."""
    x, labels, run = patterns()
    for left in range(4):
        train = run != left
        scale = StandardScaler().fit(x[train])
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        theirs.fit(scale.transform(x[train]), labels[train])
        told = theirs.predict_proba(scale.transform(x[~train]))
        np.testing.assert_allclose(found.predictions_of("LDA")[~train], told, atol=3e-3)
    right = (names_of(found)[found.predictions_of("LDA").argmax(axis=1)] == labels).mean()
    assert found.sure["LDA"].mean == pytest.approx(right, abs=1e-6)
    assert found.sure["LDA"].mean_p < 0.02


def names_of(found):
    return np.array(found.classes)


def test_each_outer_fold_chooses_by_its_own_inner_scores(found):
    for outer, name in enumerate(found.by_fold):
        worth = {n: one.by_fold[outer] for n, one in found.classifiers.items()}
        assert worth[name] == max(worth.values())
        held = found.splits.test[outer, -1] > 0
        np.testing.assert_array_equal(found.predictions[held], found.predictions_of(name)[held])


def test_labels_held_out_change_nothing_that_is_said_of_them(found):
    """Of one run, labels turned round: its predictions, and who makes them, stay."""
    x, labels, run = patterns()
    other = np.where(run == 2, np.roll(labels, 5), labels)
    known = {"LDA": contenders.closed_form("lda"), "components": contenders.components((2, 5))}
    first = areas.identify(x, labels, groups=run, classifiers=known, resamples=19)
    second = areas.identify(x, other, groups=run, classifiers=known, resamples=19)
    assert first.by_fold[2] == second.by_fold[2]
    np.testing.assert_array_equal(first.predictions[run == 2], second.predictions[run == 2])
    assert not np.array_equal(first.predictions[run == 1], second.predictions[run == 1])


def test_a_result_is_kept_and_read(found, tmp_path):
    x, _, _ = patterns()
    found.save(tmp_path / "a.jaxneuro")
    again = jn.load(tmp_path / "a.jaxneuro")
    assert isinstance(again, areas.Identified)
    assert repr(again) == repr(found) and again.notes == found.notes
    assert again.by_fold == found.by_fold
    np.testing.assert_array_equal(again.predictions, found.predictions)
    for name, values in found.table().items():
        np.testing.assert_array_equal(again.table()[name], values)
    for name in found.classifiers:
        told = found.predict(x, name)
        np.testing.assert_allclose(again.predict(x, name), told, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_page_is_written(found, tmp_path):
    pytest.importorskip("matplotlib")
    page = found.report(tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["job"] == "brain_areas" and told["score"] == pytest.approx(found.certain.mean)
    assert all(name in page.read_text() for name in found.classifiers)


def test_the_confusion_has_intervals(found):
    _, labels, _ = patterns()
    made = found.confusion(resamples=99)
    told = names_of(found)[found.predictions.argmax(axis=1)]
    for i, true in enumerate(found.classes):
        for j, taken in enumerate(found.classes):
            share = (told[labels == true] == taken).mean()
            assert made.estimate[i, j] == pytest.approx(share, abs=1e-6)
    assert (made.low <= made.estimate).all() and (made.estimate <= made.high).all()


def test_patterns_say_where_the_information_is(found):
    """Each area has a feature of its own."""
    x, _, _ = patterns()
    for name in ("LDA", "softmax"):
        assert found.weights(name).shape == (3, 25)
        pattern = found.patterns(x, name)
        for k, area in enumerate(found.classes):
            assert pattern[k].argmax() == list(NAMES).index(area)


@pytest.mark.slow
def test_classes_weigh_alike_where_asked():
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(["rare", "common"], [30, 210]))
    x = rng.normal(size=(240, 3)) + 0.7 * (labels == "rare")[:, None]
    run = np.arange(240) % 4
    known = {"LDA": contenders.closed_form("lda"), "softmax": contenders.softmax(FEW)}
    plain = areas.identify(x, labels, groups=run, classifiers=known, resamples=19)
    even = areas.identify(x, labels, groups=run, classifiers=known, balanced=True, resamples=19)
    assert any("balanced=True" in note for note in plain.notes)
    for row in even.splits.train.reshape(-1, 240):
        sums = [row[labels == name].sum() for name in ("rare", "common")]
        assert sums[0] == pytest.approx(sums[1], rel=1e-5)
    for name in known:
        told = names_of(even)[even.predictions_of(name).argmax(axis=1)]
        theirs = balanced_accuracy_score(labels, told)
        assert even.sure[name].mean == pytest.approx(theirs, abs=1e-6)
        before = names_of(plain)[plain.predictions_of(name).argmax(axis=1)]
        assert theirs > balanced_accuracy_score(labels, before) + 0.05
    assert even.score_name == "balanced accuracy" and even.constant == 0.5


def test_a_given_held_out_part_is_scored_once():
    x, labels, run = patterns(seed=4)
    test = run == 3
    known = {"LDA": contenders.closed_form("lda")}
    made = areas.identify(x, labels, groups=run, test=test, classifiers=known, resamples=19)
    np.testing.assert_array_equal(made.held, test)
    assert np.isnan(made.predictions[~test]).all() and len(made.by_fold) == 1


@pytest.mark.slow
def test_noise_is_told_by_its_p():
    rng = np.random.default_rng(5)
    run = np.repeat(np.arange(4), 15)
    labels = np.array(["a", "b", "c"])[np.arange(60) % 3]
    known = {"LDA": contenders.closed_form("lda")}
    made = [
        areas.identify(rng.normal(size=(60, 8)), labels, groups=run, classifiers=known,
                       resamples=199, seed=i).certain.mean_p
        for i in range(6)
    ]  # fmt: skip
    assert np.sum(np.array(made) <= 0.05) <= 2 and max(made) > 0.3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"x": np.full((96, 2), np.nan)}, "x has values that are NaN"),
        ({"labels": np.zeros(96)}, "labels has one class only"),
        ({"labels": NAMES}, "labels has 3 samples"),
        ({"groups": np.zeros(3)}, "groups has shape"),
        ({"dt": 0.0}, "dt is 0"),
        ({"classifiers": {}}, "classifiers is empty"),
    ],
)
def test_what_is_wrong_is_told_by_name(change, word):
    x, labels, run = patterns()
    given = {"x": x, "labels": labels, "groups": run} | change
    with pytest.raises(ValueError, match=word):
        areas.identify(given.pop("x"), given.pop("labels"), **given)


@pytest.mark.slow
def test_screening_finds_the_few_features_that_tell():
    x, labels, run = patterns(features=120, seed=6)
    known = {"softmax": contenders.softmax(FEW), "screened": contenders.screened((3, 30), FEW)}
    made = areas.identify(x, labels, groups=run, classifiers=known, resamples=19)
    assert made.sure["screened"].mean > made.sure["softmax"].mean
    assert made.classifiers["screened"].chosen["kept"] == 3
    assert made.chosen == "screened"


@pytest.mark.slow
@pytest.mark.parametrize("places", [(8, 8), (6, 6, 4)])
def test_images_and_volumes_have_networks(places):
    """A blob whose place is no matter: what is said of it is its sign, in one of two channels of
    very unlike units."""
    rng = np.random.default_rng(7)
    count = 120
    x = rng.normal(size=(count, *places, 2)) * [1e3, 1e-3] + [5e4, 0]
    sign = np.where(np.arange(count) % 2, 1, -1)
    for i in range(count):
        at = tuple(rng.integers(0, n - 2) for n in places)
        x[(i, *(slice(a, a + 2) for a in at), 1)] += 6e-3 * sign[i]
    labels = np.where(sign > 0, "up", "down")
    make = contenders.image_network if len(places) == 2 else contenders.volume_network
    small = models.cnn(2, (8,), (16,)) if len(places) == 2 else models.volume_cnn(2, (8,), (16,))
    known = {"network": make(small, steps=300)}
    made = areas.identify(x, labels, groups=np.arange(count) // 40, classifiers=known, resamples=19)
    assert made.certain.mean > 0.75
    told = made.predict(x[:10], "network")
    assert told.shape == (10, 2) and np.isfinite(told).all()


@pytest.mark.slow
def test_what_suits_the_data_is_compared():
    x, labels, run = patterns(runs=3, each=15)
    made = areas.identify(x, labels, groups=run, resamples=19)
    assert set(made.classifiers) == {"softmax regression", "LDA", "linear SVM", "screened softmax",
                                     "LDA of components", "MLP"}  # fmt: skip
    assert made.certain.mean > 0.5
